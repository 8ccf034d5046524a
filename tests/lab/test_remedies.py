"""The remedies that wait for a person: asked, approved, done, proved by speech, told; or refused with the reason."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.lab.faults.fault import active, background, end, gpu_of
from tests.lab.fleet import Fleet, wait_for
from tests.lab.keys import lab_secrets
from tests.lab.machine import Machine
from tests.lab.status import Json
from tests.lab.test_intake import alert, body

pytestmark = pytest.mark.lab
CALLS = "/var/lib/sim-gpu/calls.jsonl"


@pytest.fixture(autouse=True)
def calm(fleet: Fleet) -> None:
    """Begin each on a healthy fleet."""
    fleet.wait_until_calm()


@contextmanager
def broken(fleet: Fleet, host: str, fault: str, port: str) -> Iterator[Callable[[str, str], Json]]:
    """Break a host and hand out what waits for its incident: (state, fault) -> the whole incident."""
    known = fleet.ids()
    fleet.lab.break_(host, fault, port)

    def incident(state: str, called: str) -> Json:
        wanted = (state, called)
        return fleet.next_incident(
            host, known, lambda one: (one["state"], one["fault"]) == wanted, f"{called} is {state}"
        )

    try:
        yield incident
    finally:
        fleet.lab.heal(host, fault, port)


def approve(fleet: Fleet, asked: Json) -> None:
    """Say yes to what an incident asks, as an operator."""
    (question,) = [one for one in asked["approvals"] if one["state"] == "open"]
    port = fleet.lab.ports()["status"]
    url = f"http://127.0.0.1:{port}/api/v1/approvals/{question['id']}/approve"
    request = urllib.request.Request(url, b"")
    request.add_header("Authorization", f"Bearer {lab_secrets()['operator_token']}")
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 200


def resets(machine: Machine) -> list[list[str]]:
    """Return every reset that the driver was asked for."""
    lines = machine.run(["cat", CALLS], check=False).stdout.splitlines()
    return [call["argv"] for call in map(json.loads, lines) if "--gpu-reset" in call["argv"]]


def told(whole: Json, state: str) -> list[Json]:
    """Return the messages about one state of an incident."""
    return [one for one in whole["messages"] if one["payload"]["state"] == state]


def look_again(fleet: Fleet, host: str) -> None:
    """Let the remediator look at once instead of at its next turn: one more alert rings the bell."""
    code, _ = fleet.post_alerts(body(alert("9999999999999999", host=host)))
    assert code == 202


@pytest.mark.slow
def test_a_card_that_the_driver_wants_reset_is_reset_after_a_yes_and_speaks_again(fleet: Fleet) -> None:
    machine = fleet.lab.host("gpu02")
    card, before = gpu_of(machine, "7860"), len(resets(machine))
    with broken(fleet, "gpu02", "needs_reset", "7860") as incident:
        asked = incident("asking", "gpu_needs_reset")
        assert "GpuRecoveryAction" in {one["name"] for one in asked["alerts"]}, "a rule found it"
        assert asked["runs"] == []
        approve(fleet, asked)
        whole = incident("resolved", "gpu_needs_reset")
    assert [(one["remedy"], one["state"]) for one in whole["runs"]] == [("gpu_reset", "ok")]
    assert resets(machine)[before:] == [["--gpu-reset", "-i", card]]
    assert whole["incident"]["proof"]["spoken"] is True
    assert told(whole, "asking") and told(whole, "resolved")


def test_a_card_that_somebody_else_uses_is_not_reset_and_the_holder_is_named(fleet: Fleet) -> None:
    machine = fleet.lab.host("gpu02")
    card, before = gpu_of(machine, "7860"), len(resets(machine))
    options = ["--uid=nobody", f"--setenv=CUDA_VISIBLE_DEVICES={card}", "--setenv=SIM_GPU_MB=500"]
    background(machine, "lab-stranger", *options, command=["sleep", "infinity"])
    try:
        with broken(fleet, "gpu02", "needs_reset", "7860") as incident:
            whole = incident("escalated", "gpu_needs_reset")
    finally:
        end(machine, "lab-stranger")
    look_again(fleet, "gpu02")
    assert whole["runs"] == [] and whole["approvals"] == []
    assert "sleep)" in whole["incident"]["found"]["en"]
    assert "sleep)" in whole["incident"]["found"]["zh"]
    assert told(whole, "escalated")
    assert len(resets(machine)) == before


def test_a_log_that_runs_away_is_rotated_and_nothing_is_restarted(fleet: Fleet) -> None:
    machine, log = fleet.lab.host("gpu01"), "/var/log/glmtts/7860/error.log"
    known, pid = fleet.ids(), fleet.main_pid("gpu01", "7860")
    machine.run(["truncate", "--size=+600M", log])  # it takes no space
    try:
        code, _ = fleet.post_alerts(body(alert("7777777777777777", host="gpu01", port="7860")))
        assert code == 202
        whole = fleet.next_incident(
            "gpu01",
            known,
            lambda one: (one["state"], one["fault"]) == ("resolved", "log_runaway"),
            "log_runaway is resolved",
        )
        assert int(machine.run(["stat", "--format=%s", log]).stdout) < 1_000_000
    finally:
        machine.run(["sh", "-c", f"rm -f {log}.1; test $(stat --format=%s {log}) -lt 1000000 || : >{log}"])
    assert [(one["remedy"], one["state"]) for one in whole["runs"]] == [("rotate_logs", "ok")]
    assert fleet.main_pid("gpu01", "7860") == pid


@pytest.mark.slow
def test_a_stray_of_our_own_is_ended_after_a_yes_and_the_instance_speaks_again(fleet: Fleet) -> None:
    neighbour = fleet.main_pid("gpu01", "7860")
    with broken(fleet, "gpu01", "port_stray", "7861") as incident:
        asked = incident("asking", "port_conflict")
        show = ["systemctl", "show", "--property=MainPID", "--value", "lab-stray-7861.service"]
        stray = int(fleet.lab.host("gpu01").run(show).stdout)
        assert asked["approvals"][-1]["args"]["stray_pid"] == stray
        approve(fleet, asked)
        whole = incident("resolved", "port_conflict")
    assert [(one["remedy"], one["state"]) for one in whole["runs"]] == [("free_port", "ok")]
    assert whole["incident"]["proof"]["spoken"] is True
    assert fleet.main_pid("gpu01", "7860") == neighbour


@pytest.mark.slow
def test_a_host_whose_driver_wants_a_reboot_is_rebooted_after_a_yes_and_speaks_again(fleet: Fleet) -> None:
    machine = fleet.lab.host("gpu02")
    boot_id = machine.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    with broken(fleet, "gpu02", "needs_reboot", "7860") as incident:
        asked = incident("asking", "gpu_needs_reboot")
        approve(fleet, asked)
        whole = incident("resolved", "gpu_needs_reboot")
    assert [(one["remedy"], one["state"]) for one in whole["runs"]] == [("reboot", "ok")]
    assert machine.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout != boot_id
    assert whole["incident"]["proof"]["spoken"] is True


# Last: a reset so soon after another waits for the cooldown.
@pytest.mark.slow
def test_a_reset_cut_off_in_the_middle_is_never_repeated_and_a_person_may_take_the_host_over(
    fleet: Fleet,
) -> None:
    machine, control = fleet.lab.host("gpu02"), fleet.lab.host("control")
    before = len(resets(machine))
    with broken(fleet, "gpu02", "needs_reset", "7860") as incident:
        approve(fleet, incident("asking", "gpu_needs_reset"))
        run = incident("repairing", "gpu_needs_reset")["runs"][-1]["id"]
        wait_for(lambda: not active(machine, "7860") or None, "the service to stop", fleet.status)
        kill = ["systemctl", "kill", "--signal=SIGKILL", "--kill-whom=all", f"remediator-run@{run}.service"]
        control.run(kill)
        whole = incident("escalated", "gpu_needs_reset")
        helper = "/usr/local/sbin/glmtts-remedy"
        left = json.loads(machine.run([helper, "lease", "take-over", "--by", "ann"]).stdout)
    machine.run([helper, "lease", "release", "person:ann"])
    look_again(fleet, "gpu02")
    assert [(one["id"], one["state"]) for one in whole["runs"]] == [(run, "abandoned")]
    assert left["ended"]["holder"] == run, "until then nothing else could touch the host"
    assert len(resets(machine)) == before
    assert told(whole, "escalated")
