"""The messages of samples.yml, as if they happened now."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from remediator.notify.message import Message, read_message

FILE = Path(__file__).with_name("samples.yml")
SINCE_OPEN = timedelta(seconds=75)
TO_ANSWER = timedelta(minutes=30)


def samples(now: datetime) -> dict[str, Message]:
    """Return one message of each kind, by the name it has in the file."""
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    facts = {name: _at(now, data["common"], own) for name, own in data["kinds"].items()}
    return {
        name: read_message(f"msg-{now:%Y%m%d-%H%M%S}-{place:06x}", own["kind"], now, own)
        for place, (name, own) in enumerate(facts.items(), start=1)
    }


def _at(now: datetime, common: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Return one message's facts with their times; what has no state belongs to no incident."""
    facts = {**common, **own} if "state" in own else dict(own)
    facts["at"] = now.isoformat()
    facts["opened_at"] = (now - SINCE_OPEN).isoformat()
    if facts.get("approve"):
        facts["approve"] = {**facts["approve"], "expires_at": (now + TO_ANSWER).isoformat()}
    return facts
