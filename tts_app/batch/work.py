"""Do a batch that passed its preflight: run, verify, report, archive. The command and the web share it."""

from __future__ import annotations

import getpass
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tts_app.batch import out_dir, wavfile
from tts_app.batch import report as reports
from tts_app.batch.archive import write_archive
from tts_app.batch.items import Item, make_items
from tts_app.batch.journal import Journal, utc_now
from tts_app.batch.patience import PatientSpeaker
from tts_app.batch.preflight import Preflight
from tts_app.batch.problems import show
from tts_app.batch.report import Report
from tts_app.batch.runner import Listener, ReadReference, Runner, Stopped, verify
from tts_app.batch.speak import Speaker
from tts_app.batch.tasks import EngineFacts, to_canonical

log = logging.getLogger(__name__)

MAX_OWNER_CHARS = 64
MAX_FAULTS_LOGGED = 50


@dataclass(frozen=True)
class Batch:
    """A batch that may run."""

    preflight: Preflight
    engine: EngineFacts
    out_dir: Path
    archive_dir: Path | None
    owner: str
    batch_id: str | None = None  # None: a new one, or the one of the journal that is resumed
    retry_failed: bool = False
    source: str = "-"  # the tasks file as its owner knows it
    deaths_allowed: int = 10  # a worker process takes the crashes, so these are kills from outside


def do_batch(
    batch: Batch,
    *,
    speaker: Speaker,
    read_reference: ReadReference,
    must_stop: Callable[[], bool],
    listener: Listener | None = None,
    now: Callable[[], datetime] = utc_now,
) -> Report:
    """Run `batch` to its end or until it must stop, and return what became of it.

    Raises JournalBusy when it is running already, OSError when OUT_DIR or a recording can't be used.
    """
    wavfile.make_folder(batch.out_dir)
    items = make_items(batch.preflight.tasks, batch.preflight.audio, batch.engine)
    with Journal(batch.out_dir / out_dir.JOURNAL, now) as journal:
        _begin(batch, items, journal, now)
        runner = Runner(
            items,
            out_dir=batch.out_dir,
            journal=journal,
            speaker=PatientSpeaker(speaker, must_stop=must_stop),
            read_reference=read_reference,
            must_stop=must_stop,
            listener=listener,
            owner=batch.owner,
            deaths_allowed=batch.deaths_allowed,
        )
        try:
            stopped = runner.run()
        finally:
            speaker.close()
        if stopped is None:
            verify(items, batch.out_dir, journal)
        return _finish(batch, items, journal, stopped)


def _begin(batch: Batch, items: tuple[Item, ...], journal: Journal, now: Callable[[], datetime]) -> None:
    told_before = batch.batch_id is not None and journal.history.batch_id is not None
    batch_id = journal.history.batch_id or batch.batch_id or new_batch_id(now())
    journal.append("batch", batch_id=batch_id, owner=batch.owner, engine=batch.engine.name, items=len(items))
    if batch.retry_failed:
        journal.append("retry")
    canonical = "".join(f"{to_canonical(item.task)}\n" for item in items)
    wavfile.write_whole(batch.out_dir / out_dir.TASKS, canonical.encode("utf-8"))
    if not told_before:  # a submitted file can't change; the service takes it up again every few seconds
        log_faults(batch.preflight, batch_id=batch_id, owner=batch.owner, source=batch.source)


def _finish(batch: Batch, items: tuple[Item, ...], journal: Journal, stopped: Stopped | None) -> Report:
    report = Report(
        batch_id=str(journal.history.batch_id),
        owner=batch.owner,
        source=batch.source,
        engine=batch.engine.name,
        rows=reports.make_rows(items, journal.history, batch.preflight),
        problems=batch.preflight.problems,
        stopped=stopped,
    )
    if stopped is None:
        if batch.archive_dir is not None:
            report = _archived(report, batch.out_dir, batch.archive_dir)
        if report.archive_error is None:  # else there is something left to do: the archive
            journal.append("end", ok=report.count("ok"), failed=report.count("failed"))
    if stopped is None or not stopped.reason.startswith("disk"):
        wavfile.write_whole(batch.out_dir / out_dir.REPORT, report.to_bytes())
    return report


def _archived(report: Report, out_dir: Path, archive_dir: Path) -> Report:
    try:
        return replace(report, archive=write_archive(report, out_dir, archive_dir))
    except OSError as error:  # the wav files are safe; say so instead of losing the whole answer
        log.error("batch=%s archive not written", report.batch_id, exc_info=error)
        return replace(report, archive_error=f"{type(error).__name__}: {error.strerror}")


def new_batch_id(moment: datetime) -> str:
    """Return an id that sorts by time and can't be guessed."""
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(8)}"


def default_owner() -> str:
    """Return the name of whoever runs this, `unknown` where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def is_owner(name: str) -> bool:
    """Return whether `name` can be shown and logged as an owner."""
    return len(name.strip()) > 0 and len(name) <= MAX_OWNER_CHARS and name.isprintable()


def log_faults(preflight: Preflight, *, batch_id: str, owner: str, source: str = "-") -> None:
    """Write the file's errors to the log under the words operators look for, with owner, file and line."""
    whose = f"batch={batch_id} owner={show(owner)} file={show(source)}"
    for found in preflight.errors[:MAX_FAULTS_LOGGED]:
        where = f"{whose} line={found.line} field={found.field} fault={found.fault}"
        log.error("%s %s", where, _real_words(found.code, found.line, found.column, found.en))
    if (more := len(preflight.errors) - MAX_FAULTS_LOGGED) > 0:
        log.error("%s and %d more faults", whose, more)


SYNTAX = frozenset({"not_json", "half_line", "bad_number", "too_deep", "nul", "bom_inside", "not_object"})


def _real_words(code: str, line: int | None, column: int | None, sentence: str) -> str:
    """Return the sentence with the exception's name that Python would show for it."""
    if code in SYNTAX:
        return f"json.decoder.JSONDecodeError: {sentence} (line {line} column {column})"
    if code == "path_missing":
        return f"FileNotFoundError: [Errno 2] {sentence}"
    return sentence
