"""A speech service with its batches, over a fake engine."""

from __future__ import annotations

import io
import threading
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.unit.tts_app.batch.helpers import PRESET, WAIT_S, a_reference, trusting_probe
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch.estimate import Limits, Machine
from tts_app.batch.service import BatchService
from tts_app.batch.status import State
from tts_app.batch.surroundings import Surroundings
from tts_app.speech import SpeechService


class App:
    """A speech service and its batches; `restart` is a new process over the same data."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.engine = folder, FakeEngine()
        self.ended: list[str] = []
        self.days_later = 0
        self.start()

    def start(self) -> None:
        self.speech = SpeechService(self.engine, queue_limit=2)
        self.speech.start()
        self.around = Surroundings(
            engine=lambda: PRESET,
            speech=self.speech,
            probe=trusting_probe,
            read_reference=a_reference,
            machine=lambda out, archive: Machine(),
            limits=Limits(),
            audio_dirs=(),
            default_voice=None,
            longest_wait_s=WAIT_S,
        )
        self.batches = BatchService(
            self.folder / "batches",
            self.folder / "zips",
            self.around,
            on_item=self.ended.append,
            now=self.now,
        )
        self.batches.start()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days_later)

    def stop(self) -> None:
        self.engine.release()
        assert self.batches.stop(WAIT_S)
        self.speech.stop(timeout_s=WAIT_S)

    def wait(self, batch_id: str, *states: State):
        """Return the status once it is one of `states`."""
        bound = threading.Event()
        for _ in range(round(WAIT_S / 0.02)):
            status = self.batches.status(batch_id)
            if status.state in states:
                return status
            bound.wait(0.02)
        raise AssertionError(f"never {states}: {status}")


def zip_of(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in files.items():
            out.writestr(name.replace("_wav", ".wav"), data)
    return buffer.getvalue()
