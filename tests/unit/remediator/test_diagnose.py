"""What is wrong: each fault by its evidence, what is no evidence, and which fault comes first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.diagnose import Diagnosis, Question, diagnose
from remediator.examine import HelperFailed
from remediator.model import Evidence, SpeechProof, Unreachable
from tests.unit.remediator.world import BEFORE, CATALOGUE, GPU, NOW, down, edit, host, iso, log

PORTS = {"7860": frozenset({GPU}), "7861": frozenset({GPU})}
SINCE = NOW - timedelta(minutes=10)
FOREIGN = {"listening": True, "owners": [{"pid": 7, "user": "bob", "cmdline": "nc -l 7860", "ours": False}]}
WELL = host("7860")


def ask(**changes: Any) -> Question:
    values: dict[str, Any] = {
        "host": "gpu01",
        "instances": {"7860": PORTS["7860"]},
        "since": SINCE,
        "now": NOW,
    }
    return Question(**(values | changes))


def look(raw: dict[str, Any], **question: Any) -> Diagnosis:
    return diagnose(Evidence.from_json(raw), ask(**question), CATALOGUE.faults)


def names(raw: dict[str, Any], **question: Any) -> list[str]:
    return [finding.fault for finding in look(raw, **question).findings]


def health(outcome: str, reason: str | None = None, raw: dict[str, Any] = WELL) -> dict[str, Any]:
    body = {"status": "sick", "reason": reason} if reason else {}
    return edit(raw, "instances.7860.health", {"outcome": outcome, "http_status": None, "body": body})


def ready(reason: str) -> dict[str, Any]:
    return edit(WELL, "instances.7860.ready.body.reason", reason)


def kernel(kind: str, xid: int | None = None, at: Any = BEFORE, raw: dict[str, Any] = WELL) -> dict[str, Any]:
    line = {
        "time": iso(at) if at else None,
        "kind": kind,
        "xid": xid,
        "pci": None,
        "text": f"NVRM: Xid {xid}",
    }
    return edit(raw, "kernel", [line])


def xid(pci: str | None) -> dict[str, Any]:
    return edit(kernel("xid", 119), "kernel.0.pci", pci)


AUTO_RESTART = down(WELL, active="activating", sub="auto-restart", result="exit-code", exec_code="exited")
OOM = "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB"
HALF = edit(WELL, "gpus.0.memory_used_mb", 12000.0)
GAVE_UP = "glm-tts@7860.service: Start request repeated too quickly."
FULL = "OSError: [Errno 28] No space left on device: '/var/lib/glmtts/7860/outputs/a.wav'"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(WELL, ["false_alarm"], id="all well"),
        pytest.param(down(WELL), ["service_down"], id="killed"),
        pytest.param(down(WELL, active="inactive", result="success"), ["service_down"], id="stopped"),
        pytest.param(AUTO_RESTART, ["service_down"], id="between two starts"),
        pytest.param(down(WELL, result="core-dump", exec_code="dumped", exec_status=11), ["segfault", "service_down"],
                     id="core dumped"),
        pytest.param(down(WELL, exec_status=11), ["segfault", "service_down"], id="segmentation fault"),
        pytest.param(down(WELL, exec_status=15), ["service_down"], id="terminated is no crash"),
        pytest.param(down(WELL, result="start-limit-hit", exec_status=11),
                     ["start_limit_hit", "segfault", "service_down"], id="start limit beats the crash behind it"),
        pytest.param(log(down(WELL, result="exit-code"), GAVE_UP), ["start_limit_hit", "service_down"],
                     id="systemd gave up by itself and kept the last failure's result"),
        pytest.param(log(WELL, GAVE_UP), ["false_alarm"], id="systemd gave up once, and the unit runs again"),
        pytest.param(health("timeout"), ["hung"], id="no answer from a living process"),
        pytest.param(health("http_error", "engine_stuck"), ["hung"], id="it says that its engine is stuck"),
        pytest.param(health("http_error", "context_dead"), ["cuda_context_dead"], id="it says that its context died"),
        pytest.param(health("refused"), ["unknown"], id="running but refusing"),
        pytest.param(health("http_error", "load_failed"), ["unknown"], id="load failed without a known cause"),
        pytest.param(log(health("http_error", "load_failed"), "FileNotFoundError: [Errno 2] 'm.onnx'"),
                     ["missing_file"], id="load failed for want of a file"),
        pytest.param(log(down(WELL), "ModuleNotFoundError: No module named 'x'"), ["missing_file", "service_down"],
                     id="a module is missing"),
        pytest.param(edit(down(WELL), "instances.7860.port", FOREIGN), ["port_conflict"], id="port taken"),
        pytest.param(edit(down(WELL, result="start-limit-hit"), "instances.7860.port", FOREIGN),
                     ["port_conflict", "start_limit_hit"], id="port taken explains the start limit"),
        pytest.param(edit(WELL, "disks.0.used_pct", 95.0), ["disk_full"], id="disk at the limit"),
        pytest.param(edit(WELL, "disks.0.used_pct", 94.9), ["false_alarm"], id="disk just below"),
        pytest.param(edit(WELL, "disks.0.used_pct", None), ["false_alarm"], id="disk unknown"),
        pytest.param(edit(WELL, "disks.0.inodes_used_pct", 95.0), ["inodes_full"], id="inodes at the limit"),
        pytest.param(edit(WELL, "disks.0.inodes_used_pct", 94.9), ["false_alarm"], id="inodes just below"),
        pytest.param(log(WELL, FULL), ["disk_full"], id="the log says that the disk is full"),
        pytest.param(edit(down(WELL), "disks.0.used_pct", 100.0), ["disk_full", "service_down"], id="disk first"),
        pytest.param(log(WELL, OOM), ["cuda_oom"], id="out of GPU memory"),
        pytest.param(log(WELL, f"torch.OutOfMemoryError: {OOM[14:]}"), ["cuda_oom"], id="newer torch's name for it"),
        pytest.param(log(WELL, "CUDA error: device-side assert triggered"), ["cuda_context_dead"], id="assert"),
        pytest.param(log(WELL, "RuntimeError: CUDA error: an illegal memory access was encountered"),
                     ["cuda_context_dead"], id="illegal access"),
        pytest.param(ready("full"), ["overloaded"], id="queue full"),
        pytest.param(ready("draining"), ["false_alarm"], id="draining is no fault"),
        pytest.param(log(WELL, "json.decoder.JSONDecodeError: Expecting ',' delimiter"), ["bad_task_file"],
                     id="malformed task"),
        pytest.param(log(WELL, "FileNotFoundError: [Errno 2] No such file: 'ref.wav'"), ["missing_audio"],
                     id="audio missing"),
        pytest.param(log(WELL, "ERROR tts_app.batch: batch=b owner=li fault=2 line=3 field=prompt_audio "
                               "FileNotFoundError: [Errno 2] there is no such file"), ["missing_audio"],
                     id="audio missing, in the batch's own words"),
        pytest.param(log(WELL, "ERROR tts_app.batch: batch=b owner=li fault=2 line=3 field=- "
                               "json.decoder.JSONDecodeError: half a line"), ["bad_task_file"],
                     id="malformed task, in the batch's own words"),
        pytest.param(edit(WELL, "gpus.0.recovery_action", "Reset"), ["gpu_needs_reset"], id="driver: reset"),
        pytest.param(edit(WELL, "gpus.0.recovery_action", "Drain and Reset"), ["gpu_needs_reset"], id="drain, reset"),
        pytest.param(edit(WELL, "gpus.0.recovery_action", "Reboot"), ["gpu_needs_reboot"], id="driver: reboot"),
        pytest.param(edit(WELL, "gpus.0.recovery_action", None), ["false_alarm"], id="driver too old to say"),
        pytest.param(kernel("xid", 79), ["gpu_needs_reboot"], id="off the bus"),
        pytest.param(kernel("xid", 119), ["gpu_needs_reset"], id="GSP timeout"),
        pytest.param(edit(edit(WELL, "gpus", None), "gpu_error", "Failed to initialize NVML: Driver/library version "
                          "mismatch"), ["gpu_needs_reboot"], id="driver and library differ"),
        pytest.param(edit(edit(WELL, "gpus", None), "gpu_error", "nvidia-smi gave no answer within 3 s"),
                     ["false_alarm"], id="the driver only did not answer"),
        pytest.param(edit(edit(WELL, "gpus.0.recovery_action", "Reset"), "gpu_reset_unavailable", True),
                     ["gpu_needs_reboot", "gpu_needs_reset"], id="driver: reset, which is not permitted here"),
        pytest.param(edit(WELL, "gpu_reset_unavailable", True), ["false_alarm"], id="no reset needed"),
        pytest.param(edit(WELL, "instances.7860.log_files.0.size_b", 500_000_000), ["log_runaway"], id="log too large"),
        pytest.param(edit(WELL, "instances.7860.log_files.0.size_b", 499_999_999), ["false_alarm"], id="just below"),
        pytest.param(kernel("xid", 31), ["false_alarm"], id="an application's Xid"),
        pytest.param(kernel("xid", 79, at=SINCE - timedelta(seconds=1)), ["false_alarm"], id="an old Xid"),
        pytest.param(kernel("xid", 79, at=SINCE), ["gpu_needs_reboot"], id="an Xid just young enough"),
        pytest.param(kernel("xid", 79, at=None), ["false_alarm"], id="an Xid of unknown age"),
        pytest.param(edit(WELL, "gpus.0.temperature_c", 90), ["gpu_hot"], id="hot"),
        pytest.param(edit(WELL, "gpus.0.temperature_c", 89), ["false_alarm"], id="just warm"),
        pytest.param(down(WELL, result="oom-kill"), ["host_oom", "service_down"], id="host out of memory"),
        pytest.param(kernel("oom_kill", raw=down(WELL)), ["host_oom", "service_down"], id="killed by the kernel"),
        pytest.param(kernel("oom_kill"), ["false_alarm"], id="the kernel killed something else"),
        pytest.param(edit(WELL, "gpus", None), ["false_alarm"], id="nvidia-smi gave no answer"),
        pytest.param(edit(WELL, "instances.7860.health", None), ["unknown"], id="health not examined"),
        pytest.param(edit(WELL, "instances", {}), ["unknown"], id="the helper does not know the instance"),
        pytest.param({}, ["unknown"], id="empty evidence"),
    ],
)  # fmt: skip
def test_faults_in_order_of_precedence(raw: dict[str, Any], found: list[str]) -> None:
    assert names(raw) == found


@pytest.mark.parametrize(
    ("line", "at", "counts"),
    [
        pytest.param(OOM, BEFORE, True, id="fresh"),
        pytest.param(OOM, SINCE, True, id="just young enough"),
        pytest.param(OOM, SINCE - timedelta(seconds=1), False, id="older than the trouble"),
        pytest.param(
            f"2026-11-27T00:59:40.000Z ERROR request=9 tts_app.speech: {OOM}", BEFORE, True, id="with prefix"
        ),
        pytest.param(f"INFO request=9: {OOM}", BEFORE, False, id="an information"),
        pytest.param('ERROR web: bad text "CUDA out of memory"', BEFORE, False, id="quoted"),
        pytest.param("ERROR web: bad text ' : CUDA out of memory'", BEFORE, False, id="in single quotes"),
        pytest.param("ERROR web: 用户输入“: CUDA out of memory”", BEFORE, False, id="in Chinese quotes"),
        pytest.param("ERROR batch: input_text=why: CUDA out of memory", BEFORE, False, id="a user's text"),
        pytest.param("ERROR batch: Text: CUDA out of memory", BEFORE, False, id="a user's text, labelled"),
        pytest.param(
            f"ERROR batch: batch=b owner=li line=3 name=a.wav: {OOM}", BEFORE, True, id="of a batch's line"
        ),
        pytest.param("ERROR batch: owner=: CUDA out of memory line=3 x", BEFORE, False, id="an owner's name"),
        pytest.param("we discussed CUDA out of memory", BEFORE, False, id="in the middle of a sentence"),
        pytest.param("RuntimeError: CUDA out of memorylane", BEFORE, False, id="another word"),
    ],
)
def test_what_a_log_line_proves(line: str, at: Any, counts: bool) -> None:
    assert (names(log(WELL, line, at=at))[0] == "cuda_oom") is counts


@pytest.mark.parametrize(("started", "counts"), [(BEFORE, True), (BEFORE + timedelta(milliseconds=1), False)])
def test_lines_from_before_the_units_last_start_prove_nothing(started: Any, counts: bool) -> None:
    raw = edit(log(WELL, OOM), "instances.7860.unit_state.started_at", iso(started))
    assert (names(raw) == ["cuda_oom"]) is counts


def test_a_host_whose_clock_is_wrong_is_judged_by_its_own_clock() -> None:
    wrong = timedelta(hours=3)
    raw = log(host("7860", now=NOW + wrong), OOM, at=BEFORE + wrong)
    assert names(raw) == ["cuda_oom"]
    assert names(log(host("7860", now=NOW + wrong), OOM, at=SINCE + wrong - timedelta(seconds=1))) == [
        "false_alarm"
    ]


def test_the_rest_of_a_traceback_has_the_time_of_its_first_line() -> None:
    raw = log(WELL, "2026-11-27T00:59:40Z ERROR request=9 tts_app.speech: failed")
    raw["instances"]["7860"]["log_lines"].append({"source": "error.log", "time": None, "text": OOM})
    assert names(raw) == ["cuda_oom"]


def test_a_line_of_unknown_age_proves_nothing() -> None:
    raw = edit(WELL, "instances.7860.log_lines", [{"source": "error.log", "time": None, "text": OOM}])
    assert names(raw) == ["false_alarm"]


def test_the_newest_line_is_the_one_people_read() -> None:
    raw = log(log(WELL, OOM), OOM + " again")
    assert look(raw).first.evidence_line == f"error.log: {OOM} again"


def test_only_the_instance_at_fault_is_named() -> None:
    both = {"instances": PORTS}
    found = look(down(host("7860", "7861"), "7861"), **both).findings
    assert [(one.fault, one.instance) for one in found] == [("service_down", "7861")]
    assert "gpu01:7861" in found[0].reason_en and "gpu01:7861" in found[0].reason_zh


def test_alerts_that_name_a_port_limit_the_look_to_it() -> None:
    raw = down(host("7860", "7861"), "7861")
    assert names(raw, instances=PORTS, scope=frozenset({"7860"})) == ["false_alarm"]
    assert names(raw, instances=PORTS, scope=frozenset({"7861"})) == ["service_down"]
    assert names(raw, instances=PORTS, scope=None) == ["service_down"]


def test_a_port_that_left_the_inventory_widens_the_look_again() -> None:
    assert ask(instances=PORTS, scope=frozenset({"9"})).ports == ["7860", "7861"]


def test_gpu_memory_alone_is_no_fault_without_its_alert() -> None:
    full = edit(WELL, "gpus.0.memory_used_mb", 21600.0)
    alerts = {"alerts": frozenset({"VramHigh"})}
    assert names(full) == ["false_alarm"] and names(full, **alerts) == ["vram_pressure"]
    assert names(edit(full, "gpus.0.memory_used_mb", 21599.0), **alerts) == ["false_alarm"]


@pytest.mark.parametrize(
    ("raw", "alert", "found"),
    [
        pytest.param(HALF, "VramGrowth", ["vram_growth"], id="memory grows"),
        pytest.param(edit(HALF, "gpus.0.memory_used_mb", 11999.0), "VramGrowth", ["false_alarm"], id="half empty"),
        pytest.param(HALF, "VramHigh", ["false_alarm"], id="another alert"),
        pytest.param(log(HALF, OOM), "VramGrowth", ["cuda_oom", "vram_growth"], id="until there is none left"),
        pytest.param(WELL, "SlowSynthesis", ["slow_synthesis"], id="slow"),
        pytest.param(ready("full"), "SlowSynthesis", ["overloaded", "slow_synthesis"], id="slow and full"),
        pytest.param(health("timeout"), "SlowSynthesis", ["hung"], id="what hangs is not slow"),
    ],
)  # fmt: skip
def test_what_only_metrics_can_see_is_proved_by_alert_and_evidence(
    raw: dict[str, Any], alert: str, found: list[str]
) -> None:
    assert names(raw, alerts=frozenset({alert})) == found


@pytest.mark.parametrize(
    ("used_mb", "owner", "found"),
    [
        pytest.param(12000.0, None, ["gpu_foreign_process", "cuda_oom"], id="half of it is somebody else's"),
        pytest.param(11999.0, None, ["cuda_oom"], id="less than half"),
        pytest.param(20000.0, "7860", ["cuda_oom"], id="ours"),
    ],
)
def test_memory_that_others_hold_is_not_ours_to_free(
    used_mb: float, owner: str | None, found: list[str]
) -> None:
    process = {"pid": 77, "name": "train.py", "used_mb": used_mb, "instance": owner}
    seen = look(log(edit(WELL, "gpus.0.processes", [process]), OOM)).findings
    assert [one.fault for one in seen] == found
    assert owner or used_mb < 12000 or "pid 77 (train.py)" in seen[0].reason_zh


STRANGER = {"pid": 77, "name": "train.py", "used_mb": 60.0, "instance": None}
ASKS_RESET = edit(WELL, "gpus.0.recovery_action", "Reset")


@pytest.mark.parametrize(
    ("raw", "facts"),
    [
        pytest.param(ASKS_RESET, {"gpu_uuid": GPU}, id="ours alone"),
        pytest.param(
            edit(ASKS_RESET, "gpus.0.processes", [STRANGER]),
            {"gpu_uuid": GPU, "gpu_shared_with": "pid 77 (train.py)"},
            id="used by others",
        ),
        pytest.param(
            edit(ASKS_RESET, "gpus.0.processes", [STRANGER | {"instance": "7860"}]),
            {"gpu_uuid": GPU},
            id="used by our own service",
        ),
        pytest.param(
            edit(ASKS_RESET, "gpus.0.mig", True),
            {"gpu_uuid": GPU, "gpu_shared_with": "parts of it (MIG)"},
            id="split",
        ),
        pytest.param(xid("PCI:0000:1a:00"), {"gpu_uuid": GPU}, id="an Xid's device is found by its address"),
        pytest.param(xid("PCI:0000:1b:00"), {}, id="an Xid of a device that is gone"),
        pytest.param(xid(None), {}, id="an Xid without an address"),
    ],
)
def test_which_device_is_meant_and_who_else_uses_it(raw: dict[str, Any], facts: dict[str, str]) -> None:
    first = look(raw).first
    assert (first.fault, first.facts) == ("gpu_needs_reset", facts)
    assert facts.get("gpu_shared_with", "") in first.reason_en


def owned(*owners: dict[str, Any]) -> dict[str, Any]:
    return edit(down(WELL), "instances.7860.port", {"listening": True, "owners": list(owners)})


STRAY = {"pid": 99, "user": "glmtts", "cmdline": "python -m tts_app serve", "start_time": 5, "stray": True}


@pytest.mark.parametrize(
    ("owners", "facts"),
    [
        pytest.param([STRAY], {"stray_pid": 99, "stray_start_time": 5}, id="a stray of our own"),
        pytest.param([STRAY | {"stray": False}], {}, id="a program of others"),
        pytest.param([STRAY, STRAY | {"pid": 98}], {}, id="more than one"),
        pytest.param(
            [STRAY | {"ours": True}, STRAY], {"stray_pid": 99, "stray_start_time": 5}, id="beside ours"
        ),
    ],
)
def test_only_a_lone_stray_of_our_own_is_named_for_ending(
    owners: list[dict[str, Any]], facts: dict[str, int]
) -> None:
    first = look(owned(*owners)).first
    assert (first.fault, first.facts) == ("port_conflict", facts)


def test_another_instances_gpu_does_not_matter() -> None:
    full = edit(WELL, "gpus.0.memory_used_mb", 24000.0)
    other = {"7860": frozenset({"GPU-other"})}
    assert names(full, instances=other, alerts=frozenset({"VramHigh"})) == ["false_alarm"]


def test_a_service_that_loads_is_no_fault_yet() -> None:
    starting = edit(health("refused"), "instances.7860.unit_state.active", "activating")
    assert look(starting).well and look(starting).loading == {"7860"}
    assert look(ready("loading")).loading == {"7860"}
    assert look(WELL).loading == frozenset()


def test_a_failed_proof_of_speech_means_down_even_if_health_says_ok() -> None:
    proof = {"7860": SpeechProof(False, "gpu01", "7860", "silent", "静音")}
    first = look(WELL, proofs=proof).first
    assert (first.fault, first.instance, first.down) == (
        "unknown",
        "7860",
        True,
    ) and "silent" in first.reason_en


@pytest.mark.parametrize(
    ("seen", "fault", "down"),
    [
        pytest.param(WELL, "unreachable", False, id="nothing else is wrong"),
        pytest.param(health("refused"), "unknown", True, id="health says what the proof could not"),
    ],
)
def test_who_could_not_be_asked_to_speak_is_not_down_for_that(
    seen: dict[str, Any], fault: str, down: bool
) -> None:
    proof = {"7860": SpeechProof(False, "gpu01", "7860", "lost", "中断", unreached=6)}
    first = look(seen, proofs=proof).first
    assert (first.fault, first.down) == (fault, down)
    assert ("lost" in first.reason_en) is (fault == "unreachable")


def test_an_unreachable_host_has_one_finding() -> None:
    found = diagnose(Unreachable("gpu01", "timed out"), ask(), CATALOGUE.faults).findings
    assert [one.fault for one in found] == ["unreachable"] and "timed out" in found[0].reason_zh


def test_a_helper_that_gives_no_evidence_is_not_an_unreachable_host() -> None:
    found = diagnose(HelperFailed("gpu01", "sudo: no"), ask(), CATALOGUE.faults).findings
    assert [one.fault for one in found] == ["examination_failed"] and "sudo: no" in found[0].reason_zh


def test_evidence_is_never_filled_in_twice() -> None:
    found = look(log(WELL, OOM + " {host} {instance} {line}")).first
    assert found.reason_en.endswith("{host} {instance} {line}")


@pytest.mark.parametrize(
    ("in_flight", "depth", "idle"), [(0, 0, True), (1, 0, False), (0, 1, False), (None, 0, False)]
)
def test_idle_means_nothing_in_flight_and_nothing_queued(
    in_flight: int | None, depth: int, idle: bool
) -> None:
    raw = edit(log(WELL, OOM), "instances.7860.ready.body.in_flight", in_flight)
    assert look(edit(raw, "instances.7860.ready.body.queue.depth", depth)).first.idle is idle


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=10,
)
PLACES = sorted(
    [f"instances.7860.{name}" for name in WELL["instances"]["7860"]]
    + [f"instances.7860.unit_state.{name}" for name in WELL["instances"]["7860"]["unit_state"]]
    + [f"gpus.0.{name}" for name in WELL["gpus"][0]]
    + [f"disks.0.{name}" for name in WELL["disks"][0]]
    + sorted(WELL)
)


@given(place=st.sampled_from(PLACES), value=JSON)
def test_no_evidence_breaks_the_diagnosis(place: str, value: Any) -> None:
    found = look(edit(WELL, place, value)).findings
    assert found and all(one.fault in CATALOGUE.faults for one in found)
