"""Shared parts of these tests: facts, a clock that is moved by hand, a database in memory, a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import StaticPool

from remediator.errors import NotifyError
from remediator.notify.budget import Budget
from remediator.notify.channel import Limited, Pool
from remediator.notify.letter import Letter, Reader
from remediator.notify.message import Message, read_message
from remediator.notify.receivers import Receiver
from remediator.store.schema import metadata

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
T = TypeVar("T")


class Clock:
    """The time, moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def timestamp(self) -> float:
        return self.now.timestamp()


class MemoryStore:
    """The real schema in memory; foreign keys are off, so that messages need no incident."""

    def __init__(self) -> None:
        self.engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
        )
        metadata.create_all(self.engine)

    def read(self, work: Callable[[Connection], T]) -> T:
        with self.engine.begin() as db:
            return work(db)

    write = read


@dataclass
class FakeChannel:
    """Takes letters, or fails as `plan` says: called per letter, it returns an error to raise or None."""

    name: str = "fake"
    plan: Callable[[Letter], BaseException | None] = lambda _letter: None
    got: list[Letter] = field(default_factory=list)

    def send(self, letter: Letter) -> str:
        error = self.plan(letter)
        if error is not None:
            raise error
        self.got.append(letter)
        return "ok"


def reader(language: str = "zh", **extra: Any) -> Reader:
    zone = ZoneInfo("Asia/Shanghai" if language == "zh" else "UTC")
    return Reader(language, zone, "https://control.example", "https://control.example/runbooks", **extra)


def receiver(channel: FakeChannel, *, per_min: int = 1000, name: str = "", **extra: Any) -> Receiver:
    budget = Budget(name or channel.name, per_min, reserve=per_min // 4)
    return Receiver(name or channel.name, Pool([Limited(channel, budget)]), reader(), **extra)


def payload(**changes: Any) -> dict[str, Any]:
    """Return the facts of a finished repair; `changes` replace some."""
    facts: dict[str, Any] = {
        "kind": "result",
        "incident_id": "inc-20261127-010003-aaaaaa",
        "host": "gpu01",
        "instance": "7860",
        "fault": "service_down",
        "state": "resolved",
        "severity": "critical",
        "mode": "act",
        "found": {
            "en": "glm-tts@7860.service failed: killed by signal 9",
            "zh": "glm-tts@7860.service 失败：被信号 9 杀死",
        },
        "decided": {
            "remedy": "restart",
            "verdict": "go",
            "reason": {"en": "every guard agrees", "zh": "所有关卡都同意"},
        },
        "run": {
            "id": "run-20261127-010005-bbbbbb",
            "remedy": "restart",
            "state": "ok",
            "took_s": 4.2,
        },
        "proof": {"ok": True, "duration_s": 1.24, "reason_en": "", "reason_zh": ""},
        "next": {"en": "", "zh": ""},
        "opened_at": "2026-11-27T01:00:03+00:00",
        "at": "2026-11-27T01:02:03+00:00",
        "approve": None,
    }
    return facts | changes


def message(message_id: str = "msg-1", **changes: Any) -> Message:
    facts = payload(**changes)
    return read_message(message_id, facts["kind"], NOW, facts)


def refused(*, permanent: bool = False) -> NotifyError:
    return NotifyError("no", permanent=permanent)
