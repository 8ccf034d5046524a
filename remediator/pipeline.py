"""Joins the stages: `advance(incident_id)` does the next thing an incident needs.

Every step claims the incident, looks at the world without holding the database, and writes its move together
with the message about it in one conditional transaction. Calling it twice, late or from two places is
harmless: whoever comes second changes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from remediator import intake
from remediator.catalogue import Catalogue
from remediator.decide import FALSE_ALARM, LEASE, Decider
from remediator.errors import Conflict, ExecuteError
from remediator.guard import judge_reserved
from remediator.inventory import Inventory
from remediator.look import Looked, Looker
from remediator.model import Alert, Evidence, Plan, Run, RunOutcome, SpeechProof, Unreachable, VerdictKind
from remediator.situation import Policy
from remediator.states import IncidentState, RunState
from remediator.store import Store, alerts, incidents, runs
from remediator.store.incidents import Incident
from remediator.telling import tell

log = logging.getLogger(__name__)
S = IncidentState


@dataclass(frozen=True)
class Stages:
    """The stages that touch the world, handed in.

    `start` raises ExecuteError only when nothing began, and starting the same run twice starts it once.
    `poll` returns None while the run goes on. `cancel` asks a run to end.
    """

    examine: Callable[[str], Evidence | Unreachable]
    start: Callable[[Run], None]
    poll: Callable[[Run], RunOutcome | None]
    cancel: Callable[[Run], None]
    verify: Callable[[str, str], SpeechProof]


class Pipeline:
    """One installation's incidents. `owner` names this worker; `clock` returns aware UTC now."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        inventory: Callable[[], Inventory],
        stages: Stages,
        policy: Policy,
        *,
        clock: Callable[[], datetime],
        owner: str,
    ) -> None:
        self.store, self.catalogue, self.inventory = store, catalogue, inventory
        self.stages, self.policy, self.clock, self.owner = stages, policy, clock, owner
        self.decider = Decider(catalogue, inventory, policy, clock)
        self.look = Looker(store, catalogue, inventory, policy, clock, stages.examine)

    def accept(self, new: Sequence[Alert]) -> list[intake.Accepted]:
        """Store alerts, all or none, before the sender is answered. Raises StoreUnavailable."""
        return intake.accept(self.store, self.policy, new, self.clock())

    def due(self, limit: int = 100) -> list[str]:
        """Return the incidents that `advance` has something to do for now."""
        return self.store.read(lambda db: incidents.due(db, self.clock(), limit))

    def advance(self, incident_id: str) -> bool:
        """Do the incident's next step; False when nothing was due or another worker was faster."""
        now, owner, hold_s = self.clock(), self.owner, self.policy.claim_s
        mine = self.store.write(
            lambda db: incidents.claim(db, incident_id, owner=owner, now=now, for_s=hold_s)
        )
        if mine is None:
            return False
        done = False
        try:
            self._STEPS[mine.state](self, mine)
            done = True
        except (Conflict, IntegrityError) as lost:
            log.info("incident moved on meanwhile", extra={"incident": incident_id, "why": str(lost)[:200]})
        finally:
            if not done:
                self.store.write(lambda db: incidents.unclaim(db, incident_id, owner))
        return done

    # -- steps; each ends in exactly one move -------------------------------------------------------------

    def _open(self, mine: Incident) -> None:
        self._move(mine, S.EXAMINING)

    def _examining(self, mine: Incident) -> None:
        looked = self.look(mine)
        if looked.waits_for_loading:
            self._stay(mine, self.policy.loading_again_s, proof=None)  # it was started anew
        elif looked.diagnosis.well and looked.person is None:
            self._move(mine, S.VERIFYING, fault=mine.fault or FALSE_ALARM)
        else:
            self.store.write(lambda db: self.decider.decide(db, mine, looked))

    def _waiting(self, mine: Incident) -> None:
        self._move(mine, S.EXAMINING)

    def _asking(self, mine: Incident) -> None:
        looked = self.look(mine)
        self.store.write(lambda db: self.decider.answer(db, mine, looked))

    def _held(self, mine: Incident) -> None:
        if (mine.decided or {}).get("gate") != LEASE:  # taken here: only a person gives it back
            self._stay(mine, None)
        elif self.look(mine).person is None:
            self._move(mine, S.EXAMINING, held_by=None)
        else:
            self._stay(mine, self.policy.held_again_s)

    def _escalated(self, mine: Incident) -> None:
        """Look again: close what people have mended, act on new trouble, say nothing twice."""
        looked = self.look(mine)
        if looked.waits_for_loading:
            self._stay(mine, self.policy.loading_again_s, proof=None)  # it was started anew
        elif looked.diagnosis.well:
            self._move(mine, S.VERIFYING)
        elif self._is_news(mine, looked):
            self._move(mine, S.EXAMINING)
        else:
            self.store.write(lambda db: self._leave_to_people(db, mine, looked))

    def _is_news(self, mine: Incident, looked: Looked) -> bool:
        """Whether there is something to do now: about another fault, or that could not be done before."""
        choice = looked.choice
        same = (choice.finding.fault, choice.finding.instance) == (mine.fault, mine.instance)
        not_before = (mine.decided or {}).get("gate") == "plan"
        return isinstance(choice.step, Plan) and (not same or not_before)

    def _repairing(self, mine: Incident) -> None:
        run = self.store.read(lambda db: runs.active_on(db, mine.host))
        if run is None or run.incident_id != mine.id:
            self._move(mine, S.VERIFYING)
        elif run.state is RunState.QUEUED:
            self._start(mine, run)
        else:
            self._follow(mine, run)

    def _verifying(self, mine: Incident) -> None:
        looked = self.look(mine)
        if looked.waits_for_loading:
            self._stay(mine, self.policy.loading_again_s, proof=None)  # it was started anew
        elif looked.person is not None or not looked.diagnosis.well:
            self._move(mine, S.EXAMINING)
        else:
            proofs = [self.stages.verify(mine.host, port) for port in looked.question.ports]
            bad = [proof for proof in proofs if not proof.ok]
            if bad:
                self._not_proved(mine, next((proof for proof in bad if proof.denied), bad[0]))
            else:
                self.store.write(lambda db: self._proved(db, mine, looked, proofs))

    def _holding(self, mine: Incident) -> None:
        looked, now = self.look(mine), self.clock()
        until = mine.state_since + timedelta(seconds=self.policy.hold_down_s)
        if looked.waits_for_loading or not looked.diagnosis.well:
            self._move(mine, S.EXAMINING)
        elif now < until:  # an alert rang early
            self._stay(mine, (until - now).total_seconds())
        else:
            self.store.write(lambda db: self._close(db, mine, looked))

    # -- parts of steps -----------------------------------------------------------------------------------

    def _leave_to_people(self, db: Connection, mine: Incident, looked: Looked) -> None:
        """Look again later; owners of batches hear of what was logged since."""
        now = self.clock()
        to_owner = mine.fault is not None and self.catalogue.faults[mine.fault].tell == "batch_owner"
        since = {"evidence_since": looked.question.now} if to_owner else {}
        wake = now + timedelta(seconds=self.policy.recheck_s)
        incidents.move(db, mine, mine.state, now, wake_at=wake, **since)
        self.decider.tell_owners(db, mine, looked)

    def _start(self, mine: Incident, run: Run) -> None:
        if not self.store.write(lambda db: self._still_allowed(db, mine, run)):
            return
        try:
            self.stages.start(run)
        except ExecuteError as error:
            outcome = RunOutcome("failed", summary={"error": str(error)[:500]}, failed_task="start the run")
            self.store.write(lambda db: self._begun(db, mine, run, outcome))
            return
        try:
            self.store.write(lambda db: self._begun(db, mine, run, None))
        except Conflict:
            if self.store.read(lambda db: runs.get(db, run.id)).state is RunState.CANCELED:
                self.stages.cancel(run)  # it was taken back while its process was being started
            raise

    def _still_allowed(self, db: Connection, mine: Incident, run: Run) -> bool:
        plan = Plan(run.host, run.instance, run.fault, run.remedy, run.rung, run.args)
        situation = self.decider.situation(db, plan, mine, None)
        verdict = judge_reserved(plan, self.catalogue.remedies[run.remedy], situation)
        if verdict.kind is VerdictKind.GO:
            return True
        runs.cancel_queued(db, run.id, self.clock())
        self.decider.put_off(db, mine, plan, verdict)
        return False

    def _begun(self, db: Connection, mine: Incident, run: Run, failed: RunOutcome | None) -> None:
        now = self.clock()
        if not runs.began(db, run.id, now):
            raise Conflict(f"{run.id} is no longer queued")
        if failed is not None:
            self._ended(db, mine, run, failed)
        else:
            wake = now + timedelta(seconds=self.policy.poll_s)
            incidents.move(db, mine, S.REPAIRING, now, wake_at=wake)

    def _follow(self, mine: Incident, run: Run) -> None:
        outcome = self.stages.poll(run)
        if outcome is not None:
            self.store.write(lambda db: self._ended(db, mine, run, outcome))
            return
        limit = timedelta(seconds=run.timeout_s + self.policy.overdue_s)
        if run.started_at is not None and self.clock() - run.started_at > limit:
            self.stages.cancel(run)
        self._stay(mine, self.policy.poll_s)

    def _ended(self, db: Connection, mine: Incident, run: Run, outcome: RunOutcome) -> None:
        now = self.clock()
        if not runs.ended(db, run.id, outcome, now):
            raise Conflict(f"{run.id} has ended already")
        ended = runs.get(db, run.id)
        moved = incidents.move(
            db, mine, S.VERIFYING, now, wake_at=now, evidence_since=now, proof=None, acted=True
        )
        if ended.state is not RunState.OK:
            tell(db, "result", moved, now, mode=self.decider.mode(moved), run=ended)
            self.decider.trip(db, moved)

    def _not_proved(self, mine: Incident, bad: SpeechProof) -> None:
        """Examine with the proof; a host that was only not reached is asked again some times before."""
        if bad.unreached:
            bad = replace(bad, unreached=bad.unreached + int((mine.proof or {}).get("unreached") or 0))
        if bad.denied or bad.unreached >= self.policy.ask_tries:
            self._move(mine, S.EXAMINING, proof=bad.to_json())
        else:
            self._stay(mine, self.policy.ask_again_s, proof=bad.to_json())

    def _heard_more(self, db: Connection, mine: Incident, looked: Looked) -> bool:
        """Examine anew when an alert has come since the look began, which can say nothing about it."""
        if alerts.firing_ids(db, mine.id) <= looked.heard:
            return False
        now = self.clock()
        incidents.move(db, mine, S.EXAMINING, now, wake_at=now)
        return True

    def _proved(self, db: Connection, mine: Incident, looked: Looked, proofs: Sequence[SpeechProof]) -> None:
        if self._heard_more(db, mine, looked):
            return
        now = self.clock()
        runs.mark_useful(db, mine.id)
        proof = next((one for one in proofs if one.instance == mine.instance), proofs[0]).to_json()
        if mine.fault in (None, FALSE_ALARM):
            self.decider.false_alarm(db, mine, looked, proof)
            return
        wake = now + timedelta(seconds=self.policy.hold_down_s)
        moved = incidents.move(
            db, mine, S.HOLDING, now, wake_at=wake, proof=proof, note=None, waiting_since=None
        )
        tell(db, "result", moved, now, mode=self.decider.mode(moved), run=_latest(db, mine.id))

    def _close(self, db: Connection, mine: Incident, looked: Looked) -> None:
        if self._heard_more(db, mine, looked):
            return
        now = self.clock()
        done = incidents.move(db, mine, S.RESOLVED, now, wake_at=None, closed_at=now)
        tell(db, "result", done, now, mode=self.decider.mode(done), run=_latest(db, mine.id))

    def _move(self, mine: Incident, state: IncidentState, **values: object) -> None:
        now = self.clock()
        self.store.write(lambda db: incidents.move(db, mine, state, now, wake_at=now, **values))

    def _stay(self, mine: Incident, again_s: float | None, **values: object) -> None:
        now = self.clock()
        wake = None if again_s is None else now + timedelta(seconds=again_s)
        self.store.write(lambda db: incidents.move(db, mine, mine.state, now, wake_at=wake, **values))

    _STEPS: Mapping[IncidentState, Callable[[Pipeline, Incident], None]] = {
        S.OPEN: _open,
        S.EXAMINING: _examining,
        S.WAITING: _waiting,
        S.ASKING: _asking,
        S.REPAIRING: _repairing,
        S.VERIFYING: _verifying,
        S.HOLDING: _holding,
        S.HELD: _held,
        S.ESCALATED: _escalated,
    }


def _latest(db: Connection, incident_id: str) -> Run | None:
    history = runs.of_incident(db, incident_id)
    return history[-1] if history else None
