"""Recordings as strangers send them: judged before the batch, decoded once however many tasks share one."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.unit.tts_app.batch.helpers import PRESET, line, wav
from tts_app.batch import recordings
from tts_app.batch.paths import AudioDirs
from tts_app.batch.preflight import Context, Preflight, check
from tts_app.settings import Settings

TEN_HOURS_S = 36_000
NAME = "voice.wav"


def header(**changes: int) -> bytes:
    """The 44 bytes before a wav's sound, with some of them lying."""
    rate = changes.get("rate", 24_000)
    data = changes.get("data", 96_000)
    riff = struct.pack("<4sI4s", b"RIFF", changes.get("riff", data + 36), b"WAVE")
    kind = struct.pack(
        "<4sIHHIIHH",
        b"fmt ",
        changes.get("fmt", 16),
        changes.get("kind", 1),
        changes.get("channels", 1),
        rate,
        changes.get("bytes_per_s", rate * 2) % 2**32,
        changes.get("align", 2),
        changes.get("bits", 16),
    )
    return riff + kind + struct.pack("<4sI", b"data", data)


def ten_hours(path: Path) -> None:
    """A whole wav of ten hours; the disk holds its header alone."""
    size = TEN_HOURS_S * 48_000
    with path.open("wb") as out:
        out.write(header(data=size))
        out.truncate(44 + size)


def ten_hours_packed(path: Path) -> None:
    """A small flac that claims ten hours in its header."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(8000 * 40), 8000, format="FLAC")
    flac = bytearray(buffer.getvalue())
    total = TEN_HOURS_S * 8000
    flac[21] = flac[21] & 0xF0 | total >> 32
    flac[22:26] = (total & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(flac)


def of(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


SOUND = wav(2.0)[44:]
BAD = [
    pytest.param(of(b""), id="0 bytes"),
    pytest.param(of(b"not a sound file at all"), id="text"),
    pytest.param(of(b"\x7fELF" + b"\0" * 200), id="a program"),
    pytest.param(of(wav()[:30]), id="cut in the header"),
    pytest.param(of(wav()[:44]), id="header alone"),
    pytest.param(of(wav(0.2)), id="too short"),
    pytest.param(of(wav(40.0)), id="too long"),
    pytest.param(of(wav(level=0.0)), id="silent"),
    pytest.param(ten_hours, id="ten hours"),
    pytest.param(ten_hours_packed, id="ten hours, packed"),
    pytest.param(of(b"RIFF\xff\xff\xff\xffWAVEfmt " + b"\xff" * 100), id="nothing but lies"),
    pytest.param(of(header(channels=0) + SOUND), id="no channel"),
    pytest.param(of(header(channels=65535, align=65535) + SOUND), id="65535 channels"),
    pytest.param(of(header(rate=0) + SOUND), id="0 Hz"),
    pytest.param(of(header(rate=4_000_000_000) + SOUND), id="4 GHz"),
    pytest.param(of(header(bits=0) + SOUND), id="samples of 0 bits"),
    pytest.param(of(header(kind=0xFFFF) + SOUND), id="unknown coding"),
    pytest.param(of(header(fmt=0xFFFFFFF0) + SOUND), id="a format chunk beyond the file"),
]
HARMLESS = [
    pytest.param(of(header(data=0xFFFFFFFF, riff=0xFFFFFFFF) + SOUND), id="a length of 4 GB"),
    pytest.param(of(header(data=TEN_HOURS_S * 48_000) + SOUND), id="a length of ten hours"),
]


def judge(folder: Path, write: Callable[[Path], object]) -> Preflight:
    write(folder / NAME)
    context = Context(PRESET, AudioDirs([folder]), recordings.probe(Settings()))
    return check(line(prompt_audio=NAME, prompt_text="好").encode(), context)


@pytest.mark.parametrize("write", BAD)
def test_a_bad_recording_is_told_with_line_field_and_fix(tmp_path, write) -> None:
    errors = judge(tmp_path, write).errors
    assert [(e.line, e.field, e.fault) for e in errors] == [(1, "prompt_audio", "poor_reference")]
    assert errors[0].fix_en
    assert errors[0].fix_zh


@pytest.mark.parametrize("write", HARMLESS)
def test_a_header_that_promises_more_than_there_is_counts_for_nothing(tmp_path, write) -> None:
    assert judge(tmp_path, write).errors == ()
    load = recordings.read_reference(Settings())
    assert load(tmp_path / NAME, "好").samples.size == len(SOUND) // 2


def test_a_recording_that_many_tasks_share_is_decoded_once(tmp_path, monkeypatch) -> None:
    decoded, real = [], recordings.read_recording
    monkeypatch.setattr(recordings, "read_recording", lambda *a, **k: (decoded.append(1), real(*a, **k))[1])
    load = recordings.read_reference(Settings())
    (tmp_path / NAME).write_bytes(wav(4.0))
    first, second = load(tmp_path / NAME, "一"), load(tmp_path / NAME, "二")
    assert (first.transcript, second.transcript) == ("一", "二")
    assert first.samples is second.samples
    (tmp_path / NAME).write_bytes(wav(5.0))
    assert load(tmp_path / NAME, "三").samples.size > first.samples.size
    assert len(decoded) == 2


def test_a_recording_that_is_gone_is_told_as_the_system_tells_it(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        recordings.read_reference(Settings())(tmp_path / NAME, "好")
