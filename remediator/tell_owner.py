"""Tells a batch's owner about its faults, in the transaction that records them: each fault once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from remediator.batch_owner import FACT
from remediator.model import Fault, Finding
from remediator.states import IncidentState
from remediator.store import notifications
from remediator.store.incidents import Incident
from remediator.telling import tell

MOST = 20  # messages to owners per incident; who goes on sending bad files has heard enough


def tell_owners(
    db: Connection,
    mine: Incident,
    findings: Iterable[Finding],
    faults: Mapping[str, Fault],
    now: datetime,
    *,
    mode: str,
) -> None:
    """Write one message per fault of a batch that its owner has not heard of."""
    told = [one.payload for one in notifications.of_incident(db, mine.id) if one.kind == "owner"]
    heard = {(one.get("owner"), one["found"]["en"]) for one in told}
    for finding in findings:
        owner = str(finding.facts.get(FACT, ""))
        fault = faults[finding.fault]
        if fault.tell != "batch_owner" or (owner, finding.reason_en) in heard:
            continue
        if len(heard) >= MOST:
            return
        heard.add((owner, finding.reason_en))
        theirs = replace(
            mine,
            state=IncidentState.ESCALATED,
            fault=finding.fault,
            instance=finding.instance,
            severity=fault.severity,
            found={"en": finding.reason_en, "zh": finding.reason_zh},
            decided=None,
            proof=None,
        )
        tell(db, "owner", theirs, now, mode=mode, then=fault.advice, owner=owner)
