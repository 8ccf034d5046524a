"""Speak the items one by one: what fails is recorded, the next one runs, nothing finished is repeated."""

from __future__ import annotations

import contextlib
import errno
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_app.batch import wavfile
from tts_app.batch.items import Item
from tts_app.batch.journal import Journal
from tts_app.batch.problems import show
from tts_app.batch.speak import Speaker, StopBatch
from tts_app.batch.truth import Implausible, check_file, check_speech
from tts_app.engines.base import Reference, Speech, SpeechRequest
from tts_app.errors import EngineError, TtsError

log = logging.getLogger(__name__)

ReadReference = Callable[[Path, str], Reference]


class Listener:
    """Hears how the run goes; a base that ignores everything."""

    def begun(self, total: int, finished: int) -> None:
        """`total` items, `finished` of them done or failed in an earlier run."""

    def ready(self) -> None:
        """The engine is loaded; time counts from here."""

    def item_begun(self, item: Item) -> None:
        """An item is in hand."""

    def piece(self, done: int, total: int) -> None:
        """A piece of the item in hand is spoken."""

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """The item is done, or failed with `error`."""

    def ended(self) -> None:
        """The run is over."""


@dataclass(frozen=True)
class Stopped:
    """Why a run ended early."""

    reason: str
    en: str
    zh: str


