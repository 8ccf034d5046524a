"""Where submitted batches lie: one folder each below `<data>/batches`, with all that a restart needs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from tts_app.batch import out_dir
from tts_app.batch.journal import read_history
from tts_app.batch.unzip import unzip_audio
from tts_app.batch.wavfile import PART, write_whole

BATCH_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Meta:
    """Who submitted a batch, and how it is to be run."""

    batch_id: str
    owner: str
    submitted_at: str
    skip_bad: bool = False


class Folder:
    """One submitted batch on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.audio, self.out = path / "audio", path / "out"
        self._tasks, self._meta, self._cancelled = (
            path / "tasks.jsonl",
            path / "meta.json",
            path / "cancelled",
        )

    def fill(self, meta: Meta, tasks: bytes) -> None:
        """Store what was submitted; the batch exists once this returns."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(self._tasks, tasks)
        write_whole(self._meta, json.dumps(asdict(meta), ensure_ascii=False).encode())

    def unpack(self, audio_zip: BinaryIO | None) -> None:
        """Unpack the submitted recordings. Raises BadRequest."""
        self.audio.mkdir(parents=True, exist_ok=True)
        if audio_zip is not None:
            unzip_audio(audio_zip, self.audio)

    @property
    def tasks(self) -> bytes:
        """The tasks file as it was submitted."""
        return self._tasks.read_bytes()

    @property
    def meta(self) -> Meta:
        """Who submitted it."""
        return Meta(**json.loads(self._meta.read_bytes()))

    @property
    def submitted(self) -> bool:
        """Whether it was stored as a whole."""
        return self._meta.exists()

    @property
    def cancelled(self) -> bool:
        """Whether its owner gave it up."""
        return self._cancelled.exists()

    def cancel(self) -> None:
        """Note that nobody wants it any more; survives a restart."""
        self._cancelled.touch()

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return read_history(self.out / out_dir.JOURNAL).ended

    def report(self) -> dict[str, Any] | None:
        """Return the latest report, None before there is one."""
        try:
            found: dict[str, Any] = json.loads((self.out / out_dir.REPORT).read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        return found

    def drop_sound(self) -> None:
        """Remove recordings and wav files: the archive holds them now."""
        shutil.rmtree(self.audio, ignore_errors=True)
        for wav in (*self.out.glob("*.wav"), *self.out.glob(f".*{PART}")):
            wav.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.path, ignore_errors=True)


class Shelf:
    """All submitted batches."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, batch_id: str) -> Folder:
        """Return the folder of a batch; raises KeyError for what is no batch id."""
        if not BATCH_ID.fullmatch(batch_id):
            raise KeyError(batch_id)
        return Folder(self._root / batch_id)

    def all(self) -> Sequence[Folder]:
        """Return the folders of batches, oldest first; some may be half submitted."""
        if not self._root.is_dir():
            return ()
        return [Folder(path) for path in sorted(self._root.iterdir()) if BATCH_ID.fullmatch(path.name)]

    def older(self, now: datetime, keep_days: int) -> Iterator[Folder]:
        """Yield what was submitted more than `keep_days` ago."""
        before = f"{now - timedelta(days=keep_days):%Y%m%d-%H%M%S}"
        return (folder for folder in self.all() if folder.path.name < before)
