"""What the batch tests share: a small valid file, a context without a machine."""

from __future__ import annotations

import io
import json
import os
import wave
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tts_app.batch.paths import AudioDirs
from tts_app.batch.preflight import Context, Hint
from tts_app.batch.tasks import EngineFacts
from tts_app.engines.base import Reference
from tts_app.errors import BadRequest

PRESET = EngineFacts("fake", False, (24000, 32000), ("zf_test", "am_test"))
CLONES = EngineFacts("fake", True, (24000, 32000), ("zf_test",))
WAIT_S = 300.0  # a bound for slow machines, never a sleep


def line(**values: object) -> str:
    """One valid task, changed by `values`; a value of None leaves the field out."""
    task: dict[str, object] = {"output_name": "one", "input_text": "你好，世界", "voice": "zf_test"}
    task |= values
    return json.dumps({k: v for k, v in task.items() if v is not None}, ensure_ascii=False)


def tasks_file(count: int) -> bytes:
    """A valid file of `count` tasks."""
    return "".join(
        line(output_name=f"t{n:03}", input_text=f"第{n}句话") + "\n" for n in range(count)
    ).encode()


def wav(seconds: float = 4.0, rate: int = 24000, level: float = 0.3) -> bytes:
    """A recording of a tone."""
    tone = level * np.sin(np.arange(round(seconds * rate)) * 0.05)
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes((tone * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def recordings(place: Path) -> Path:
    """Create a directory of recordings, good and bad, beside a secret that must stay out of reach."""
    (place / "secret.wav").write_bytes(wav())
    inside = place / "inside"
    inside.mkdir()
    (inside / "voice.wav").write_bytes(wav())
    (inside / "empty.wav").write_bytes(b"")
    (inside / "dir.wav").mkdir()
    (inside / "out.wav").symlink_to(place / "secret.wav")
    (inside / "loop.wav").symlink_to(inside / "loop.wav")
    (inside / "up").symlink_to(place)
    os.mkfifo(inside / "pipe.wav")
    return inside


def trusting_probe(path: Path) -> Sequence[Hint]:
    """Accept every file but an empty one."""
    if path.stat().st_size == 0:
        raise BadRequest("audio", "the file is empty", "文件为空", "Record it again.", fix_zh="请重新录音。")
    return []


def a_reference(path: Path, transcript: str) -> Reference:
    """Read a recording as the engine gets it; raises OSError."""
    path.read_bytes()
    return Reference(np.zeros(24000, np.float32), 24000, transcript)


def context(folder: Path, engine: EngineFacts = PRESET, **changes: object) -> Context:
    """A context that allows `folder` alone."""
    return Context(engine, AudioDirs([folder]), trusting_probe, **changes)
