"""From findings to one plan: the pure part between diagnosis and guards that knows the whole host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remediator.catalogue import Catalogue
from remediator.diagnose import Diagnosis
from remediator.model import Finding, Plan, Run, SpeechProof, Text
from remediator.plan import ONLY_PEOPLE, plan
from remediator.store.alerts import StoredAlert


@dataclass(frozen=True)
class Choice:
    """The finding to act on and what to do: a plan, or in words why nothing is done by itself."""

    finding: Finding
    step: Plan | Text


def choose(
    host: str, diagnosis: Diagnosis, catalogue: Catalogue, history: Sequence[Run], *, adopted: bool = False
) -> Choice:
    """Return the first finding that has a next step, unless an earlier one is in its way.

    A fault of the host that only people can mend is in everyone's way; one of an instance only in that
    instance's.
    """
    first: Choice | None = None
    blocked: set[str | None] = set()
    for finding in diagnosis.findings:
        if finding.instance in blocked:
            continue
        fault = catalogue.faults[finding.fault]
        step = plan(host, finding, fault, catalogue.remedies, history, adopted=adopted)
        choice = Choice(finding, step)
        if isinstance(choice.step, Plan):
            return choice
        first = first or choice
        blocked.add(finding.instance)
        if finding.instance is None:
            break
    return first or Choice(diagnosis.first, ONLY_PEOPLE)


def scope_of(stored: Sequence[StoredAlert]) -> frozenset[str] | None:
    """Return the ports that the firing alerts name, or None (all) when one of them names none."""
    ports = {one.alert.instance for one in stored if one.alert.status == "firing"}
    return None if None in ports or not ports else frozenset(port for port in ports if port is not None)


def firing_names(stored: Sequence[StoredAlert]) -> frozenset[str]:
    """Return the names of alerts that have not been resolved."""
    ended = {
        (a.alert.sender, a.alert.fingerprint, a.alert.starts_at) for a in stored if a.alert.status != "firing"
    }
    firing = (one.alert for one in stored if one.alert.status == "firing")
    return frozenset(a.name for a in firing if (a.sender, a.fingerprint, a.starts_at) not in ended)


def failed_proof(proof: Mapping[str, Any] | None) -> dict[str, SpeechProof]:
    """Return the stored proof by port when it says that the service cannot speak."""
    if not proof or proof.get("ok") is not False:
        return {}
    fields = {name: value for name, value in proof.items() if name != "spoken"}
    return {str(proof["instance"]): SpeechProof(**fields)}
