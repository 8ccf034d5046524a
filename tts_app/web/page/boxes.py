"""Small pieces of HTML. Everything put in is escaped here, so text from people stays text."""

from html import escape

from tts_app.errors import BadRequest, TtsError


def _box(kind: str, lines: list[str]) -> str:
    return f'<div class="vk-{kind}">{"<br>".join(escape(line) for line in lines)}</div>' if lines else ""


def warnings(lines: list[str]) -> str:
    """Return advice, or nothing."""
    return _box("warning", lines)


def good(line: str) -> str:
    """Return good news."""
    return _box("good", [line])


def failure(error: TtsError, *, chinese: bool) -> str:
    """Return what went wrong and how to mend it."""
    lines = [error.message_zh if chinese else error.message_en]
    if isinstance(error, BadRequest) and error.fix:
        lines.append(error.fix_zh if chinese else error.fix)
    return _box("error", lines)


def trouble(line: str) -> str:
    """Return bad news in one line."""
    return _box("error", [line])
