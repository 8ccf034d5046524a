"""Stage 5 of 7: what should be done about a finding? Pure: the next rung of the fault's ladder."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from remediator.model import Arg, Fault, Finding, Plan, Remedy, Run, Rung, Text
from remediator.states import RunState

ABANDONED = Text(
    "A run was abandoned: nobody knows how far it came, so nothing is repeated.",
    "有一次执行被中断，无法确定进行到哪一步，因此不再重复任何操作。",
)
ONLY_PEOPLE = Text(
    "Nothing is done on the host for this fault: people decide.", "该故障不在主机上自动操作，由值班人员处理。"
)
NO_MORE = Text("Every remedy for this fault was tried.", "针对该故障的措施都已尝试。")
NOT_NOW = Text(
    "No remedy of this fault fits the service's present state.", "当前服务状态下没有适用于该故障的措施。"
)

NOT_OFFERED = Text(
    "The service was deployed by others: nothing that would help is offered for it.",
    "该服务由他人部署：不提供针对该故障的措施。",
)


def plan(
    host: str,
    finding: Finding,
    fault: Fault,
    remedies: Mapping[str, Remedy],
    history: Sequence[Run],
    *,
    adopted: bool = False,
) -> Plan | Text:
    """Return the next step for `finding`, or in words why there is none.

    `history` are the incident's runs so far. A run that was canceled before it began does not count. On an
    `adopted` host the rungs that are not offered there are passed over.
    """
    if not fault.ladder:
        return ONLY_PEOPLE
    if any(run.state is RunState.ABANDONED for run in history):
        return ABANDONED
    offered = [
        (place, rung, remedies[rung.remedy])
        for place, rung in enumerate(fault.ladder)
        if remedies[rung.remedy].on_adopted or not adopted
    ]
    if not offered:
        return NOT_OFFERED
    tried_all = True
    for place, rung, remedy in offered:
        if _tries(history, finding, remedy) >= rung.times:
            continue
        tried_all = False
        if _fits(rung, finding):
            return _step(host, finding, remedy, place)
    return NO_MORE if tried_all else NOT_NOW


def _tries(history: Iterable[Run], finding: Finding, remedy: Remedy) -> int:
    instance = finding.instance if remedy.scope == "instance" else None
    mine = (finding.fault, remedy.name, instance)
    begun = (run for run in history if run.state is not RunState.CANCELED or run.started_at is not None)
    return sum((run.fault, run.remedy, run.instance) == mine for run in begun)


def _fits(rung: Rung, finding: Finding) -> bool:
    return {
        "always": True,
        "down": finding.down,
        "up": not finding.down,
        "idle": finding.idle,
        "alone": "gpu_shared_with" not in finding.facts,
        "stray": "stray_pid" in finding.facts,
    }[rung.when]


def _step(host: str, finding: Finding, remedy: Remedy, place: int) -> Plan | Text:
    args: dict[str, int | str] = {}
    for arg in remedy.args:
        value = _value(arg, finding)
        if value is None:
            return Text(
                f"{remedy.name} needs {arg.fact or arg.name}, which the evidence does not give.",
                f"{remedy.name} 需要 {arg.fact or arg.name}，证据中没有。",
            )
        args[arg.name] = value
    instance = finding.instance if remedy.scope == "instance" else None
    return Plan(host, instance, finding.fault, remedy.name, place, args)


def _value(arg: Arg, finding: Finding) -> int | str | None:
    if arg.fact is None:
        return arg.value
    value = finding.facts.get(arg.fact)
    return value if value is not None and re.fullmatch(arg.pattern, str(value)) else None
