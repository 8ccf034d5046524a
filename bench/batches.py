"""The batch engine beside back-to-back calls of the same engine in the same process."""

from __future__ import annotations

import json
import tempfile
from functools import partial
from pathlib import Path

from bench.api import timed
from bench.figures import Figure, median_ratio
from bench.texts import TEXTS
from tts_app.batch.paths import AudioDirs
from tts_app.batch.preflight import Context, Preflight, check
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.work import Batch, do_batch
from tts_app.engines.base import Engine, PieceCallback, Reference, Speech, SpeechRequest


class Direct:
    """Speaks with the engine at hand."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """See batch.speak.Speaker."""
        return self._engine.synthesize(request, on_piece=on_piece)

    def close(self) -> None:
        """The engine goes on."""


def measure(engine: Engine, rounds: int) -> list[Figure]:
    """Return the batch's cost; both halves speak the same texts, in turn, round by round."""
    engine.synthesize(SpeechRequest(TEXTS[0]))
    calls: list[float] = []
    batches: list[float] = []
    for number in range(rounds):
        halves = [(calls, partial(_back_to_back, engine)), (batches, partial(_batch, engine))]
        for took, work in halves if number % 2 else reversed(halves):
            took.append(timed(work))
    slower = 100 * (median_ratio(batches, calls) - 1)
    return [
        Figure(
            "batch beside back-to-back calls", slower, "% slower", 3, f"{rounds} pairs of {len(TEXTS)} texts"
        )
    ]


def _back_to_back(engine: Engine) -> None:
    for text in TEXTS:
        engine.synthesize(SpeechRequest(text))


def _batch(engine: Engine) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out_dir = Path(folder) / "out"
        found, facts = _checked(engine, Path(folder))
        batch = Batch(found, facts, out_dir, archive_dir=None, owner="bench")
        do_batch(batch, speaker=Direct(engine), read_reference=_no_reference, must_stop=lambda: False)
        done = len(list(out_dir.glob("*.wav")))
        if done != len(TEXTS):
            raise SystemExit(f"the batch made {done} of {len(TEXTS)} files")


def _checked(engine: Engine, folder: Path) -> tuple[Preflight, EngineFacts]:
    facts = EngineFacts.of(engine)
    voice = engine.voices()[0].id
    lines = [{"uttid": f"t{n}", "syn_text": text, "voice": voice} for n, text in enumerate(TEXTS)]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    return check(data, Context(facts, AudioDirs((folder,)), probe=lambda path: ())), facts


def _no_reference(path: Path, transcript: str) -> Reference:
    raise AssertionError("no task names a recording")
