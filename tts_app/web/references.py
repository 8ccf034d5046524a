"""A reference recording as a caller sends it, decoded and judged."""

import base64
import binascii
from pathlib import Path

from tts_app.audio.reference import read_recording
from tts_app.engines.base import Reference
from tts_app.errors import BadRequest
from tts_app.text.check import prepare

MAX_TRANSCRIPT = 1000  # characters; 30 s of speech, the longest recording, have far fewer


def reference_of(
    source: Path | bytes,
    transcript: str,
    *,
    strict: bool,
    clones: bool,
    fields: tuple[str, str] = ("reference", "transcript"),
) -> Reference:
    """Return the recording with its transcript. Raises BadRequest naming one of `fields`.

    An engine that clones needs the transcript, in words; one with preset voices does without.
    """
    audio_field, text_field = fields
    if clones and not transcript.strip():
        raise BadRequest(
            text_field,
            "the recording has no transcript",
            "缺少参考音频的文字内容",
            "Write what is said in it.",
            fix_zh="请填写参考音频里说的话。",
        )
    if transcript.strip():
        transcript = prepare(transcript, max_chars=MAX_TRANSCRIPT, field=text_field)
    return read_recording(source, strict=strict, field=audio_field).reference(transcript)


def decode_base64(text: str, *, field: str) -> bytes:
    """Return the bytes that `text`, base64 or a data: URL, stands for. Raises BadRequest."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(
            field,
            "the recording is no valid base64",
            "参考音频不是合法的 base64",
            "Send the file's bytes as base64.",
            fix_zh="请以 base64 传入文件内容。",
        ) from None
