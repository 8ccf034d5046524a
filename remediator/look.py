"""One look at an incident's host, and what follows from it: evidence, diagnosis, the next step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from remediator.catalogue import Catalogue
from remediator.choose import Choice, choose, failed_proof, firing_names, scope_of
from remediator.diagnose import Diagnosis, Question, diagnose
from remediator.inventory import Inventory
from remediator.model import Evidence, Unreachable
from remediator.situation import Policy
from remediator.states import IncidentState
from remediator.store import Store, alerts, runs
from remediator.store.incidents import Incident

# Where a failed proof counts: it has just failed, or people are asked about what follows from it.
BELIEVE = frozenset({IncidentState.EXAMINING, IncidentState.ASKING})


@dataclass(frozen=True)
class Looked:
    """What one look found."""

    seen: Evidence | Unreachable
    question: Question
    diagnosis: Diagnosis
    choice: Choice
    patient: bool  # loading may still go on
    heard: frozenset[int]  # the firing alerts that there were before it began

    @property
    def waits_for_loading(self) -> bool:
        """Nothing is wrong but that a service still loads."""
        return self.diagnosis.well and bool(self.diagnosis.loading) and self.patient

    @property
    def person(self) -> str | None:
        """The person who has taken the host."""
        lease = self.seen.lease if isinstance(self.seen, Evidence) else None
        return lease.person if lease else None


@dataclass(frozen=True)
class Looker:
    """Examines hosts of the inventory, and no others."""

    store: Store
    catalogue: Catalogue
    inventory: Callable[[], Inventory]
    policy: Policy
    clock: Callable[[], datetime]
    examine: Callable[[str], Evidence | Unreachable]

    def __call__(self, mine: Incident) -> Looked:
        """Look at the incident's host now."""
        asked_at, host = self.clock(), self.inventory().hosts.get(mine.host)
        gone = Unreachable(mine.host, "it is no longer in the inventory")
        heard = self.store.read(lambda db: alerts.firing_ids(db, mine.id))
        seen = gone if host is None else self.examine(mine.host)
        stored = self.store.read(lambda db: alerts.of_incident(db, mine.id))
        history = self.store.read(lambda db: runs.of_incident(db, mine.id))
        question = Question(
            host=mine.host,
            instances=host.instances if host else {},
            since=self._since(mine),
            now=asked_at,
            scope=scope_of(stored),
            alerts=firing_names(stored),
            proofs=failed_proof(mine.proof) if mine.state in BELIEVE else {},
        )
        diagnosis = diagnose(seen, question, self.catalogue.faults)
        choice = choose(mine.host, diagnosis, self.catalogue, history, adopted=host is None or host.adopted)
        too_long = self.clock() - mine.state_since > timedelta(seconds=self.policy.load_timeout_s)
        return Looked(seen, question, diagnosis, choice, patient=not too_long, heard=heard)

    def _since(self, mine: Incident) -> datetime:
        """What was logged before people were called is old, but not for a fault that they alone can mend.

        Such a line explains the service's state until somebody starts it anew: a service that is down for want
        of a file would else be restarted, as merely down, a minute after people were called.
        """
        fault = self.catalogue.faults.get(mine.fault or "")
        if fault is None or fault.ladder or fault.tell != "oncall":
            return mine.evidence_since
        return min(mine.evidence_since, mine.opened_at - timedelta(seconds=self.policy.lookback_s))
