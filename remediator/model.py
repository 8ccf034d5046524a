"""The values that travel between the stages. Pure data: no I/O, no clock.

Times are aware UTC datetimes. `instance` is the port as text ("7860"), or None for the whole host.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, Literal

from remediator.evidence import Evidence, Unreachable
from remediator.signatures import Condition
from remediator.states import RunState

__all__ = [
    "Alert",
    "Arg",
    "Condition",
    "Evidence",
    "Fault",
    "Finding",
    "Gate",
    "Mode",
    "Plan",
    "Remedy",
    "Run",
    "RunOutcome",
    "Rung",
    "SpeechProof",
    "Text",
    "Unreachable",
    "Verdict",
    "VerdictKind",
    "When",
]


@dataclass(frozen=True)
class Text:
    """One sentence in both languages."""

    en: str
    zh: str

    def to_json(self) -> dict[str, str]:
        """Return {"en", "zh"}, the shape messages carry."""
        return {"en": self.en, "zh": self.zh}


class Mode(IntEnum):
    """How far the remediator may go; the smaller one of two is the safer one."""

    OBSERVE = 0
    PROPOSE = 1
    ACT = 2

    @classmethod
    def parse(cls, word: str) -> Mode:
        """Return the mode named by observe|propose|act. Raises KeyError."""
        return cls[word.upper()]

    @property
    def word(self) -> str:
        """The name as people write it."""
        return self.name.lower()


@dataclass(frozen=True)
class Alert:
    """One condition reported by a sender."""

    sender: str  # alertmanager | grafana | probe
    fingerprint: str
    starts_at: datetime
    status: Literal["firing", "resolved"]
    host: str  # exactly a name of the inventory
    instance: str | None
    name: str
    severity: str
    summary: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The idempotency key: the same alert sent again has the same key."""
        return f"{self.sender}|{self.host}|{self.fingerprint}|{self.starts_at.isoformat()}|{self.status}"


@dataclass(frozen=True)
class Finding:
    """One fault that the evidence proves, for one instance or (None) the host."""

    fault: str
    instance: str | None
    reason_en: str
    reason_zh: str
    evidence_line: str
    down: bool = False  # the service of this instance does not serve
    idle: bool = False  # nothing is being synthesized or queued
    facts: Mapping[str, int | str] = field(default_factory=dict)  # what a remedy may need: gpu_uuid, pid ...


When = Literal["always", "down", "up", "idle", "alone", "stray"]


@dataclass(frozen=True)
class Rung:
    """One step of a ladder: the remedy, how often per incident, and when it makes sense.

    down, up, idle: of the instance; alone: nobody else uses the device; stray: the port's holder is our own.
    """

    remedy: str
    times: int = 1
    when: When = "always"


@dataclass(frozen=True)
class Arg:
    """One argument of a remedy: a fixed value, or a fact of the finding that must match `pattern`."""

    name: str
    value: int | str | None = None
    fact: str | None = None
    pattern: str = ""


@dataclass(frozen=True)
class Remedy:
    """A playbook and its contract."""

    name: str
    title: Text
    playbook: str  # file name under playbooks/
    scope: Literal["instance", "host"]
    args: tuple[Arg, ...]
    timeout_s: int
    cooldown_s: int
    disruptive: bool
    approval: bool
    heals: bool = True  # false: it only looks, so that the fault is still there afterwards says nothing
    on_adopted: bool = False  # also offered on a host whose service somebody else deployed


@dataclass(frozen=True)
class Fault:
    """A named cause: how it is proved lives in the catalogue's signatures."""

    name: str
    title: Text
    reason: Text
    advice: Text
    precedence: int
    scope: Literal["instance", "host"]
    severity: Literal["info", "warning", "critical"]
    ladder: tuple[Rung, ...]
    tell: Literal["oncall", "batch_owner", "nobody"]
    modes: Mapping[str, Mode]  # host group -> mode; "default" is always there
    proofs: tuple[tuple[Condition, ...], ...]  # any of them proves it; a proof needs all its conditions


@dataclass(frozen=True)
class Plan:
    """What should be done next about a finding; the guards decide whether it is."""

    host: str
    instance: str | None
    fault: str
    remedy: str
    rung: int  # 0-based place in the fault's ladder
    args: Mapping[str, int | str] = field(default_factory=dict)


class VerdictKind(StrEnum):
    """The guards' four answers."""

    GO = "go"
    WAIT = "wait"
    ASK = "ask"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Gate:
    """One guard's answer with the value it looked at and the limit it compared with."""

    name: str
    kind: VerdictKind
    value: str
    limit: str
    reason: Text
    until: datetime | None = None
    holder: str | None = None  # who has the host, when that is the reason


@dataclass(frozen=True)
class Verdict:
    """The answer to a plan: the first gate that did not say go, with every gate recorded."""

    kind: VerdictKind
    gate: str  # "" when every gate says go
    reason_en: str
    reason_zh: str
    until: datetime | None
    gates: tuple[Gate, ...] = ()
    holder: str | None = None


@dataclass(frozen=True)
class SpeechProof:
    """What came back when the host was asked to speak through its reserved slot, or by its page's own API."""

    ok: bool
    host: str
    instance: str
    reason_en: str = ""  # why not, when not ok
    reason_zh: str = ""
    duration_s: float = 0.0
    rms: float = 0.0
    sample_rate: int = 0
    took_s: float = 0.0
    engine: str = ""
    how: Literal["speech", "http"] = "speech"  # http: it answers, which is all that could be found out
    unreached: int = 0  # how often in a row the host was not reached to be asked: this says nothing about it

    @property
    def spoken(self) -> bool:
        """Whether speech was heard."""
        return self.ok and self.how == "speech"

    @property
    def denied(self) -> bool:
        """Whether it was asked, and did not speak."""
        return not self.ok and not self.unreached

    def to_json(self) -> dict[str, Any]:
        """Return the fields and `spoken` as JSON values."""
        return asdict(self) | {"spoken": self.spoken}


@dataclass(frozen=True)
class Run:
    """One execution of one remedy on one host, as the store keeps it."""

    id: str
    incident_id: str
    host: str
    instance: str | None
    fault: str
    remedy: str
    playbook: str
    args: Mapping[str, int | str]
    rung: int
    state: RunState
    timeout_s: int
    disruptive: bool
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    rc: int | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    failed_task: str | None = None


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, as its own process left it on disk (or abandoned, when it left nothing)."""

    state: Literal["ok", "failed", "canceled", "abandoned"]
    rc: int | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)  # the playbook's remedy_result
    failed_task: str | None = None
