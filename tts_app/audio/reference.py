"""Read a reference recording that a stranger sent: limits first, then decoding, then judging.

Only formats with a known signature reach libsndfile, and no more samples are decoded than the limit
allows, whatever the header claims.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from tts_app.audio.resample import resample
from tts_app.engines.base import Reference, Samples
from tts_app.errors import BadRequest

MAX_BYTES = 20 * 1024 * 1024
MIN_S, MAX_S = 1.0, 30.0  # outside: refused
BEST_MIN_S, BEST_MAX_S = 3.0, 10.0  # outside: a warning, in strict mode refused
MIN_RATE, GOOD_RATE, MAX_RATE = 8000, 16000, 192_000  # Hz
KEPT_RATE = 48_000  # Hz; what comes in higher is resampled to this
MAX_CHANNELS = 8
SILENT_RMS, QUIET_RMS = 0.001, 0.01  # -60 and -40 dB of full scale
CLIPPED_LEVEL, MAX_CLIPPED_SHARE = 0.999, 0.001
BLOCK = 65_536  # samples of each channel decoded at a time

_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (0, b"RIFF"), (0, b"RF64"), (0, b"fLaC"), (0, b"OggS"), (0, b"FORM"), (0, b"ID3"),
    (0, b"\xff\xfb"), (0, b"\xff\xf3"), (0, b"\xff\xf2"), (0, b"\xff\xfa"),
)  # fmt: skip


@dataclass(frozen=True)
class Weakness:
    """Something that makes the result worse without making it impossible."""

    code: str
    message_en: str
    message_zh: str


@dataclass(frozen=True)
class Recording:
    """A decoded recording: mono, at most KEPT_RATE Hz."""

    samples: Samples
    sample_rate: int
    warnings: tuple[Weakness, ...]

    @property
    def duration_s(self) -> float:
        """Return the length in seconds."""
        return len(self.samples) / self.sample_rate

    def reference(self, transcript: str) -> Reference:
        """Return the recording with its transcript, as engines want it."""
        return Reference(self.samples, self.sample_rate, transcript)


def read_recording(
    source: Path | bytes, *, strict: bool = False, max_bytes: int = MAX_BYTES, field: str = "reference"
) -> Recording:
    """Decode and judge a recording. Raises BadRequest naming `field`, with the fix, in both languages."""
    content = _content(source, max_bytes, field)
    recording = _decode(content, field)
    _require_usable(recording, strict, field)
    return recording


def _content(source: Path | bytes, max_bytes: int, field: str) -> bytes:
    if isinstance(source, bytes):
        content = source
    else:
        try:
            with source.open("rb") as file:
                content = file.read(max_bytes + 1)
        except OSError as error:
            raise BadRequest(
                field, f"the recording can't be read: {error.strerror}", f"无法读取音频：{error.strerror}",
                "Check the path and its permissions.", fix_zh="请检查路径和权限。",
            ) from error  # fmt: skip
    if len(content) > max_bytes:
        megabytes = max_bytes // (1024 * 1024)
        raise BadRequest(
            field, f"the recording is larger than {megabytes} MiB", f"音频超过 {megabytes} MiB",
            "Send 3 to 10 seconds of speech.", fix_zh="请提供 3 到 10 秒的语音。",
        )  # fmt: skip
    if not content:
        raise BadRequest(
            field, "the recording is empty (0 bytes)", "音频文件为空（0 字节）",
            "Record it again.", fix_zh="请重新录制。",
        )  # fmt: skip
    return content


def _decode(content: bytes, field: str) -> Recording:
    if not any(content.startswith(mark, offset) for offset, mark in _SIGNATURES):
        raise _no_sound(field)
    try:
        with soundfile.SoundFile(_Content(content)) as file:
            _check_header(file, field)
            rate = int(file.samplerate)
            mono, clipped = _mixed(file, limit=int((MAX_S + 1) * rate))
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise _no_sound(field) from error
    if not np.isfinite(mono).all():
        raise _no_sound(field)
    if rate > KEPT_RATE:
        mono, rate = resample(mono, rate, KEPT_RATE), KEPT_RATE
    mono = np.clip(mono, -1.0, 1.0)
    return Recording(mono, rate, tuple(_warnings(mono, rate, clipped)))


class _Content(io.BytesIO):
    """Bytes in which nobody can seek to before the start; a header that lies makes libsndfile try."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()  # an exception here would be printed, and lost, on the way through C


