"""Speech as bytes of a file format."""

import io
from dataclasses import dataclass

import numpy as np
import soundfile

from tts_app.engines.base import Speech
from tts_app.errors import BadRequest


@dataclass(frozen=True)
class Format:
    """How libsndfile calls a format, and its media type."""

    media_type: str
    container: str | None = None
    codec: str | None = None


FORMATS = {
    "wav": Format("audio/wav", "WAV", "PCM_16"),
    "pcm": Format("audio/pcm"),  # 16-bit little-endian samples without a header
    "mp3": Format("audio/mpeg", "MP3", "MPEG_LAYER_III"),
    "flac": Format("audio/flac", "FLAC", "PCM_16"),
    "opus": Format("audio/ogg", "OGG", "OPUS"),
}
OPUS_RATE_HZ = 24000  # Opus knows 8, 12, 16, 24 and 48 kHz only


def _is_written(format_: Format) -> bool:
    """Return whether this machine's libsndfile writes the format; older ones know no MP3."""
    return format_.container is None or soundfile.check_format(format_.container, format_.codec)


def check_format(name: str, sample_rate: int) -> Format:
    """Return the format. Raises BadRequest when it, or the rate in it, can't be written here."""
    format_ = FORMATS.get(name)
    if format_ is None or not _is_written(format_):
        known = ", ".join(name for name, other in FORMATS.items() if _is_written(other))
        raise BadRequest(
            "response_format",
            f"{name[:40]!r} is not offered",
            f"不支持 {name[:40]!r} 格式",
            f"Use one of {known}.",
            fix_zh=f"请使用 {known} 之一。",
        )
    if name == "opus" and sample_rate != OPUS_RATE_HZ:
        raise BadRequest(
            "sample_rate",
            f"opus cannot hold {sample_rate} Hz",
            f"opus 不支持 {sample_rate} Hz",
            f"Use {OPUS_RATE_HZ}, or another format.",
            fix_zh=f"请使用 {OPUS_RATE_HZ}，或换一种格式。",
        )
    return format_


def encode(speech: Speech, name: str) -> bytes:
    """Return `speech` as a file of format `name` (see check_format)."""
    format_ = check_format(name, speech.sample_rate)
    if format_.container is None:
        return (np.clip(speech.samples, -1, 1) * 32767).astype("<i2").tobytes()
    out = io.BytesIO()
    samples = np.clip(speech.samples, -1, 1)
    soundfile.write(out, samples, speech.sample_rate, format=format_.container, subtype=format_.codec)
    return out.getvalue()
