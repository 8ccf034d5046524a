"""One run of a submitted batch inside the service: speak, archive, let go of the single files."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tts_app.batch.archive import BadArchive, read_manifest
from tts_app.batch.estimate import Machine
from tts_app.batch.items import make_items
from tts_app.batch.journal import JournalBusy, read_history
from tts_app.batch.out_dir import JOURNAL
from tts_app.batch.patience import pause
from tts_app.batch.preflight import Preflight, check
from tts_app.batch.report import Report, make_rows
from tts_app.batch.speak import ServiceSpeaker
from tts_app.batch.status import Entry, State
from tts_app.batch.surroundings import Surroundings
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.work import Batch, do_batch

log = logging.getLogger(__name__)

# An embedded engine that crashes takes the service along; one item must not do so for ever.
DEATHS_ALLOWED = 3


class SubmittedRun:
    """Takes a batch as far as it goes now; afterwards its entry says where it stands."""

    def __init__(
        self,
        entry: Entry,
        around: Surroundings,
        archive_dir: Path,
        *,
        stopping: Callable[[], bool],
        on_item: Callable[[str], None],
        now: Callable[[], datetime],
    ) -> None:
        self._entry, self._around, self._archive_dir = entry, around, archive_dir
        self._stopping, self._on_item, self._now = stopping, on_item, now

    def run(self) -> None:
        """Run it, unless it was given up."""
        entry = self._entry
        if entry.cancelled:
            self._drop()
            return
        speaker = ServiceSpeaker(
            self._around.speech,
            owner=f"batch:{entry.meta.owner}",
            longest_wait_s=self._around.longest_wait_s,
            pause=lambda seconds: pause(seconds, self._must_stop),
        )
        entry.begin(speaker)
        try:
            report = self._spoken(speaker)
        except (OSError, JournalBusy) as error:
            log.error("batch=%s can't go on", entry.meta.batch_id, exc_info=error)
            entry.pause(type(error).__name__)
        else:
            self._settle(report)

    def _spoken(self, speaker: ServiceSpeaker) -> Report:
        entry, around = self._entry, self._around
        preflight, engine = judge(entry, around)
        batch = Batch(
            preflight,
            engine,
            out_dir=entry.folder.out,
            archive_dir=self._archive_dir,
            owner=entry.meta.owner,
            batch_id=entry.meta.batch_id,
            deaths_allowed=DEATHS_ALLOWED,
        )
        return do_batch(
            batch,
            speaker=speaker,
            read_reference=around.read_reference,
            must_stop=self._must_stop,
            listener=entry.listener(self._on_item),
            now=self._now,
        )

    def _must_stop(self) -> bool:
        return self._stopping() or self._entry.cancelled

    def _settle(self, report: Report) -> None:
        entry = self._entry
        if entry.cancelled:
            self._drop()
        elif report.stopped is not None:
            entry.pause(report.stopped.reason)
        elif report.archive is None or not self._is_good(report.archive):
            entry.pause("archive")
        else:
            entry.folder.drop_sound()  # the archive, which was proved, holds it now
            entry.end(State.ENDED)

    def _drop(self) -> None:
        self._entry.end(State.CANCELLED)
        self._entry.folder.drop_sound()

    def _is_good(self, archive: Path) -> bool:
        try:
            read_manifest(archive)
        except (BadArchive, OSError) as error:
            log.error("batch=%s archive is no good", self._entry.meta.batch_id, exc_info=error)
            return False
        return True


def judge(entry: Entry, around: Surroundings) -> tuple[Preflight, EngineFacts]:
    """Check the batch's file again and list its lines, finished ones as such. Raises OSError."""
    folder, engine = entry.folder, around.engine()
    preflight = check(folder.tasks, around.context(folder.audio, Machine()))
    history = read_history(folder.out / JOURNAL)
    items = make_items(preflight.tasks, preflight.audio, engine)
    entry.note_lines(make_rows(items, history, preflight), preflight.problems)
    return preflight, engine
