"""A message as facts: what the outbox row's payload says, typed. Pure.

The payload was written by this program in the transaction that made the move; texts in it may quote logs and
alerts, so every text is data until a channel has quoted it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from remediator.notify.markup import one_line

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Both:
    """One text in both languages."""

    en: str = ""
    zh: str = ""

    def get(self, language: str) -> str:
        """Return the text in `language`, or in the other one where it is missing."""
        return (self.zh or self.en) if language == "zh" else (self.en or self.zh)

    @classmethod
    def read(cls, value: object) -> Both:
        """Return `value` ({"en", "zh"} or one text for both)."""
        if isinstance(value, Mapping):
            return cls(str(value.get("en") or ""), str(value.get("zh") or ""))
        return cls(str(value), str(value)) if value else cls()


@dataclass(frozen=True)
class Decided:
    """What the guards answered to which remedy."""

    remedy: str = ""
    verdict: str = ""
    reason: Both = field(default_factory=Both)


@dataclass(frozen=True)
class RunFacts:
    """The run the message speaks of."""

    id: str
    remedy: str
    state: str
    took_s: float | None


@dataclass(frozen=True)
class Message:
    """One message of one incident. `at` and `opened_at` are aware."""

    id: str
    kind: str
    at: datetime
    incident_id: str = ""
    host: str = ""
    instance: str = ""
    fault: str = ""
    state: str = ""
    severity: str = ""
    mode: str = ""
    found: Both = field(default_factory=Both)
    decided: Decided | None = None
    run: RunFacts | None = None
    proof: Json | None = None
    next: Both = field(default_factory=Both)
    opened_at: datetime | None = None
    approve_id: str = ""
    approve_until: datetime | None = None
    facts: Json = field(default_factory=dict)  # the whole payload, for kinds with facts of their own

    @property
    def level(self) -> int:
        """How many people were called before the one this message calls."""
        level = self.facts.get("level")
        return level if isinstance(level, int) and level > 0 else 0

    @property
    def owner(self) -> str:
        """Whose batch it is about, as the log names them; "" for nobody's."""
        return one_line(_text(self.facts, "owner"), OWNER_CHARS)

    @property
    def is_personal(self) -> bool:
        """Whether it is for the owner of a batch: it is never merged with others."""
        return self.kind == "owner"

    @property
    def place(self) -> str:
        """Host and instance as people name them."""
        return f"{self.host}:{self.instance}" if self.instance else self.host

    @property
    def is_page(self) -> bool:
        """Whether a person must act: such a message is never merged and never waits behind others."""
        return self.kind in PAGES or bool(self.approve_id)


OWNER_CHARS = 64
PAGES = frozenset({"escalation", "approval", "alarm"})


def read_message(message_id: str, kind: str, created_at: datetime, payload: Json) -> Message:
    """Return the message an outbox row holds."""
    approve = payload.get("approve") or {}
    return Message(
        id=message_id,
        kind=kind,
        at=_time(payload.get("at")) or created_at,
        incident_id=_text(payload, "incident_id"),
        host=_text(payload, "host"),
        instance=_text(payload, "instance"),
        fault=_text(payload, "fault"),
        state=_text(payload, "state"),
        severity=_text(payload, "severity"),
        mode=_text(payload, "mode"),
        found=Both.read(payload.get("found")),
        decided=_decided(payload.get("decided")),
        run=_run(payload.get("run")),
        proof=payload.get("proof") or None,
        next=Both.read(payload.get("next")),
        opened_at=_time(payload.get("opened_at")),
        approve_id=str(approve.get("id") or ""),
        approve_until=_time(approve.get("expires_at")),
        facts=payload,
    )


def _text(payload: Json, name: str) -> str:
    value = payload.get(name)
    return "" if value is None else str(value)


def _decided(value: Any) -> Decided | None:
    if not isinstance(value, Mapping):
        return None
    return Decided(_text(value, "remedy"), _text(value, "verdict"), Both.read(value.get("reason")))


def _run(value: Any) -> RunFacts | None:
    if not isinstance(value, Mapping):
        return None
    took = value.get("took_s")
    took_s = float(took) if isinstance(took, int | float) else None
    return RunFacts(_text(value, "id"), _text(value, "remedy"), _text(value, "state"), took_s)


def _time(value: object) -> datetime | None:
    """Return an ISO time as aware UTC, None when there is none."""
    if not isinstance(value, str) or not value:
        return None
    when = datetime.fromisoformat(value)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
