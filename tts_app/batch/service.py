"""Batches inside the running service: submit, watch, cancel, fetch; one runs at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from tts_app.batch.estimate import Limits
from tts_app.batch.journal import utc_now
from tts_app.batch.machine import read_machine
from tts_app.batch.preflight import Preflight, check, nothing
from tts_app.batch.problems import problem
from tts_app.batch.recordings import probe, read_reference
from tts_app.batch.shelf import Folder, Meta, Shelf
from tts_app.batch.speak import SpeechTaker
from tts_app.batch.status import BatchStatus, Entry, State
from tts_app.batch.submitted_run import SubmittedRun, judge
from tts_app.batch.surroundings import BatchRefused, Surroundings, UnknownBatch
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.work import MAX_OWNER_CHARS, is_owner, log_faults, new_batch_id
from tts_app.errors import BadRequest, Busy
from tts_app.settings import Settings

log = logging.getLogger(__name__)

RETRY_S = 30.0  # a paused batch looks again after this, or at once after wake()
KEEP_DAYS = 7
FORGET_EVERY_S = 3600.0
MAX_WAITING = 20  # batches that have not ended, of everybody
MAX_WAITING_PER_OWNER = 4


class BatchService:
    """Runs submitted batches one after the other on a thread of its own. Methods may be called from any."""

    def __init__(
        self,
        root: Path,
        archive_dir: Path,
        around: Surroundings,
        *,
        on_item: Callable[[str], None] = lambda _status: None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """`on_item` hears "ok" or "failed" for every item (metrics)."""
        self._shelf, self._archive_dir, self._around = Shelf(root), archive_dir, around
        self._on_item, self._now = on_item, now
        self._entries: dict[str, Entry] = {}
        self._lock = threading.Lock()
        self._bell = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="batches", daemon=True)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        speech: SpeechTaker,
        engine: Callable[[], EngineFacts],
        on_item: Callable[[str], None] = lambda _status: None,
    ) -> BatchService:
        """Return the service that `settings` describe; `engine` is asked at every check."""
        limits = Limits(
            max_tasks=settings.batch_max_tasks,
            max_chars=settings.batch_max_chars,
            max_text_chars=settings.max_chars,
        )
        around = Surroundings(
            engine=engine,
            speech=speech,
            probe=probe(settings),
            read_reference=read_reference(settings),
            machine=lambda out, archive: read_machine(out, archive, gpu=False),
            limits=limits,
            audio_dirs=settings.batch_audio_dirs,
            default_voice=settings.voice,
            longest_wait_s=settings.task_timeout_s * (settings.queue_limit + 1),
        )
        archive_dir = settings.outputs_dir / "batch"
        return cls(settings.data_dir / "batches", archive_dir, around, on_item=on_item)

    # -- life

    def start(self) -> None:
        """Take up what an earlier process left, then work."""
        for folder in self._shelf.all():
            if folder.submitted:
                self._take_up(folder)
            else:
                folder.remove()
        self._thread.start()

    def _take_up(self, folder: Folder) -> None:
        try:
            self._entries[folder.path.name] = Entry.found(folder)
        except (OSError, ValueError, KeyError, TypeError):  # one damaged folder must not end the service
            log.exception("batch=%s can't be read; it is left alone", folder.path.name)

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Finish the item in hand and end; True when that was in time. The next start does the rest."""
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether it takes up nothing more."""
        return self._stopping.is_set()

    def wake(self) -> None:
        """Look again now: the drain is over, the disk is free."""
        self._bell.set()

    # -- what people do

    def check(
        self, tasks: bytes, audio_zip: BinaryIO | bytes | None = None, *, owner: str = "check"
    ) -> Preflight:
        """Judge a file without running it; nothing is kept."""
        folder = self._shelf.folder(new_batch_id(self._now()))
        try:
            return self._check_new(folder, tasks, audio_zip, owner)
        finally:
            folder.remove()

    def submit(
        self,
        tasks: bytes,
        audio_zip: BinaryIO | bytes | None = None,
        *,
        owner: str,
        skip_bad: bool = False,
    ) -> BatchStatus:
        """Check a file and queue it. Raises BatchRefused with every problem, Busy when too many wait."""
        self._require_place(owner)
        meta = Meta(new_batch_id(self._now()), owner, self._now().isoformat(), skip_bad)
        folder = self._shelf.folder(meta.batch_id)
        kept = False
        try:
            preflight = self._check_new(folder, tasks, audio_zip, owner)
            if preflight.errors and not (skip_bad and preflight.can_skip):
                log_faults(preflight, batch_id=meta.batch_id, owner=owner)
                raise BatchRefused(preflight)
            folder.fill(meta, tasks)
            kept = True
        finally:
            if not kept:
                folder.remove()
        entry = Entry(folder, meta, State.WAITING, preflight=preflight)
        with self._lock:
            self._entries[meta.batch_id] = entry
        self._bell.set()
        return entry.status()

    def status(self, batch_id: str, owner: str | None = None) -> BatchStatus:
        """Return how a batch is. Raises UnknownBatch. `owner` None: whoever asks may see all."""
        return self._entry(batch_id, owner).status()

    def list(self, owner: str | None = None) -> Sequence[BatchStatus]:
        """Return all batches of `owner`, newest first."""
        with self._lock:
            entries = [e for e in self._entries.values() if owner is None or e.meta.owner == owner]
        return [entry.status() for entry in sorted(entries, key=lambda e: e.meta.batch_id, reverse=True)]

    def cancel(self, batch_id: str, owner: str | None = None) -> BatchStatus:
        """Give a batch up; the item in hand ends at its next piece. Harmless when it has ended."""
        entry = self._entry(batch_id, owner)
        entry.cancel()
        if entry.state is State.CANCELLED:
            entry.folder.drop_sound()
        self._bell.set()
        return entry.status()

    def result(self, batch_id: str, owner: str | None = None) -> Path:
        """Return the zip archive. Raises UnknownBatch when there is none (yet, or no more)."""
        self._entry(batch_id, owner)
        path = self._archive_dir / f"{batch_id}.zip"
        if not path.is_file():
            raise UnknownBatch
        return path

    # -- inside

    def _entry(self, batch_id: str, owner: str | None) -> Entry:
        with self._lock:
            entry = self._entries.get(batch_id)
        if entry is None or (owner is not None and entry.meta.owner != owner):
            raise UnknownBatch
        return entry

    def _require_place(self, owner: str) -> None:
        if not is_owner(owner):
            raise BatchRefused(nothing(problem("owner_bad", limit=MAX_OWNER_CHARS)))
        with self._lock:
            waiting = [e for e in self._entries.values() if not e.state.final]
        own = [e for e in waiting if e.meta.owner == owner]
        if len(waiting) >= MAX_WAITING or len(own) >= MAX_WAITING_PER_OWNER:
            raise Busy(60, "too many batches wait already", "等待中的批次过多，请稍后再试")

    def _check_new(
        self, folder: Folder, tasks: bytes, audio_zip: BinaryIO | bytes | None, owner: str
    ) -> Preflight:
        try:
            folder.unpack(BytesIO(audio_zip) if isinstance(audio_zip, bytes) else audio_zip)
        except BadRequest as bad:
            return nothing(problem("zip_bad", detail_en=bad.message_en, detail_zh=bad.message_zh))
        machine = self._around.machine(folder.path, self._archive_dir)
        return check(tasks, self._around.context(folder.audio, machine))

    def _work(self) -> None:
        self._list_lines()
        while not self._stopping.is_set():
            self._bell.clear()
            self._forget()
            with self._lock:
                waiting = [e for e in self._entries.values() if not e.state.final]
            for entry in waiting:
                if not self._stopping.is_set():
                    self._run_safely(entry)
            paused = any(not entry.state.final for entry in waiting)
            if not self._stopping.is_set():  # its bell may have been cleared above
                self._bell.wait(RETRY_S if paused else FORGET_EVERY_S)

    def _list_lines(self) -> None:
        """Let people see the lines of what an earlier process left, also of what has to wait."""
        with self._lock:
            waiting = [e for e in self._entries.values() if not e.state.final]
        for entry in waiting:
            try:
                judge(entry, self._around)
            except Exception:  # one damaged folder must not end the others; running it tells its owner
                log.exception("batch=%s lines can't be listed", entry.meta.batch_id)

    def _forget(self) -> None:
        """Let go of what ended long ago, its texts included."""
        for folder in self._shelf.older(self._now(), KEEP_DAYS):
            entry = self._entries.get(folder.path.name)
            if entry is None or entry.state.final:
                folder.remove()
                with self._lock:
                    self._entries.pop(folder.path.name, None)

    def _run_safely(self, entry: Entry) -> None:
        run = SubmittedRun(
            entry,
            self._around,
            self._archive_dir,
            stopping=self._stopping.is_set,
            on_item=self._on_item,
            now=self._now,
        )
        try:
            run.run()
        except Exception:  # the worker loop: one odd batch must not end the others
            log.exception("batch=%s failed", entry.meta.batch_id)
            entry.pause("internal")
