"""The reference recording as the page sees it."""

from functools import lru_cache
from pathlib import Path

from tts_app.audio.reference import read_recording
from tts_app.errors import BadRequest
from tts_app.web.page.words import say

Lines = tuple[tuple[str, str], ...]  # English, Chinese


def reference_advice(path: str | None, transcript: str, *, chinese: bool) -> list[str]:
    """Return what is poor or wrong about the recording, while people still type."""
    if path is None:
        return []
    try:
        lines = [line[chinese] for line in _weaknesses(path, Path(path).stat().st_mtime_ns)]
    except (BadRequest, OSError) as error:
        return [_told(error, chinese)]
    if not transcript.strip():
        lines.append(say("no_transcript", chinese))
    return lines


@lru_cache(maxsize=64)
def _weaknesses(path: str, _changed_ns: int) -> Lines:
    """Return them once for each file: people type many letters, and the recording stays."""
    return tuple((w.message_en, w.message_zh) for w in read_recording(Path(path)).warnings)


def _told(error: BadRequest | OSError, chinese: bool) -> str:
    if isinstance(error, OSError):
        return say("recording_gone", chinese)
    return f"{error.message_zh} {error.fix_zh}" if chinese else f"{error.message_en} {error.fix}"
