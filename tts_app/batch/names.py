"""Output names that are safe as file names here, in a zip and on the machine that unpacks it."""

from __future__ import annotations

import re
import unicodedata

MAX_CHARS = 120
MAX_BYTES = 200  # in UTF-8; file systems allow 255 with our suffixes
RESERVED = frozenset({"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))})
UNSAFE = frozenset('/\\:*?"<>|')


def tidy(name: str) -> str:
    """Return the name without a .wav ending and in one Unicode form."""
    name = unicodedata.normalize("NFC", name)
    return name[:-4] if name.lower().endswith(".wav") else name


def is_safe(name: str) -> bool:
    """Return whether `name` can be a file's name everywhere."""
    return (
        bool(name)
        and len(name) <= MAX_CHARS
        and len(name.encode("utf-8", "surrogatepass")) <= MAX_BYTES
        and all(c.isprintable() and c not in UNSAFE for c in name)
        and name[0] not in ".- "
        and name[-1] not in ". "
        and name.split(".", maxsplit=1)[0].strip().lower() not in RESERVED
    )


def suggest(name: str) -> str:
    """Return a safe name that resembles `name`."""
    kept = re.sub(r"[^\w.-]+|\.{2,}", "_", name).strip("._- ")[:40]
    kept = kept or "task"
    return kept if is_safe(kept) else f"task_{re.sub(r'[^a-z0-9]', '', kept.lower())[:20]}"


def fold(name: str) -> str:
    """Return what two names share that would meet in one file on some system."""
    return unicodedata.normalize("NFKC", name).casefold()
