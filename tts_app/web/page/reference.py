"""The reference recording as the page sees it."""

from pathlib import Path

from tts_app.audio.reference import read_recording
from tts_app.errors import BadRequest
from tts_app.web.page.words import say


def reference_advice(path: str | None, transcript: str, *, chinese: bool) -> list[str]:
    """Return what is poor or wrong about the recording, while people still type."""
    if path is None:
        return []
    try:
        recording = read_recording(Path(path))
    except BadRequest as error:
        return [f"{error.message_zh} {error.fix_zh}" if chinese else f"{error.message_en} {error.fix}"]
    lines = [w.message_zh if chinese else w.message_en for w in recording.warnings]
    if not transcript.strip():
        lines.append(say("no_transcript", chinese))
    return lines
