"""What the edge may ask for: hand in alerts, look, decide. The page, the API and the commands share it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from remediator import normalize, people
from remediator.errors import BadAlert, RemediatorError
from remediator.inventory import Inventory
from remediator.model import Alert, Run
from remediator.normalize import Intake
from remediator.pipeline import Pipeline
from remediator.store import Store, audit
from remediator.tokens import Holder
from remediator.web import figures, views
from remediator.web.metrics import Figures

Json = dict[str, Any]
READERS: Mapping[str, Callable[[object, normalize.Hosts], Intake]] = {
    "alertmanager": normalize.from_alertmanager,
    "grafana": normalize.from_grafana,
}
REFUSALS_AUDITED = 20


class Desk:
    """One installation's desk. `ring` is called when an incident may have something to do."""

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        inventory: Callable[[], Inventory],
        clock: Callable[[], datetime],
        *,
        mode: str,
        cancel: Callable[[Run], None],
        ring: Callable[[], None] = lambda: None,
        problems: Callable[[], list[str]] = list,
    ) -> None:
        self._store, self._pipeline, self._inventory, self._clock = store, pipeline, inventory, clock
        self._mode, self._cancel, self._ring, self._problems = mode, cancel, ring, problems

    # -- alerts ---------------------------------------------------------------------------------------------

    def receive(self, sender: str, holder: Holder, payload: object) -> list[Json]:
        """Store what can be stored and say of each alert what became of it.

        Raises BadAlert when the payload as a whole can't be read, StoreUnavailable when nothing was stored.
        """
        hosts = self._inventory().ports
        try:
            intake = READERS[sender](payload, hosts)
        except BadAlert as error:
            self._audit_refusals(sender, holder, [_refusal(error)])
            raise
        mine = [alert for alert in intake.alerts if holder.may_report(alert.host)]
        results = self.accept(mine)
        refused: list[Json] = [{"stored": False, **asdict(one)} for one in intake.refused]
        refused += [_not_yours(alert) for alert in intake.alerts if not holder.may_report(alert.host)]
        if intake.truncated:
            refused.append({"stored": False, **_truncated(intake.truncated)})
        if refused:
            self._audit_refusals(sender, holder, refused)
        return results + refused

    def accept(self, alerts: list[Alert]) -> list[Json]:
        """Store alerts that are known to be well formed. Raises StoreUnavailable."""
        if not alerts:
            return []
        accepted = self._pipeline.accept(alerts)
        self._ring()
        return [
            {"stored": True, "host": alert.host, "name": alert.name, "incident": one.incident_id,
             "outcome": str(one.placement)}
            for alert, one in zip(alerts, accepted, strict=True)
        ]  # fmt: skip

    def _audit_refusals(self, sender: str, holder: Holder, refused: list[Json]) -> None:
        detail = {"count": len(refused), "refused": refused[:REFUSALS_AUDITED]}
        now = self._clock()
        self._store.write(
            lambda db: audit.record(
                db,
                actor=holder.name,
                action="refuse",
                subject=f"alerts from {sender}",
                now=now,
                detail=detail,
            )
        )

    # -- looking --------------------------------------------------------------------------------------------

    def overview(self, limit: int) -> Json:
        """Return hosts, incidents, runs, messages and open questions."""
        hosts = {name: sorted(ports) for name, ports in self._inventory().ports.items()}
        seen = self._store.read(lambda db: views.overview(db, hosts, limit, self._clock()))
        return {"mode": self._mode, **seen}

    def rows(self, what: str, limit: int) -> list[Json]:
        """Return the newest incidents, runs, decisions or messages."""
        return self._store.read(lambda db: views.rows(db, what, limit))

    def incident(self, incident_id: str) -> Json:
        """Return one incident with everything that belongs to it. Raises UnknownItem."""
        return self._store.read(lambda db: views.incident(db, incident_id))

    def figures(self) -> Figures:
        """Return what /metrics shows."""
        return self._store.read(lambda db: figures.count(db, self._clock()))

    def problems(self) -> list[str]:
        """Return why this process is not ready; empty when it is."""
        found = list(self._problems())
        try:
            self._store.read(lambda db: figures.count(db, self._clock()))
        except RemediatorError:
            found.append("the database does not answer")
        return found

    # -- deciding -------------------------------------------------------------------------------------------

    def ack(self, incident_id: str, by: str) -> None:
        """Note that a person has seen it. Raises UnknownItem."""
        self._write(lambda db: people.ack(db, incident_id, by=by, now=self._clock()))

    def hold(self, incident_id: str, by: str, reason: str) -> None:
        """Take the incident. Raises UnknownItem or Conflict."""
        self._write(
            lambda db: people.hold(db, incident_id, by=by, reason=reason, now=self._clock(), mode=self._mode)
        )

    def resume_incident(self, incident_id: str, by: str) -> None:
        """Give a held incident back. Raises UnknownItem or Conflict."""
        self._write(lambda db: people.release(db, incident_id, by=by, now=self._clock()))

    def decide(self, approval_id: str, approve: bool, by: str) -> None:
        """Answer a question once. Raises UnknownItem or Conflict."""
        self._write(lambda db: people.decide(db, approval_id, approve=approve, by=by, now=self._clock()))

    def stop(self, by: str, reason: str) -> None:
        """Start nothing new anywhere."""
        self._write(lambda db: people.stop(db, by=by, reason=reason, now=self._clock()))

    def resume(self, by: str) -> None:
        """Lift every stop."""
        self._write(lambda db: people.resume(db, by=by, now=self._clock()))

    def cancel(self, run_id: str, by: str) -> None:
        """End a run: at once when it has not begun, else by asking its process.

        Raises UnknownItem or Conflict.
        """
        begun = self._store.write(lambda db: people.cancel(db, run_id, by=by, now=self._clock()))
        self._ring()
        if begun is not None:
            self._cancel(begun)

    def _write(self, work: Callable[[Connection], object]) -> None:
        self._store.write(work)
        self._ring()


def _refusal(error: BadAlert) -> Json:
    return {"field": error.field, "problem": error.problem, "fix": error.fix}


def _not_yours(alert: Alert) -> Json:
    problem = f"this token may not report {alert.host}"
    fix = "use a token that is bound to this host, or to none"
    return {"stored": False, "field": "labels.host", "problem": problem, "fix": fix}


def _truncated(count: int) -> Json:
    return {
        "field": "truncatedAlerts",
        "problem": f"the sender cut {count} alerts off",
        "fix": "set max_alerts to 0",
    }
