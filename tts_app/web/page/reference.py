"""The reference recording as the page sees it."""

from pathlib import Path

from tts_app.audio.reference import read_recording
from tts_app.engines.base import Reference
from tts_app.errors import BadRequest
from tts_app.web.page.words import say


def read_reference(path: str | None, transcript: str, *, strict: bool, clones: bool) -> Reference | None:
    """Return the recording, None without one. Raises BadRequest when it is no good."""
    if path is None:
        return None
    if clones and not transcript.strip():
        raise BadRequest(
            "transcript",
            "the recording has no transcript",
            "缺少参考音频的文字内容",
            "Write what is said in it.",
            fix_zh="请填写参考音频里说的话。",
        )
    return read_recording(Path(path), strict=strict).reference(transcript)


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
