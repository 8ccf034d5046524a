"""Batches that speak by a fake engine in this process, for the tests of everything but the worker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from tests.unit.tts_app.batch.helpers import PRESET, a_reference, context
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch.preflight import check
from tts_app.batch.report import Report
from tts_app.batch.runner import Listener
from tts_app.batch.tasks import EngineFacts
from tts_app.batch.work import Batch, do_batch
from tts_app.engines.base import PieceCallback, Speech, SpeechRequest

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)


class DirectSpeaker:
    """Speaks with an engine in this process; `spoken` lists the texts asked for."""

    def __init__(self, engine: FakeEngine | None = None) -> None:
        self.engine = engine or FakeEngine()
        self.spoken: list[str] = []
        self.closed = self.readied = False

    def ready(self) -> None:
        self.readied = True

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        self.spoken.append(request.text)
        return self.engine.synthesize(request, on_piece=on_piece)

    def close(self) -> None:
        self.closed = True


def run(
    data: bytes,
    out_dir: Path,
    speaker: DirectSpeaker | None = None,
    *,
    must_stop: Callable[[], bool] = lambda: False,
    archive_dir: Path | None = None,
    retry_failed: bool = False,
    deaths_allowed: int = 10,
    listener: Listener | None = None,
    engine: EngineFacts = PRESET,
) -> Report:
    """Check and run a tasks file whose recordings lie beside OUT_DIR; its good lines where others are bad."""
    preflight = check(data, context(out_dir.parent, engine))
    batch = Batch(
        preflight,
        engine,
        out_dir,
        archive_dir,
        "alice",
        retry_failed=retry_failed,
        deaths_allowed=deaths_allowed,
    )
    return do_batch(
        batch,
        speaker=speaker or DirectSpeaker(),
        read_reference=a_reference,
        must_stop=must_stop,
        listener=listener,
        now=lambda: NOW,
    )
