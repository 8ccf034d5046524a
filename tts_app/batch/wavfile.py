"""Write wav files that are never seen half written, and read back what they hold."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tts_app.engines.base import Samples

PART = ".part"  # `.<name>.wav.part`: not finished, swept at the next start


@dataclass(frozen=True)
class WavFacts:
    """What a whole wav file holds."""

    duration_s: float
    sample_rate: int  # Hz
    rms: float  # 0..1
    sha256: str
    size_bytes: int


class BadWav(Exception):
    """The file is no whole 16-bit mono wav."""


def encode(samples: Samples, sample_rate: int) -> bytes:
    """Return `samples` as a 16-bit mono wav file."""
    whole = np.rint(np.clip(samples, -1.0, 1.0) * 32767).astype("<i2")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(sample_rate)
        out.writeframes(whole.tobytes())
    return buffer.getvalue()


def part_of(final: Path) -> Path:
    """Return the temporary name of `final`."""
    return final.with_name(f".{final.name}{PART}")


def write_part(final: Path, data: bytes) -> Path:
    """Write `data` under the temporary name of `final`, on disk when this returns.

    Raises OSError; then nothing of it is left, so that a full disk isn't kept full by our own remains.
    """
    part = part_of(final)
    part.unlink(missing_ok=True)  # a link left there would lead the sound elsewhere
    try:
        with part.open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return part


def publish(final: Path) -> None:
    """Give the finished temporary file its name; on disk when this returns."""
    part_of(final).replace(final)
    sync_folder(final.parent)


def make_folder(folder: Path) -> None:
    """Create `folder` and what is missing above it, on disk when this returns. Raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Put the folder's own entries on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, data: bytes) -> None:
    """Replace `path` by `data` in one step, on disk when this returns. Raises OSError."""
    write_part(path, data)
    publish(path)


def read_facts(path: Path) -> WavFacts:
    """Read a wav file to its end. Raises BadWav for a damaged one, OSError when it can't be read."""
    data = path.read_bytes()
    try:
        with wave.open(io.BytesIO(data), "rb") as wav:
            frames, rate = wav.getnframes(), wav.getframerate()
            shape = (wav.getnchannels(), wav.getsampwidth())
            raw = wav.readframes(frames)
    except (wave.Error, EOFError) as error:
        raise BadWav(str(error) or type(error).__name__) from error
    if shape != (1, 2) or len(raw) != frames * 2:
        raise BadWav("the file is cut off or of another kind")
    values = np.frombuffer(raw, "<i2").astype(np.float64) / 32767
    rms = float(np.sqrt(np.mean(values**2))) if frames else 0.0
    return WavFacts(frames / rate, rate, rms, sha256_of(data), len(data))


def sha256_of(data: bytes) -> str:
    """Return the checksum people and tools compare."""
    return hashlib.sha256(data).hexdigest()
