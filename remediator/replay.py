"""What would be decided? Recorded alerts against catalogue and guards, with no side effect at all.

A line of the file is a recorded request: {"t": epoch seconds or ISO time, "path": ..., "body": {...}},
optionally with "evidence": {host: what `glmtts-remedy examine` printed}. Without evidence nothing can be
diagnosed: the answer is that the host would be examined.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from remediator import normalize
from remediator.catalogue import Catalogue
from remediator.choose import choose
from remediator.diagnose import Question, diagnose
from remediator.errors import BadAlert
from remediator.guard import Situation, judge
from remediator.inventory import Inventory
from remediator.lenient import parse_time
from remediator.model import Alert, Evidence, Plan, Run, Text, Verdict
from remediator.situation import Policy, mode_for
from remediator.states import RunState

MAX_LINE = 1_000_000
SETTLED = timedelta(minutes=5)  # replay assumes that a run has ended and helped after this time


@dataclass(frozen=True)
class Replayed:
    """One line's outcome for one host, or why it was refused."""

    line: int
    at: datetime | None
    host: str | None
    text: Text
    fault: str | None = None
    plan: Plan | None = None
    verdict: Verdict | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        return {
            "line": self.line, "at": self.at.isoformat() if self.at else None, "host": self.host,
            "fault": self.fault, "remedy": self.plan.remedy if self.plan else None,
            "instance": self.plan.instance if self.plan else None,
            "verdict": str(self.verdict.kind) if self.verdict else None,
            "gate": self.verdict.gate if self.verdict else None, "text": self.text.to_json(),
        }  # fmt: skip


class Replay:
    """Remembers in memory what it would have done, so that cooldowns, budgets and limits count."""

    def __init__(self, catalogue: Catalogue, inventory: Inventory, policy: Policy) -> None:
        self.catalogue, self.inventory, self.policy = catalogue, inventory, policy
        self.done: list[Run] = []

    def run(self, lines: Iterable[str]) -> Iterator[Replayed]:
        """Yield what every recorded line would have led to, in order."""
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield from self._line(number, line)

    def _line(self, number: int, line: str) -> Iterator[Replayed]:
        try:
            record = json.loads(line[: MAX_LINE + 1]) if len(line) <= MAX_LINE else None
            at, intake, evidence = self._read(record)
        except (BadAlert, ValueError, OverflowError, OSError, RecursionError) as error:
            yield Replayed(number, None, None, Text(f"refused: {error}", f"拒绝：{error}"))
            return
        for no in intake.refused:
            where = f"alerts[{no.place}].{no.field}"
            yield Replayed(
                number,
                at,
                None,
                Text(f"refused: {where} {no.problem}; {no.fix}", f"拒绝：{where} {no.problem}"),
            )
        firing = [alert for alert in intake.alerts if alert.status == "firing"]
        for host in sorted({alert.host for alert in firing}):
            mine = [alert for alert in firing if alert.host == host]
            yield self._host(number, at, host, mine, evidence)

    def _read(self, record: Any) -> tuple[datetime, normalize.Intake, Any]:
        if not isinstance(record, Mapping):
            raise BadAlert("line", "is no JSON object", "record one request a line")
        moment = record.get("t", record.get("at"))
        at = datetime.fromtimestamp(moment, UTC) if isinstance(moment, int | float) else parse_time(moment)
        if at is None:
            raise BadAlert("t", "is no time", "record when the request came")
        grafana = str(record.get("path", "")).endswith("grafana")
        read = normalize.from_grafana if grafana else normalize.from_alertmanager
        return at, read(record.get("body"), self.inventory.ports), record.get("evidence")

    def _host(self, number: int, at: datetime, host: str, firing: list[Alert], evidence: Any) -> Replayed:
        raw = evidence.get(host) if isinstance(evidence, Mapping) else None
        if not isinstance(raw, Mapping):
            text = Text("would examine the host; no evidence was recorded", "将检查主机；记录中没有证据")
            return Replayed(number, at, host, text)
        ports = {alert.instance for alert in firing}
        question = Question(
            host=host,
            instances=self.inventory.hosts[host].instances,
            since=min(alert.starts_at for alert in firing) - timedelta(seconds=self.policy.lookback_s),
            now=at,
            scope=None if None in ports else frozenset(port for port in ports if port),
            alerts=frozenset(alert.name for alert in firing),
        )
        diagnosis = diagnose(Evidence.from_json(raw), question, self.catalogue.faults)
        choice = choose(host, diagnosis, self.catalogue, self._recent(host, at))
        if isinstance(choice.step, Text):
            return Replayed(number, at, host, choice.step, choice.finding.fault)
        return self._judge(number, at, host, choice.step)

    def _judge(self, number: int, at: datetime, host: str, plan: Plan) -> Replayed:
        remedy = self.catalogue.remedies[plan.remedy]
        verdict = judge(plan, remedy, self._situation(plan, at))
        if verdict.kind == "go":
            run = Run(
                id=f"replay-{number}", incident_id="", host=host, instance=plan.instance, fault=plan.fault,
                remedy=plan.remedy, playbook=remedy.playbook, args=plan.args, rung=plan.rung,
                state=RunState.OK, timeout_s=remedy.timeout_s, disruptive=remedy.disruptive, created_at=at,
            )  # fmt: skip
            self.done.append(run)
        text = Text(verdict.reason_en, verdict.reason_zh)
        return Replayed(number, at, host, text, plan.fault, plan, verdict)

    def _recent(self, host: str, at: datetime) -> list[Run]:
        return [run for run in self.done if run.host == host and at - run.created_at < SETTLED]

    def _situation(self, plan: Plan, at: datetime) -> Situation:
        host = self.inventory.hosts[plan.host]
        mine = [run for run in self.done if run.host == plan.host]
        same = [run.created_at for run in mine if run.remedy == plan.remedy]
        hour = timedelta(hours=1)
        base = Situation(
            now=at,
            ceiling=self.policy.ceiling,
            mode=mode_for(self.catalogue.faults[plan.fault].modes, host.memberships),
            known=1,
            fleet=self.inventory.names,
            limits=self.policy.limits,
        )
        attempts = sum(run.fault == plan.fault and at - run.created_at < hour for run in mine)
        return replace(base, attempts=attempts, last_run_at=max(same, default=None))
