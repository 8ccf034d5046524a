"""Stage 4 of 7: what is wrong? Pure: evidence, alerts and the catalogue in, findings out.

All matches are recorded, in the catalogue's order of precedence; the first one is acted on. Lines older than
the unit's last start, older than the trouble, or that only quote user text are no evidence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from remediator import batch_owner
from remediator.evidence import InstanceEvidence, LogLine, Unexaminable
from remediator.evidence_host import KernelLine
from remediator.model import Evidence, Fault, Finding, SpeechProof, Unreachable
from remediator.signatures import Condition, Match, Seen

LOADING = "loading"


@dataclass(frozen=True)
class Question:
    """What is asked about a host."""

    host: str
    instances: Mapping[str, frozenset[str]]  # port -> UUIDs of its GPUs (none: all of the host)
    since: datetime  # log and kernel lines before it are no evidence; the remediator's clock
    now: datetime
    scope: frozenset[str] | None = None  # ports that the alerts name; None: all
    alerts: frozenset[str] = frozenset()  # names of the alerts that fire
    proofs: Mapping[str, SpeechProof] = field(default_factory=dict)  # speech asked for after the evidence

    @property
    def ports(self) -> list[str]:
        """The instances to look at: those the alerts name, or all of the host."""
        named = sorted(port for port in self.instances if self.scope is None or port in self.scope)
        return named or sorted(self.instances)


@dataclass(frozen=True)
class Diagnosis:
    """Findings, the one to act on first; instances that are still loading are no trouble yet."""

    findings: tuple[Finding, ...]
    loading: frozenset[str] = frozenset()

    @property
    def first(self) -> Finding:
        """What to act on."""
        return self.findings[0]

    @property
    def well(self) -> bool:
        """Nothing is wrong that evidence can show."""
        return self.first.fault == "false_alarm"


def diagnose(seen: Evidence | Unreachable, ask: Question, faults: Mapping[str, Fault]) -> Diagnosis:
    """Return at least one finding: a proved fault, or one that no evidence proves (catalogue.BUILT_IN)."""
    if isinstance(seen, Unreachable):
        name = "examination_failed" if isinstance(seen, Unexaminable) else "unreachable"
        return Diagnosis((_finding(faults[name], ask, None, Match(seen.reason)),))
    in_order = sorted((fault for fault in faults.values() if fault.proofs), key=lambda one: one.precedence)
    found = [*_about_host(seen, ask, in_order)]
    loading = set()
    for port in ask.ports:
        mine = list(_about_instance(seen, port, ask, in_order))
        if not mine and _is_loading(seen.instances.get(port)):
            loading.add(port)
        elif not mine:
            mine = _unexplained(seen.instances.get(port), port, ask, faults)
        found += mine
    if not found:
        found = [_finding(faults["false_alarm"], ask, None, Match(_all_well(seen, ask)))]
    found.sort(key=lambda one: (faults[one.fault].precedence, one.instance or ""))
    return Diagnosis(tuple(found), frozenset(loading))


def _about_host(seen: Evidence, ask: Question, faults: Sequence[Fault]) -> Iterable[Finding]:
    lines = [line for port in ask.ports for line in _lines(seen, port, ask)]
    view = Seen(seen, None, tuple(lines), _kernel(seen, ask), seen.gpus or (), ask.alerts)
    down = any(_is_down(seen.instances.get(port), ask.proofs.get(port)) for port in ask.ports)
    for fault in faults:
        match = _prove(fault, view) if fault.scope == "host" else None
        if match is not None:
            yield _finding(fault, ask, None, match, down=down)


def _about_instance(seen: Evidence, port: str, ask: Question, faults: Sequence[Fault]) -> Iterable[Finding]:
    one = seen.instances.get(port)
    if one is None:
        return
    mine = ask.instances[port]
    gpus = tuple(gpu for gpu in seen.gpus or () if not mine or gpu.uuid in mine)
    view = Seen(seen, one, tuple(_lines(seen, port, ask)), _kernel(seen, ask), gpus, ask.alerts)
    down, idle = _is_down(one, ask.proofs.get(port)), _is_idle(one)
    for fault in (one for one in faults if one.scope == "instance"):
        for owner, part in _parts(fault, view):
            match = _prove(fault, part)
            if match is not None:
                whose = {batch_owner.FACT: owner} if owner else {}
                match = Match(match.line, {**match.facts, **whose})
                yield _finding(fault, ask, port, match, down=down, idle=idle)


def _parts(fault: Fault, view: Seen) -> Iterable[tuple[str, Seen]]:
    """Return what to prove `fault` by: all lines, or for a fault of batches the lines of each owner by themselves."""
    if fault.tell != "batch_owner" or not view.lines:
        return [("", view)]
    return [(owner, replace(view, lines=lines)) for owner, lines in batch_owner.by_owner(view.lines).items()]


def _unexplained(
    one: InstanceEvidence | None, port: str, ask: Question, faults: Mapping[str, Fault]
) -> list[Finding]:
    proof, unknown = ask.proofs.get(port), faults["unknown"]
    if one is None:
        return [_finding(unknown, ask, port, Match(f"the host reports no instance {port}"))]
    if proof is not None and proof.denied:
        return [_finding(unknown, ask, port, Match(f"it cannot speak: {proof.reason_en}"), down=True)]
    if one.health is None:
        return [_finding(unknown, ask, port, Match("its health could not be examined"))]
    if one.health.outcome != "ok":
        said = f" ({one.health.reason})" if one.health.reason else ""
        match = Match(
            f"health: {one.health.outcome}{said}, unit {one.unit.active if one.unit else 'unknown'}"
        )
        return [_finding(unknown, ask, port, match, down=True)]
    if proof is not None and proof.unreached:
        match = Match(f"{port} could not be asked to speak: {proof.reason_en}")
        return [_finding(faults["unreachable"], ask, None, match)]
    return []


def _prove(fault: Fault, view: Seen) -> Match | None:
    for proof in fault.proofs:
        match = _all(proof, view)
        if match is not None:
            return match
    return None


def _all(proof: Sequence[Condition], view: Seen) -> Match | None:
    matches = [condition.match(view) for condition in proof]
    good = [match for match in matches if match is not None]
    if not good or len(good) < len(matches):
        return None
    facts = {name: value for match in reversed(good) for name, value in match.facts.items()}
    return Match("; ".join(match.line for match in good), facts)


def _lines(seen: Evidence, port: str, ask: Question) -> Iterable[LogLine]:
    one = seen.instances.get(port)
    if one is None:
        return
    since = _there(seen, ask)
    started = one.unit.started_at if one.unit else None
    oldest = since if started is None else max(since, started)
    yield from (line for line in one.log_lines if line.time is not None and line.time >= oldest)


def _kernel(seen: Evidence, ask: Question) -> tuple[KernelLine, ...]:
    since = _there(seen, ask)
    return tuple(line for line in seen.kernel if line.time is not None and line.time >= since)


def _there(seen: Evidence, ask: Question) -> datetime:
    """Return `since` by the host's clock, which may differ from ours."""
    return ask.since if seen.taken_at is None else ask.since + (seen.taken_at - ask.now)


