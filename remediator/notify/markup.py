"""Text that chat shows: what others wrote can't become markup, and a cut leaves no markup open. Pure.

Limits of chat servers count UTF-8 bytes, so cuts are measured in bytes and fall on characters.
"""

from __future__ import annotations

import re
import unicodedata

ELLIPSIS = "…"
# WeChat Work has no escape character: look-alikes are the only safe way to quote.
LOOKALIKES = str.maketrans(
    {"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "ˋ", "#": "＃", "|": "｜", "\\": "＼"}
)
PIECE = re.compile(
    r'<font color="[a-z]+">|</font>|\*\*|<@[^<>\n]+>|`[^`\n]*`|\[[^\[\]\n]*\]\([^()\n]*\)|\n|.', re.DOTALL
)
REORDERING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
JOINERS = "\u200d\ufe0e\ufe0f"


def one_line(text: str, limit: int = 300) -> str:
    """Return `text` in one line without control characters, at most `limit` characters."""
    visible = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    clean = "".join(char for char in visible if not _is_hidden(char))
    return cut_chars(" ".join(clean.split()), limit)


def _is_hidden(char: str) -> bool:
    """Whether `char` could reorder or hide what follows, or can't be encoded."""
    return unicodedata.category(char) == "Cs" or char in REORDERING


def quoted(text: str, limit: int = 300) -> str:
    """Return what others wrote (a log line, a label) so that chat shows it and never obeys it."""
    return one_line(text, limit).translate(LOOKALIKES)


def cut_chars(text: str, limit: int) -> str:
    """Return `text` with at most `limit` characters, an ellipsis showing a cut."""
    if len(text) <= limit:
        return text
    return _whole(text[: limit - 1]) + ELLIPSIS


def cut_columns(text: str, limit: int) -> str:
    """Return the beginning of `text` that is at most `limit` columns wide; a Chinese character takes two."""
    width = 0
    for place, char in enumerate(text):
        width += 2 if unicodedata.east_asian_width(char) in {"W", "F"} else 1
        if width > limit:
            return text[:place].rstrip()
    return text


def cut_markdown(text: str, limit: int) -> str:
    """Return markdown or plain text within `limit` bytes: cut at a line's end where one is near, markup closed."""
    if len(text.encode()) <= limit:
        return text
    kept, closers, size = "", "", 0
    at_line = ""
    for match in PIECE.finditer(text):
        piece = match.group()
        after = _closers(closers, piece)
        if size + len(piece.encode()) + len((ELLIPSIS + after).encode()) > limit:
            break
        if piece == "\n":
            at_line = kept + "\n" + ELLIPSIS + closers
        kept, closers, size = kept + piece, after, size + len(piece.encode())
    inside = _whole(kept) + ELLIPSIS + closers
    near = len(at_line.encode()) >= len(inside.encode()) // 2 and len(at_line.encode()) <= limit
    return at_line if near else inside


def _closers(open_now: str, piece: str) -> str:
    """Return what closes all markup that is open after `piece`; innermost first."""
    if piece.startswith("<font"):
        return "</font>" + open_now
    if piece in ("</font>", "**"):
        if open_now.startswith(piece):
            return open_now.removeprefix(piece)
        return piece + open_now if piece == "**" else open_now
    return open_now


def _whole(text: str) -> str:
    """Return `text` without a half emoji or accent at its end."""
    return text.rstrip(JOINERS)