class Runner:
    """One run over the items of a batch."""

    def __init__(
        self,
        items: Sequence[Item],
        *,
        out_dir: Path,
        journal: Journal,
        speaker: Speaker,
        read_reference: ReadReference,
        must_stop: Callable[[], bool],
        listener: Listener | None = None,
        owner: str = "",
        deaths_allowed: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An item that was in hand when the run died `deaths_allowed` times isn't tried again."""
        self._items, self._out_dir, self._journal = items, out_dir, journal
        self._speaker, self._read_reference = speaker, read_reference
        self._must_stop, self._listener = must_stop, listener or Listener()
        self._owner, self._deaths_allowed, self._clock = owner, deaths_allowed, clock

    def run(self) -> Stopped | None:
        """Speak what isn't finished yet. Returns why it ended early, None when nothing is left."""
        sweep(self._out_dir, self._items, self._journal)
        history = self._journal.history
        left = [item for item in self._items if not self._finished(item)]
        self._listener.begun(len(self._items), len(self._items) - len(left))
        try:
            if left:
                self._speaker.ready()
            self._listener.ready()
            for item in left:
                if self._must_stop():
                    return self._stop(StopBatch("stopped", "stopped by a signal", "收到停止信号"))
                if history.deaths.get(item.key, 0) >= self._deaths_allowed:
                    self._fail(item, _deadly(self._deaths_allowed))
                else:
                    self._item(item)
        except StopBatch as stop:
            return self._stop(stop)
        finally:
            self._listener.ended()
        return None

    def _finished(self, item: Item) -> bool:
        history = self._journal.history
        if item.key in history.failed:
            return True
        record = history.done.get(item.key)
        return record is not None and is_whole(self._out_dir / item.file_name, record)

    def _item(self, item: Item) -> None:
        self._listener.item_begun(item)
        self._append("start", item, durable=False)
        began = self._clock()
        try:
            speech = self._speaker.speak(self._request(item), self._listener.piece)
            check_speech(item.task, speech)
        except TtsError as error:
            self._fail(item, error)
        except OSError as error:  # of the reference recording
            log.error("%s reference audio unreadable", self._where(item), exc_info=error)
            self._fail(
                item, EngineError(f"{type(error).__name__}: {error.strerror}"), kind=type(error).__name__
            )
        except StopBatch:
            self._append("given_back", item)
            raise
        else:
            self._keep(item, speech, self._clock() - began)

    def _request(self, item: Item) -> SpeechRequest:
        task = item.task
        reference = None
        if item.audio is not None:
            reference = self._read_reference(item.audio, task.prompt_text or "")
        return SpeechRequest(
            text=task.text,
            sample_rate=task.sample_rate,
            voice=task.voice,
            seed=task.seed,
            reference=reference,
            speed=task.speed,
        )

    def _keep(self, item: Item, speech: Speech, took_s: float) -> None:
        """Put the speech on disk: whole under a temporary name, journalled, then under its own name."""
        final = self._out_dir / item.file_name
        data = wavfile.encode(speech.samples, speech.sample_rate)
        facts: dict[str, Any] = {
            "file": item.file_name,
            "sha256": wavfile.sha256_of(data),
            "size_bytes": len(data),
            "audio_s": round(speech.duration_s, 3),
            "sample_rate": speech.sample_rate,
            "resampled": speech.resampled,
            "took_s": round(took_s, 3),
        }
        try:
            wavfile.write_part(final, data)
            self._append("made", item, **facts)
            wavfile.publish(final)
        except OSError as error:
            with contextlib.suppress(OSError):
                wavfile.part_of(final).unlink()
            self._append("given_back", item)
            raise self._disk_trouble(error) from error
        self._append("done", item, durable=False, **facts)  # "made" and the file are on disk: sweep() adds it
        self._listener.item_ended(item, None, speech.duration_s)

    def _fail(self, item: Item, error: TtsError, kind: str | None = None) -> None:
        kind = kind or type(error).__name__
        log.error("%s %s", self._where(item), show(error.message_en), exc_info=error)
        message = {"en": show(error.message_en), "zh": show(error.message_zh)}
        self._append("failed", item, error=kind, message=message)
        self._listener.item_ended(item, error, 0.0)

    def _append(self, event: str, item: Item, *, durable: bool = True, **values: Any) -> None:
        where: dict[str, Any] = {"key": item.key, "line": item.task.line, "name": item.task.name}
        try:
            self._journal.append(event, durable=durable, **where, **values)
        except OSError as error:
            raise self._disk_trouble(error) from error

    def _disk_trouble(self, error: OSError) -> StopBatch:
        log.error("%s results can't be written", self._journal.history.batch_id, exc_info=error)
        reason = "disk_full" if error.errno in {errno.ENOSPC, errno.EDQUOT} else "disk"
        return StopBatch(
            reason, f"results can't be written: {error.strerror}", f"无法写入结果：{error.strerror}"
        )

    def _stop(self, stop: StopBatch) -> Stopped:
        with contextlib.suppress(
            OSError
        ):  # a full disk can't take this line either; resuming doesn't need it
            self._journal.append("stopped", reason=stop.reason)
        return Stopped(stop.reason, stop.en, stop.zh)

    def _where(self, item: Item) -> str:
        """Name the item for operators: batch, owner, line; never the text."""
        batch = self._journal.history.batch_id
        return f"batch={batch} owner={show(self._owner)} line={item.task.line} name={item.task.name}:"


def _deadly(times: int) -> EngineError:
    return EngineError(f"the batch died {times} times on this item", f"该任务 {times} 次导致批处理进程退出")


def is_whole(path: Path, record: dict[str, object]) -> bool:
    """Return whether `path` is the very file the journal's `record` tells of."""
    try:
        return path.stat().st_size == record["size_bytes"] and (
            wavfile.sha256_of(path.read_bytes()) == record["sha256"]
        )
    except FileNotFoundError:
        return False


def sweep(out_dir: Path, items: Sequence[Item], journal: Journal) -> None:
    """Finish or remove what a killed run left: whole files get their names, half ones go."""
    history = journal.history
    for item in items:
        record = history.made.get(item.key)
        if record is None or item.key in history.done or item.key in history.failed:
            continue
        final = out_dir / item.file_name
        if is_whole(wavfile.part_of(final), record):
            wavfile.publish(final)
        if is_whole(final, record):
            told = {name: value for name, value in record.items() if name not in {"at", "event"}}
            journal.append("done", **told)
    for part in out_dir.glob(f".*.wav{wavfile.PART}"):
        part.unlink()


def verify(items: Sequence[Item], out_dir: Path, journal: Journal) -> None:
    """The truth at the end: every item has a whole, plausible, audible wav, or is recorded as failed."""
    for item in items:
        record = journal.history.done.get(item.key)
        if record is None:
            continue
        path = out_dir / item.file_name
        try:
            facts = wavfile.read_facts(path)
            check_file(item.task, facts)
            if facts.sha256 != record["sha256"]:
                raise Implausible("the file was changed after it was written", "文件在写入后被修改")
        except (OSError, wavfile.BadWav) as error:
            _untrue(journal, item, Implausible(f"the wav can't be read: {error}", "wav 文件无法读取"))
        except Implausible as error:
            _untrue(journal, item, error)


def _untrue(journal: Journal, item: Item, error: TtsError) -> None:
    message = {"en": show(error.message_en), "zh": show(error.message_zh)}
    where: dict[str, Any] = {"key": item.key, "line": item.task.line, "name": item.task.name}
    journal.append("failed", **where, error=type(error).__name__, message=message)
