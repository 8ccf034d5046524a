"""Writes decisions: asks the guards in the transaction that acts on their answer, and tells people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from remediator.catalogue import Catalogue
from remediator.guard import Situation, judge
from remediator.inventory import Inventory
from remediator.look import Looked
from remediator.model import Evidence, Finding, Mode, Plan, Text, Unreachable, Verdict, VerdictKind
from remediator.proved import proved
from remediator.situation import Policy, approval_for, mode_for, read
from remediator.states import IncidentState
from remediator.store import approvals, incidents, records, runs
from remediator.store.approvals import Approval
from remediator.store.incidents import Incident
from remediator.tell_owner import tell_owners
from remediator.telling import tell, told_before
from remediator.trip import trip

S = IncidentState
LEASE = "lease"
FALSE_ALARM = "false_alarm"
SHARED_CAUSE = "shared_cause"


class Decider:
    """Turns a look into a decision, a move and a message."""

    def __init__(
        self,
        catalogue: Catalogue,
        inventory: Callable[[], Inventory],
        policy: Policy,
        clock: Callable[[], datetime],
    ) -> None:
        self.catalogue, self.inventory, self.policy, self.clock = catalogue, inventory, policy, clock

    def decide(self, db: Connection, mine: Incident, looked: Looked) -> None:
        """Record evidence and decision, then move. Raises Conflict when the incident has moved on."""
        now, choice = self.clock(), looked.choice
        plan, verdict = self._verdict(db, mine, looked)
        found = self._found(choice.finding, plan, verdict)
        if mine.acted:
            aside = self.catalogue.only_look
            runs.mark_useless(db, mine.id, choice.finding.fault, aside=aside)
            self.trip(db, mine)
        if self._says_the_same(mine, verdict, found):
            self._wait(db, mine, verdict, found, now)
            self.tell_owners(db, mine, looked)
            return
        decision = self._record(db, mine, looked, plan, verdict)
        if verdict.kind is VerdictKind.WAIT:
            self._wait(db, mine, verdict, found, now)
        elif plan is None or verdict.kind is VerdictKind.REFUSE:
            self._escalate(db, mine, looked, found)
        elif verdict.kind is VerdictKind.ASK:
            self._ask(db, mine, plan, decision, found, now)
        else:
            self._go(db, mine, plan, decision, found, now)
        self.tell_owners(db, mine, looked)

    def tell_owners(self, db: Connection, mine: Incident, looked: Looked) -> None:
        """Tell the owners of batches, whatever else is wrong with the host and done about it."""
        found, faults = looked.diagnosis.findings, self.catalogue.faults
        tell_owners(db, mine, found, faults, self.clock(), mode=self.policy.ceiling.word)

    def false_alarm(self, db: Connection, mine: Incident, looked: Looked, proof: dict[str, Any]) -> None:
        """Close without having touched anything: all is well and speech was proved."""
        now = self.clock()
        shown = proved(proof)
        why = Text(f"Everything is well on examination; {shown.en}.", f"检查一切正常；{shown.zh}。")
        verdict = Verdict(VerdictKind.REFUSE, FALSE_ALARM, why.en, why.zh, None)
        found = self._found(looked.choice.finding, None, verdict)
        self._record(db, mine, looked, None, verdict)
        found |= {"instance": mine.instance, "proof": proof}
        done = incidents.move(db, mine, S.RESOLVED, now, wake_at=None, closed_at=now, **found)
        tell(db, "result", done, now, mode=self.mode(done))

    def answer(self, db: Connection, mine: Incident, looked: Looked) -> None:
        """Act on a person's answer, or on its absence; take a question back that has become pointless."""
        now = self.clock()
        approvals.expire(db, now)
        asked = approvals.of_incident(db, mine.id)
        last = asked[-1] if asked else None
        if last is not None and last.state == "open" and not _still_asked(last, looked):
            approvals.withdraw(db, mine.id)
            incidents.move(db, mine, S.EXAMINING, now, wake_at=now)
        elif last is not None and last.state == "open":
            incidents.move(db, mine, S.ASKING, now, wake_at=self._next_look(last.expires_at, now))
        elif last is not None and last.state == "approved":
            incidents.move(db, mine, S.EXAMINING, now, wake_at=now)
        else:
            self._denied(db, mine, last.decided_by if last and last.state == "denied" else None, now)

    def put_off(self, db: Connection, mine: Incident, plan: Plan, verdict: Verdict) -> None:
        """A reserved run was taken back before it began: wait, and decide anew."""
        now = self.clock()
        remedy = plan.remedy
        decided = _decided(remedy, verdict)
        until = verdict.until or now + timedelta(seconds=self.policy.recheck_s)
        moved = incidents.move(db, mine, S.WAITING, now, wake_at=until, decided=decided, waiting_since=now)
        tell(db, "decided", moved, now, mode=self.mode(moved))

    def trip(self, db: Connection, mine: Incident) -> None:
        """Let the circuit breaker look at what our runs came to."""
        most = self.policy.limits.breaker_runs
        trip(db, mine, self.clock(), most=most, mode=self.mode(mine))

    def mode(self, mine: Incident) -> str:
        """Return the mode that holds for the incident's fault on its host."""
        if mine.fault is None:
            return self.policy.ceiling.word
        return min(self.policy.ceiling, self._mode(mine.host, mine.fault)).word

    def situation(
        self, db: Connection, plan: Plan, mine: Incident, seen: Evidence | Unreachable | None
    ) -> Situation:
        """Return what the guards look at."""
        return read(
            db,
            plan,
            now=self.clock(),
            mode=self._mode(plan.host, plan.fault),
            policy=self.policy,
            inventory=self.inventory(),
            seen=seen,
            incident_id=mine.id,
            aside=self.catalogue.only_look,
        )

    def _mode(self, host: str, fault: str) -> Mode:
        known = self.inventory().hosts.get(host)
        return mode_for(self.catalogue.faults[fault].modes, known.memberships if known else ())

    def _judge(self, db: Connection, plan: Plan, mine: Incident, seen: Evidence | Unreachable) -> Verdict:
        return judge(plan, self.catalogue.remedies[plan.remedy], self.situation(db, plan, mine, seen))

    def _verdict(self, db: Connection, mine: Incident, looked: Looked) -> tuple[Plan | None, Verdict]:
        step = looked.choice.step
        plan = step if isinstance(step, Plan) else None
        if looked.person is not None:
            return plan, self._taken(looked.person)
        if isinstance(step, Text):
            return None, Verdict(VerdictKind.REFUSE, "plan", step.en, step.zh, None)
        return step, self._judge(db, step, mine, looked.seen)

    def _taken(self, by: str) -> Verdict:
        until = self.clock() + timedelta(seconds=self.policy.held_again_s)
        return Verdict(
            VerdictKind.WAIT, LEASE, f"{by} has taken the host", f"主机由 {by} 接管", until, holder=by
        )

    def _says_the_same(self, mine: Incident, verdict: Verdict, found: dict[str, Any]) -> bool:
        """Whether this is the wait that is already recorded: asked again, not decided anew."""
        before, now = mine.decided or {}, found["decided"]
        return (
            verdict.kind is VerdictKind.WAIT
            and mine.waiting_since is not None
            and (mine.fault, mine.instance) == (found["fault"], found["instance"])
            and (before.get("gate"), before.get("remedy")) == (now["gate"], now["remedy"])
        )

    def _record(
        self, db: Connection, mine: Incident, looked: Looked, plan: Plan | None, verdict: Verdict
    ) -> str:
        now, first = self.clock(), looked.choice.finding
        seen = records.add_evidence(db, mine.id, mine.host, looked.seen, now)
        return records.add_decision(
            db,
            mine.id,
            host=mine.host,
            evidence_id=seen,
            findings=[first, *(one for one in looked.diagnosis.findings if one is not first)],
            plan=plan,
            verdict=verdict,
            now=now,
        )

    def _found(self, finding: Finding, plan: Plan | None, verdict: Verdict) -> dict[str, Any]:
        return {
            "fault": finding.fault,
            "instance": finding.instance,
            "severity": self.catalogue.faults[finding.fault].severity,
            "found": {"en": finding.reason_en, "zh": finding.reason_zh},
            "decided": _decided(plan.remedy if plan else None, verdict),
        }

    def _go(
        self, db: Connection, mine: Incident, plan: Plan, decision: str, found: dict[str, Any], now: datetime
    ) -> None:
        given = approval_for(db, mine.id, plan, now)
        if given is not None:
            approvals.use(db, given, now)
        run = runs.reserve(db, mine.id, decision, plan, self.catalogue.remedies[plan.remedy], now)
        moved = incidents.move(
            db,
            mine,
            S.REPAIRING,
            now,
            wake_at=now,
            waiting_since=None,
            proof=None,
            note=None,
            held_by=None,
            **found,
        )
        tell(db, "decided", moved, now, mode=self.mode(moved), run=run)

    def _wait(
        self, db: Connection, mine: Incident, verdict: Verdict, found: dict[str, Any], now: datetime
    ) -> None:
        state = S.HELD if verdict.gate == LEASE else S.WAITING
        since = mine.waiting_since or now
        until = verdict.until or now + timedelta(seconds=self.policy.recheck_s)
        moved = incidents.move(
            db, mine, state, now, wake_at=until, waiting_since=since, held_by=verdict.holder, **found
        )
        if not told_before(db, "decided", moved):
            tell(db, "decided", moved, now, mode=self.mode(moved))
        too_long = now - since > timedelta(seconds=self.policy.long_wait_s)
        if too_long and not told_before(db, "escalation", moved):
            tell(db, "escalation", moved, now, mode=self.mode(moved))

    def _ask(
        self, db: Connection, mine: Incident, plan: Plan, decision: str, found: dict[str, Any], now: datetime
    ) -> None:
        expires = now + timedelta(seconds=self.policy.approval_s)
        asked = approvals.ask(db, mine.id, decision, plan, now=now, expires_at=expires)
        wake = self._next_look(expires, now)
        moved = incidents.move(
            db, mine, S.ASKING, now, wake_at=wake, waiting_since=None, held_by=None, **found
        )
        tell(db, "decided", moved, now, mode=self.mode(moved), approve=(asked, expires))

    def _next_look(self, expires: datetime, now: datetime) -> datetime:
        return min(expires, now + timedelta(seconds=self.policy.recheck_s))

    def _escalate(self, db: Connection, mine: Incident, looked: Looked, found: dict[str, Any]) -> None:
        now, fault = self.clock(), self.catalogue.faults[found["fault"]]
        to_owner = fault.tell == "batch_owner"
        again = now + timedelta(seconds=self.policy.recheck_s)
        moved = incidents.move(
            db,
            mine,
            S.ESCALATED,
            now,
            wake_at=again,
            evidence_since=looked.question.now if to_owner else now,  # no owner's line falls in between
            note=fault.advice.to_json(),
            waiting_since=None,
            held_by=None,
            **found,
        )
        if to_owner:
            return
        page = fault.tell == "oncall" and not self._paged_already(db, mine, found)
        kind = "escalation" if page else "decided"
        if not told_before(db, kind, moved):
            tell(db, kind, moved, now, mode=self.mode(moved), then=fault.advice)

    def _paged_already(self, db: Connection, mine: Incident, found: dict[str, Any]) -> bool:
        """Whether people were called for this very cause on another host."""
        others = (one for one in incidents.open_ones(db) if one.id != mine.id and one.state is S.ESCALATED)
        return found["decided"]["gate"] == SHARED_CAUSE and any(
            one.fault == found["fault"] and (one.decided or {}).get("gate") == SHARED_CAUSE for one in others
        )

    def _denied(self, db: Connection, mine: Incident, by: str | None, now: datetime) -> None:
        why = (
            Text(f"Denied by {by}.", f"{by} 已拒绝。")
            if by
            else Text("Nobody approved in time.", "未在期限内批准。")
        )
        again = now + timedelta(seconds=self.policy.recheck_s)
        decided = {**(mine.decided or {}), "verdict": "refuse", "gate": "denied", "reason": why.to_json()}
        moved = incidents.move(db, mine, S.ESCALATED, now, wake_at=again, note=why.to_json(), decided=decided)
        tell(db, "escalation", moved, now, mode=self.mode(moved), then=why)


def _still_asked(asked: Approval, looked: Looked) -> bool:
    """Whether the plan that people were asked about is still what would be done, as far as can be seen."""
    if looked.waits_for_loading or isinstance(looked.seen, Unreachable):
        return True
    step = looked.choice.step
    return looked.person is None and isinstance(step, Plan) and asked.covers(step)


def _decided(remedy: str | None, verdict: Verdict) -> dict[str, Any]:
    return {
        "remedy": remedy,
        "verdict": str(verdict.kind),
        "gate": verdict.gate,
        "reason": {"en": verdict.reason_en, "zh": verdict.reason_zh},
        "until": verdict.until.isoformat() if verdict.until else None,
    }
