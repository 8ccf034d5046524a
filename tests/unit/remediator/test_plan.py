"""The next rung of a ladder."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediator.model import Arg, Finding, Plan, Run, Text
from remediator.plan import ABANDONED, NO_MORE, NOT_NOW, ONLY_PEOPLE, plan
from remediator.states import RunState
from tests.unit.remediator.world import CATALOGUE, NOW

OK, FAILED, CANCELED = RunState.OK, RunState.FAILED, RunState.CANCELED


def finding(fault: str, **changes: object) -> Finding:
    scope = CATALOGUE.faults[fault].scope
    return replace(Finding(fault, "7860" if scope == "instance" else None, "", "", ""), **changes)


def ran(
    fault: str, remedy: str, state: RunState = OK, instance: str | None = "7860", begun: bool = True
) -> Run:
    started = NOW if begun else None
    return Run("r", "i", "gpu01", instance, fault, remedy, "x.yml", {}, 0, state, 60, True, NOW, started)


def step(found: Finding, *history: Run) -> str | Text:
    answer = plan("gpu01", found, CATALOGUE.faults[found.fault], CATALOGUE.remedies, history)
    return f"{answer.remedy} {answer.instance or '*'}" if isinstance(answer, Plan) else answer


DOWN, OOM = finding("service_down", down=True), finding("cuda_oom")
STRAY = finding("port_conflict", down=True, facts={"stray_pid": 99, "stray_start_time": 5})
RESET = finding("gpu_needs_reset", facts={"gpu_uuid": "GPU-00000000"})
SHARED = replace(RESET, facts={**RESET.facts, "gpu_shared_with": "pid 7 (train.py)"})
RESTARTED, CLEARED = ran("service_down", "restart"), ran("cuda_oom", "clear_memory")


@pytest.mark.parametrize(
    ("found", "history", "answer"),
    [
        pytest.param(DOWN, [], "restart 7860", id="first rung"),
        pytest.param(DOWN, [RESTARTED], "restart 7860", id="the rung allows two"),
        pytest.param(DOWN, [RESTARTED, RESTARTED], NO_MORE, id="both used"),
        pytest.param(DOWN, [replace(RESTARTED, state=FAILED)] * 2, NO_MORE, id="failed runs count"),
        pytest.param(
            DOWN, [replace(RESTARTED, instance="7861")] * 2, "restart 7860", id="another instance's don't"
        ),
        pytest.param(DOWN, [ran("hung", "restart")] * 2, "restart 7860", id="another fault's don't"),
        pytest.param(
            DOWN,
            [ran("service_down", "restart", CANCELED, begun=False)] * 2,
            "restart 7860",
            id="never begun",
        ),
        pytest.param(DOWN, [ran("service_down", "restart", CANCELED)] * 2, NO_MORE, id="canceled midway"),
        pytest.param(
            DOWN, [ran("hung", "restart", RunState.ABANDONED)], ABANDONED, id="after an abandoned run"
        ),
        pytest.param(OOM, [], "clear_memory 7860", id="mildest first"),
        pytest.param(OOM, [CLEARED], "restart 7860", id="then the next"),
        pytest.param(OOM, [CLEARED, ran("cuda_oom", "restart")], NO_MORE, id="then people, never a reset"),
        pytest.param(replace(OOM, down=True), [], "restart 7860", id="a dead app cannot clear its memory"),
        pytest.param(finding("disk_full"), [], "purge_outputs *", id="of the host"),
        pytest.param(finding("vram_pressure"), [], NOT_NOW, id="never while it works"),
        pytest.param(finding("vram_pressure", idle=True), [], "clear_memory 7860", id="when idle"),
        pytest.param(
            finding("vram_pressure", idle=True),
            [ran("vram_pressure", "clear_memory")],
            NO_MORE,
            id="no restart",
        ),
        pytest.param(finding("vram_growth"), [], NOT_NOW, id="growth while it works"),
        pytest.param(finding("vram_growth", idle=True), [], "clear_memory 7860", id="growth when idle"),
        pytest.param(
            finding("vram_growth", idle=True),
            [ran("vram_growth", "clear_memory")],
            "restart 7860",
            id="growth that clearing did not end, when idle",
        ),
        pytest.param(
            finding("vram_growth"),
            [ran("vram_growth", "clear_memory")],
            NOT_NOW,
            id="growth: work is not interrupted",
        ),
        pytest.param(
            finding("vram_growth", idle=True),
            [ran("vram_growth", "clear_memory"), ran("vram_growth", "restart")],
            NO_MORE,
            id="growth: one restart",
        ),
        pytest.param(finding("slow_synthesis", idle=True), [], ONLY_PEOPLE, id="slow"),
        pytest.param(finding("unknown"), [], NOT_NOW, id="unknown and up"),
        pytest.param(finding("unknown", down=True), [], "restart 7860", id="unknown and down"),
        pytest.param(finding("unknown", down=True), [ran("unknown", "restart")], NO_MORE, id="only once"),
        pytest.param(finding("overloaded"), [], ONLY_PEOPLE, id="overload"),
        pytest.param(finding("port_conflict", down=True), [], NOT_NOW, id="port taken by others"),
        pytest.param(STRAY, [], "free_port 7860", id="port taken by a stray of ours"),
        pytest.param(STRAY, [ran("port_conflict", "free_port")], NO_MORE, id="another stray came: people"),
        pytest.param(RESET, [], "gpu_reset *", id="a device that is ours alone"),
        pytest.param(SHARED, [], NOT_NOW, id="never a device that others use"),
        pytest.param(RESET, [ran("gpu_needs_reset", "gpu_reset", FAILED, None)], NO_MORE, id="one reset"),
        pytest.param(finding("gpu_needs_reboot"), [], "reboot *", id="reboot"),
        pytest.param(finding("log_runaway"), [], "rotate_logs *", id="logs"),
        pytest.param(finding("hung", down=True), [], "capture 7860", id="what explains it is kept first"),
        pytest.param(finding("hung", down=True), [ran("hung", "capture")], "restart 7860", id="then mended"),
        pytest.param(
            finding("hung", down=True),
            [ran("hung", "capture", FAILED)],
            "restart 7860",
            id="mended also when nothing could be kept",
        ),
        pytest.param(finding("unreachable"), [], ONLY_PEOPLE, id="unreachable"),
        pytest.param(finding("missing_file", down=True), [], ONLY_PEOPLE, id="file missing"),
    ],
)
def test_next_step(found: Finding, history: list[Run], answer: str | Text) -> None:
    assert step(found, *history) == answer


@pytest.mark.parametrize(
    ("facts", "args"),
    [
        pytest.param({"gpu_uuid": "GPU-1a"}, {"gpu_uuid": "GPU-1a", "times": 2}, id="as the contract says"),
        pytest.param({}, None, id="no such fact"),
        pytest.param({"gpu_uuid": "GPU-1a; reboot"}, None, id="a fact that does not match wholly"),
        pytest.param({"gpu_uuid": "GPU-1a\n"}, None, id="a trailing newline"),
    ],
)
def test_arguments_come_from_the_evidence_and_must_match(facts: dict[str, str], args: object) -> None:
    contract = (Arg("gpu_uuid", fact="gpu_uuid", pattern="GPU-[0-9a-f-]+"), Arg("times", value=2))
    remedies = CATALOGUE.remedies | {"restart": replace(CATALOGUE.remedies["restart"], args=contract)}
    answer = plan("gpu01", replace(DOWN, facts=facts), CATALOGUE.faults["service_down"], remedies, [])
    assert (answer.args if isinstance(answer, Plan) else None) == args
