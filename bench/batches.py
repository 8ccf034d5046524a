"""The batch engine, its worker process included, beside back-to-back calls of the bare engine."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench.api import timed
from bench.figures import Figure, median_ratio
from bench.service import environment
from bench.texts import TEXTS
from tts_app.batch.paths import AudioDirs
from tts_app.batch.preflight import Context, Preflight, check
from tts_app.batch.speak import Speaker
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.work import Batch, do_batch
from tts_app.batch.worker_speaker import WorkerSpeaker
from tts_app.engines.base import Engine, PieceCallback, Reference, Speech, SpeechRequest

LIMIT_PCT = 3
PAIRS = 3  # per round: the same text takes 5 % more or less from one time to the next, the limit is 3 %
_PATIENCE_S = 600.0


class KeptOpen:
    """A speaker that outlives the batch, so that the next round doesn't load its engine again."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def ready(self) -> None:
        """See batch.speak.Speaker."""
        self._speaker.ready()

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """See batch.speak.Speaker."""
        return self._speaker.speak(request, on_piece)

    def close(self) -> None:
        """Whoever opened it ends it."""


@contextmanager
def worker() -> Iterator[Speaker]:
    """Yield what speaks for a batch on the command line: a process of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        speaker = WorkerSpeaker(
            task_timeout_s=_PATIENCE_S, load_timeout_s=_PATIENCE_S, env=environment(TTS_DATA_DIR=folder)
        )
        try:
            yield speaker
        finally:
            speaker.close()


def measure(
    engine: Engine, rounds: int, open_speaker: Callable[[], AbstractContextManager[Speaker]] = worker
) -> list[Figure]:
    """Return the batch's cost; both halves speak the same texts in one voice, in turn, round by round."""
    voice = engine.voices()[0].id
    calls: list[float] = []
    batches: list[float] = []
    with open_speaker() as speaker:
        engine.synthesize(SpeechRequest(TEXTS[0], voice=voice))
        speaker.speak(SpeechRequest(TEXTS[0], voice=voice), lambda done, total: None)
        halves = [
            (calls, partial(_back_to_back, engine, voice)),
            (batches, partial(_batch, engine, voice, KeptOpen(speaker))),
        ]
        for number in range(PAIRS * rounds):
            for took, work in halves if number % 2 else reversed(halves):
                took.append(timed(work))
    slower = 100 * (median_ratio(batches, calls) - 1)
    how = f"{PAIRS * rounds} pairs of {len(TEXTS)} texts, median; journal, report and archive included, loading not"
    return [Figure("batch beside back-to-back calls", slower, "% slower", LIMIT_PCT, how)]


def _back_to_back(engine: Engine, voice: str) -> None:
    for text in TEXTS:
        engine.synthesize(SpeechRequest(text, voice=voice))


def _batch(engine: Engine, voice: str, speaker: Speaker) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out_dir = Path(folder) / "out"
        found, facts = _checked(engine, voice, Path(folder))
        batch = Batch(found, facts, out_dir, archive_dir=Path(folder) / "archive", owner="bench")
        report = do_batch(batch, speaker=speaker, read_reference=_no_reference, must_stop=lambda: False)
        if report.count("ok") != len(TEXTS):
            raise SystemExit(f"the batch made {report.count('ok')} of {len(TEXTS)} files")


def _checked(engine: Engine, voice: str, folder: Path) -> tuple[Preflight, EngineFacts]:
    facts = EngineFacts.of(engine)
    lines = [{"uttid": f"t{n}", "syn_text": text, "voice": voice} for n, text in enumerate(TEXTS)]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    return check(data, Context(facts, AudioDirs((folder,)), probe=lambda path: ())), facts


def _no_reference(path: Path, transcript: str) -> Reference:
    raise AssertionError("no task names a recording")