def _mixed(file: soundfile.SoundFile, *, limit: int) -> tuple[Samples, float]:
    """Return up to `limit` samples, mixed to mono block by block, and the share of clipped ones.

    All at once, eight channels of zeros in a small FLAC would fill 200 MB.
    """
    blocks: list[Samples] = []
    count = clipped = 0
    while count < limit:
        block = file.read(min(BLOCK, limit - count), dtype="float32", always_2d=True)
        if not len(block):
            break
        # Upstream would take the first channel only. One clipped channel is heard, whatever the mean says.
        blocks.append(block.mean(axis=1, dtype=np.float32))
        clipped += int(np.count_nonzero(np.abs(block).max(axis=1) >= CLIPPED_LEVEL))
        count += len(block)
    mono = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return mono, clipped / max(1, count)


def _check_header(file: soundfile.SoundFile, field: str) -> None:
    if not 1 <= file.channels <= MAX_CHANNELS:
        raise BadRequest(
            field, f"the recording has {file.channels} channels", f"音频有 {file.channels} 个声道",
            "Send one or two channels.", fix_zh="请提供单声道或双声道音频。",
        )  # fmt: skip
    if not MIN_RATE <= file.samplerate <= MAX_RATE:
        raise BadRequest(
            field, f"the recording has {file.samplerate} Hz", f"音频采样率为 {file.samplerate} Hz",
            "Record at 16000 Hz or more.", fix_zh="请以 16000 Hz 或更高采样率录制。",
        )  # fmt: skip


def _require_usable(recording: Recording, strict: bool, field: str) -> None:
    seconds = recording.duration_s
    if not MIN_S <= seconds <= MAX_S:
        shown = f"{seconds:.1f}" if seconds <= MAX_S else f"more than {MAX_S:g}"
        raise BadRequest(
            field, f"the recording lasts {shown} s", f"音频时长 {shown.replace('more than', '超过')} 秒",
            "Send 3 to 10 seconds of speech.", fix_zh="请提供 3 到 10 秒的语音。",
        )  # fmt: skip
    if _rms(recording.samples) < SILENT_RMS:
        raise BadRequest(
            field, "the recording is silent", "音频没有声音", "Check the microphone and record again.",
            fix_zh="请检查麦克风后重新录制。",
        )  # fmt: skip
    if strict and recording.warnings:
        first = recording.warnings[0]
        raise BadRequest(
            field, first.message_en, first.message_zh, "Record it again: 3 to 10 s, clear, not clipped.",
            fix_zh="请重新录制：3 到 10 秒，清晰，无削波。",
        )  # fmt: skip


def _warnings(samples: Samples, rate: int, clipped: float) -> Iterator[Weakness]:
    seconds = len(samples) / rate
    if seconds < BEST_MIN_S:
        yield Weakness(
            "short", f"{seconds:.1f} s is short; 3 to 10 s are best", f"{seconds:.1f} 秒偏短，建议 3 到 10 秒"
        )
    if seconds > BEST_MAX_S:
        yield Weakness(
            "long", f"{seconds:.1f} s is long; 3 to 10 s are best", f"{seconds:.1f} 秒偏长，建议 3 到 10 秒"
        )
    if rate < GOOD_RATE:
        yield Weakness(
            "low_rate", f"{rate} Hz is a telephone's quality", f"采样率 {rate} Hz 偏低，音质会变差"
        )
    if SILENT_RMS <= _rms(samples) < QUIET_RMS:
        yield Weakness("quiet", "the recording is very quiet", "音频音量过低")
    if clipped > MAX_CLIPPED_SHARE:
        yield Weakness("clipped", "the recording is clipped (too loud)", "音频有削波失真（音量过大）")


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _no_sound(field: str) -> BadRequest:
    return BadRequest(
        field, "this is no sound file, or a damaged one", "不是音频文件，或文件已损坏",
        "Send WAV, FLAC, MP3, OGG or AIFF.", fix_zh="请使用 WAV、FLAC、MP3、OGG 或 AIFF 格式。",
    )  # fmt: skip
