"""Answer requests one by one, while a reader thread sees cancel requests and the end of the pipe."""

from __future__ import annotations

import os
import queue
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

from tts_app.glm_worker import memory
from tts_app.glm_worker.failures import BAD_REQUEST, CONTEXT_DEAD, WorkerError, kind_of, message_of
from tts_app.glm_worker.model import GlmModel, Task
from tts_app.glm_worker.protocol import Garbage, Message, decode, encode, pack, unpack

Loader = Callable[[], GlmModel]


class Worker:
    """Owns the model and the two pipes."""

    def __init__(
        self, requests: BinaryIO, answers: BinaryIO, load: Loader, *, at_end: Callable[[], None] | None = None
    ) -> None:
        """`at_end` runs when the requests end; the default ends the process, whatever it is computing."""
        self._requests, self._answers, self._load = requests, answers, load
        self._at_end = at_end or (lambda: os._exit(0))  # the service is gone; nobody waits for a result
        self._waiting: queue.Queue[Message | None] = queue.Queue()
        self._cancelled: set[Any] = set()
        self._model: GlmModel | None = None

    def run(self) -> None:
        """Serve until the requests end."""
        threading.Thread(target=self._read, name="requests", daemon=True).start()
        while (request := self._waiting.get()) is not None:
            self._serve(request)

    def _read(self) -> None:
        for line in self._requests:
            try:
                message = decode(line)
            except Garbage as error:
                self._send({"event": "failed", "id": None, "kind": BAD_REQUEST, "message": str(error)})
                continue
            if message.get("op") == "cancel":
                self._cancelled.add(message.get("id"))
            else:
                self._waiting.put(message)
        self._at_end()
        self._waiting.put(None)

    def _send(self, message: Message) -> None:
        self._answers.write(encode(message))
        self._answers.flush()

    def _serve(self, request: Message) -> None:
        number = request.get("id")
        handlers = {"load": self._on_load, "speak": self._on_speak, "clear": self._on_clear}
        try:
            handler = handlers.get(str(request.get("op")))
            if handler is None:
                raise WorkerError(BAD_REQUEST, "unknown op")
            answer = handler(request)
        except Exception as error:  # noqa: BLE001 - the one worker loop: every failure becomes an answer
            answer = self._failure(request, error)
        self._cancelled.discard(number)
        self._send({**answer, "id": number})

    def _failure(self, request: Message, error: Exception) -> Message:
        pieces = request.get("pieces") or ()
        private = tuple(str(text) for text in (*pieces, request.get("prompt_text") or ""))
        kind = kind_of(error, private=private)
        cause = (error.__cause__ if isinstance(error, WorkerError) else None) or error
        where = [
            f"{frame.filename}:{frame.lineno} {frame.name}"
            for frame in traceback.extract_tb(cause.__traceback__)
        ]
        error.__traceback__ = cause.__traceback__ = None  # their frames hold the tensors
        if kind != CONTEXT_DEAD and self._model is not None:
            self._model.release()
        return {
            "event": "failed", "kind": kind, "message": message_of(error, private=private),
            "where": where[-6:], "memory": memory.report(),
        }  # fmt: skip

    def _on_load(self, _: Message) -> Message:
        if self._model is None:
            self._model = self._load()
        return {
            "event": "loaded", "device": self._model.device, "sample_rates": list(self._model.sample_rates),
            "memory": memory.report(),
        }  # fmt: skip

    def _on_speak(self, request: Message) -> Message:
        if self._model is None:
            raise WorkerError(BAD_REQUEST, "load first")
        number = request.get("id")
        task = task_from(request)
        samples = self._model.speak(
            task,
            on_piece=lambda done, total: self._send(
                {"event": "progress", "id": number, "done": done, "total": total}
            ),
            cancelled=lambda: number in self._cancelled,
        )
        self._model.release()
        return {
            "event": "spoken", "samples": pack(samples), "sample_rate": task.sample_rate,
            "memory": memory.report(),
        }  # fmt: skip

    def _on_clear(self, _: Message) -> Message:
        before = memory.report()
        if self._model is not None:
            self._model.release()
        return {"event": "cleared", "before": before, "after": memory.report()}


def task_from(request: Message) -> Task:
    """Return the task in a speak request. Raises WorkerError."""
    try:
        return Task(
            pieces=tuple(str(piece) for piece in request["pieces"]),
            piece_units=tuple(float(units) for units in request["units"]),
            sample_rate=int(request["sample_rate"]),
            seed=int(request["seed"]),
            prompt_text=str(request["prompt_text"]),
            prompt={int(rate): unpack(samples) for rate, samples in request["prompt"].items()},
            use_phoneme=bool(request.get("use_phoneme", False)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WorkerError(BAD_REQUEST, f"speak request: {type(error).__name__}") from error
