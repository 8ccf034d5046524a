"""What happens on the batch tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from tts_app.batch.jsonl import MAX_FILE_BYTES
from tts_app.batch.surroundings import BatchRefused, UnknownBatch
from tts_app.errors import BadRequest, TtsError
from tts_app.web import refusals
from tts_app.web.context import Context
from tts_app.web.page import boxes, tables
from tts_app.web.page.admit import admit
from tts_app.web.page.language import is_chinese
from tts_app.web.page.once import Once
from tts_app.web.page.words import MESSAGES

PAGE_OWNER = "page"


class BatchHandlers:
    """The batch tab's handlers over one context."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._checking, self._starting = Once(), Once()

    def check(self, tasks: str | None, audio: str | None, request: gr.Request) -> Any:
        """Judge the file; run nothing. No change for a further click."""
        chinese = is_chinese(request.headers)
        with self._checking.only(request) as first:
            if not first:
                return gr.skip()
            try:
                admit(self.context, request)
                found = self.context.batches.check(_content(tasks), _bytes(audio), owner=PAGE_OWNER)
            except TtsError as error:
                return self._failure(error, chinese)
        return tables.preflight(found, chinese=chinese)

    def start(
        self,
        tasks: str | None,
        audio: str | None,
        owner: str,
        skip_bad: bool,
        batch_id: object,
        request: gr.Request,
    ) -> tuple[Any, Any, Any]:
        """Submit the file; return what is wrong with it, or how it is and its id for later looks."""
        chinese = is_chinese(request.headers)
        with self._starting.only(request) as first:
            if not first:
                return gr.skip(), gr.skip(), gr.skip()
            try:
                admit(self.context, request)
                self._require_ended(batch_id)
                status = self.context.batches.submit(
                    _content(tasks), _bytes(audio), owner=(owner or PAGE_OWNER).strip(), skip_bad=skip_bad
                )
            except BatchRefused as refused:
                return tables.preflight(refused.preflight, chinese=chinese), gr.skip(), gr.skip()
            except TtsError as error:
                return self._failure(error, chinese), gr.skip(), gr.skip()
        return "", tables.status(status, chinese=chinese), status.batch_id

    def look(self, batch_id: object, request: gr.Request) -> Any:
        """Return how the batch of this browser is; no change where there is none."""
        if not batch_id or not isinstance(batch_id, str):
            return gr.skip()
        try:
            status = self.context.batches.status(batch_id)
        except UnknownBatch:
            return gr.skip()
        return tables.status(status, chinese=is_chinese(request.headers))

    def cancel(self, batch_id: object, request: gr.Request) -> Any:
        """Give this browser's batch up."""
        if not batch_id or not isinstance(batch_id, str):
            return gr.skip()
        chinese = is_chinese(request.headers)
        try:
            status = self.context.batches.cancel(batch_id)
        except TtsError as error:
            return self._failure(error, chinese)
        return tables.status(status, chinese=chinese)

    def _require_ended(self, batch_id: object) -> None:
        """Raise TtsError while the batch that this browser shows goes on: it would be lost from sight."""
        if not isinstance(batch_id, str) or not batch_id:
            return
        try:
            state = self.context.batches.status(batch_id).state
        except UnknownBatch:
            return
        if not state.final:
            raise TtsError(*MESSAGES["batch_goes_on"])

    def _failure(self, error: TtsError, chinese: bool) -> str:
        refusals.count(self.context.metrics, error)
        return boxes.failure(error, chinese=chinese)


def _content(path: str | None) -> bytes:
    if path is None:
        raise BadRequest(
            "tasks",
            "no tasks file chosen",
            "未选择任务文件",
            "Choose a JSONL file.",
            fix_zh="请选择 JSONL 文件。",
        )
    return _read(path, "tasks", MAX_FILE_BYTES + 1)


def _bytes(path: str | None) -> bytes | None:
    return None if path is None else _read(path, "audio")


def _read(path: str, field: str, most: int = -1) -> bytes:
    """Return the first `most` bytes of what was uploaded. Raises BadRequest when it is no longer there."""
    try:
        with Path(path).open("rb") as upload:
            return upload.read(most)
    except OSError as error:
        raise BadRequest(
            field,
            "the file is no longer here: uploads are deleted after an hour",
            "文件已被清除（上传文件保留一小时）",
            "Upload it again.",
            fix_zh="请重新上传。",
        ) from error
