"""Blacks out what looks like a secret in texts of others: log lines, command lines, alerts. Pure.

What services log ends in the database, on pages, in chat and in mails; the full text stays on the host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[removed]"
SECRETS = re.compile(
    r"(?i)(authorization:\s*(?:bearer|basic)\s+|\bbearer\s+|"
    r"(?:key|token|secret|passw(?:or)?d)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]+"
)
IN_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]*://)[^\s/@:]+:[^\s/@]+@")
KNOWN_FORMS = re.compile(
    r"\b(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}|hf_[A-Za-z0-9]{20,})"
)


def redacted(text: str) -> str:
    """Return `text` without passwords, tokens and keys, as far as their form gives them away."""
    text = IN_ADDRESS.sub(rf"\1{REMOVED}@", text)
    return SECRETS.sub(rf"\1{REMOVED}", KNOWN_FORMS.sub(REMOVED, text))


def redacted_json(value: Any) -> Any:
    """Return a JSON value with every text in it redacted."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {name: redacted_json(one) for name, one in value.items()}
    return [redacted_json(one) for one in value] if isinstance(value, list) else value
