"""Which words of a failure may be written down.

Libraries quote the texts they work on in exceptions, and GLM-TTS prints them; a log must not hold them. What
operators search for (CUDA out of memory, FileNotFoundError, ...) must stay. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

GAP = "<text>"
MAX_LINE_CHARS = 300

# Sentences that Python, torch and CUDA write about the machine: they never quote a text.
_ABOUT_THE_MACHINE = re.compile(
    r"CUDA out of memory\b|CUDA error: |cuDNN error: |\[Errno \d+\] [A-Z]|No module named |DefaultCPUAllocator: "
    r"|Expecting (?:value|property name|',' delimiter|':' delimiter)\b|Extra data: |Unterminated string starting at"
    r"|cannot import name |\S+: cannot open shared object file"
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NOT_ASCII = re.compile(r"[^\x20-\x7e]+")
_WORD = re.compile(r"[A-Za-z]{3,}|\d{2,}")
_GAPS = re.compile(rf"{GAP}(?:\s*{GAP})+")

# What an interpreter or a C++ runtime says when a process dies.
_LAST_WORDS = re.compile(
    r"Fatal Python error: [A-Za-z ]+|Segmentation fault(?: \(core dumped\))?|Aborted"
    r"|(?:Current t|T)hread 0x[0-9a-f]+[^:]*:|\s*File \"[^\"]+\", line \d+ in [\w<>.]+"
    r"|terminate called after throwing an instance of '[\w:]+'|\s*what\(\):\s+(?:CUDA|cuDNN) error: [\x20-\x7e]+",
    re.ASCII,
)
_EXCEPTION = re.compile(r"((?:\w+\.)*\w*(?:Error|Exception|Interrupt))(?:: (.*))?", re.ASCII)


def without_text(message: str, private: Iterable[str]) -> str:
    """Return `message` on one line, without anything that may stem from the `private` texts.

    Those texts are cut out, and since they were changed on the way (numbers read out, letters folded) whatever
    is quoted, no ASCII, or a word of theirs goes too. A message about the machine stays as it is.
    """
    told = " ".join(message.split())
    secrets = sorted({" ".join(text.split()) for text in private} - {""}, key=len, reverse=True)
    if not secrets or _ABOUT_THE_MACHINE.match(told):
        return told
    for secret in secrets:
        told = told.replace(secret, GAP)
    words = {word.lower() for secret in secrets for word in _WORD.findall(secret)}
    told = _NOT_ASCII.sub(GAP, _QUOTED.sub(GAP, told))
    told = _WORD.sub(lambda found: GAP if found[0].lower() in words else found[0], told.replace(GAP, "\0"))
    return _GAPS.sub(GAP, told.replace("\0", GAP))


def fault_line(line: str) -> str | None:
    """Return what may be kept of a line from standard error once a text was spoken; None for nothing."""
    if _LAST_WORDS.fullmatch(line):
        return line[:MAX_LINE_CHARS]
    found = _EXCEPTION.fullmatch(line)
    if found is None:
        return None
    name, message = found[1], found[2] or ""
    return line[:MAX_LINE_CHARS] if _ABOUT_THE_MACHINE.match(message) else name