def _is_down(one: InstanceEvidence | None, proof: SpeechProof | None) -> bool:
    if proof is not None and proof.denied:
        return True
    if one is None:
        return False
    if one.unit is not None and one.unit.active in ("inactive", "failed"):
        return True
    return one.health is not None and one.health.outcome != "ok"


def _is_idle(one: InstanceEvidence) -> bool:
    body = one.ready.body if one.ready else {}
    queue = body.get("queue")
    depth = queue.get("depth") if isinstance(queue, Mapping) else None
    return body.get("in_flight") == 0 and depth == 0


def _is_loading(one: InstanceEvidence | None) -> bool:
    if one is None or one.unit is None:
        return False
    starting = one.unit.active == "activating" and one.unit.sub != "auto-restart"
    return starting or (one.ready is not None and one.ready.reason == LOADING and one.unit.active == "active")


def _all_well(seen: Evidence, ask: Question) -> str:
    ports = ", ".join(ask.ports) or "no instance"
    return f"{ports}: healthy on {seen.host or ask.host}"


def _finding(
    fault: Fault, ask: Question, port: str | None, match: Match, *, down: bool = False, idle: bool = False
) -> Finding:
    return Finding(
        fault=fault.name,
        instance=port,
        reason_en=_fill(fault.reason.en, ask.host, port, match.line),
        reason_zh=_fill(fault.reason.zh, ask.host, port, match.line),
        evidence_line=match.line,
        down=down,
        idle=idle,
        facts=match.facts,
    )


def _fill(sentence: str, host: str, port: str | None, line: str) -> str:
    # The line comes last: what it contains is never filled in again.
    return sentence.replace("{host}", host).replace("{instance}", f"{host}:{port}").replace("{line}", line)
