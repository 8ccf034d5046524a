"""Each remedy killed in the middle (SIGKILL of the run): what it leaves is known and ends; the next one works."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.faults.fault import active, gpu_of
from tests.lab.fleet import Fleet, wait_for
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.status import Json

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HELPER = "/usr/local/sbin/glmtts-remedy"
REACHED_S = 600


@pytest.fixture(scope="module", autouse=True)
def nobody_else(lab: Lab) -> Iterator[None]:
    """Keep the remediator away: it would repair what these runs leave."""
    control = lab.host("control")
    control.run(["systemctl", "stop", "remediator.service"], timeout_s=120)
    yield
    control.run(["systemctl", "start", "remediator.service"], timeout_s=120)
    Fleet(lab).wait_until_calm()


@dataclass(frozen=True)
class Cut:
    """A remedy, and the verb of the helper after which its run is killed."""

    remedy: str
    after: str
    host: str = "gpu01"
    values: dict[str, str] = field(default_factory=lambda: {"instance": "7861"})

    @property
    def id(self) -> str:
        return f"{self.remedy} after {self.after}"


def helper(machine: Machine, *words: str) -> Json:
    """Ask the helper as root and return its answer."""
    said: Json = json.loads(machine.run([HELPER, *words], check=False, timeout_s=300).stdout)
    return said


def command(lab: Lab, cut: Cut, run: str, **more: str) -> list[str]:
    values = {**cut.values, "target": cut.host, "run_id": run, **more}
    options = [word for name, value in values.items() for word in ("-e", f"{name}={value}")]
    return lab.playbook_command(f"playbooks/{cut.remedy}.yml", *options)


def done(machine: Machine, run: str) -> list[list[str]]:
    """Return the verbs that a run has carried out, from the host's journal."""
    lines = machine.run(["journalctl", "-t", "glmtts-remedy", "-o", "cat", "-b"]).stdout.splitlines()
    calls = [json.loads(line)["argv"] for line in lines if line.startswith("{")]
    return [call for call in calls if run in call]


def asked(machine: Machine, verb: str) -> bool:
    """Whether the helper is at a verb now."""
    return machine.run(["pgrep", "-f", f"glmtts-remedy {verb}"], check=False).returncode == 0


def cut_off(lab: Lab, cut: Cut, run: str, reached: Callable[[], bool], **more: str) -> None:
    """Start a run and kill it, with all it started here, when `reached` says so."""
    log = lab.state / "logs" / f"{run}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            command(lab, cut, run, **more), stdout=out, stderr=out, start_new_session=True
        )
    deadline = time.monotonic() + REACHED_S
    try:
        while not reached():  # without a pause: the rest of a run takes less than a second
            assert process.poll() is None, f"it ended before it could be killed:\n{log.read_text()[-3000:]}"
            assert time.monotonic() < deadline, f"it never came to {cut.after}:\n{log.read_text()[-3000:]}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def succeed(lab: Lab, cut: Cut, run: str) -> None:
    """Let the same remedy run through."""
    ended = subprocess.run(command(lab, cut, run), capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:]


def give_back(machine: Machine) -> Json:
    """Take the host from the run that was cut off, as a person does, and let go."""
    taken = helper(machine, "lease", "take-over", "--by", "ann")
    helper(machine, "lease", "release", "person:ann")
    return taken


CUTS = [
    Cut("restart", "restart"),
    Cut("clear_memory", "clear-memory"),
    Cut("drain", "drain"),
    Cut("purge_outputs", "purge", values={}),
    Cut("rotate_logs", "rotate-logs", values={}),
    Cut("undrain", "undrain"),
]


@pytest.mark.parametrize("cut", CUTS, ids=lambda cut: cut.id)
def test_a_run_that_was_killed_keeps_others_out_until_a_person_or_time_ends_that(lab: Lab, cut: Cut) -> None:
    machine, run = lab.host(cut.host), f"cut-{cut.remedy}"
    if cut.remedy == "undrain":
        succeed(lab, Cut("drain", "drain"), f"before-{run}")
    cut_off(lab, cut, run, lambda: cut.after in {call[0] for call in done(machine, run)})
    found = helper(machine, "examine")
    assert found["lease"]["holder"] == run
    assert found["left_behind"] == {}
    other = helper(machine, "lease", "take", "another-run")
    assert (other["ok"], other["holder"]) == (False, run)
    reason = ((found["instances"]["7861"]["ready"] or {}).get("body") or {}).get("reason")
    assert reason == ("draining" if cut.remedy == "drain" else None), "a drained instance stays drained"
    assert give_back(machine)["ended"]["holder"] == run
    succeed(lab, cut, f"after-{run}")
    if cut.remedy == "drain":
        succeed(lab, Cut("undrain", "undrain"), f"undrain-{run}")
    assert helper(machine, "speak", "7861")["spoken"] is True
    assert helper(machine, "lease", "show")["lease"] is None


def test_the_lease_of_a_run_that_was_killed_ends_by_itself(lab: Lab) -> None:
    cut, machine, run = CUTS[4], lab.host("gpu01"), "cut-expires"
    cut_off(
        lab, cut, run, lambda: any(call[0] == "rotate-logs" for call in done(machine, run)),
        remedy_steps_lease_ttl_s="60",
    )  # fmt: skip
    wait_for(
        lambda: helper(machine, "lease", "show")["lease"] is None or None, "the lease to end", lambda: ""
    )
    succeed(lab, cut, f"after-{run}")


def test_a_reset_killed_half_way_is_put_back_by_whoever_comes_next(lab: Lab) -> None:
    machine, run = lab.host("gpu02"), "cut-reset"
    card = gpu_of(machine, "7860")
    machine.run(["nvidia-smi", "-i", card, "-pm", "1"])
    cut = Cut("gpu_reset", "gpu-persistence", "gpu02", {"gpu_uuid": card})
    cut_off(lab, cut, run, lambda: ["gpu-persistence", card, "off", "--run", run] in done(machine, run))
    wait_for(lambda: not asked(machine, "gpu-reset") or None, "a verb under way to end", lambda: "")
    found = helper(machine, "examine")
    assert found["lease"]["holder"] == run
    assert found["left_behind"]["persistence"] == [card], "known, and shown to whoever looks"
    assert not active(machine, "7860"), "it stays stopped: nobody knows whether the card is well"
    give_back(machine)
    succeed(lab, cut, f"after-{run}")
    found = helper(machine, "examine")
    assert (found["left_behind"], found["gpus"][0]["persistence"], found["lease"]) == ({}, True, None)
    assert helper(machine, "speak", "7860")["spoken"] is True


def test_any_remedy_that_takes_the_lease_puts_back_what_was_left(lab: Lab) -> None:
    machine = lab.host("gpu02")
    card = gpu_of(machine, "7860")
    machine.run(["nvidia-smi", "-i", card, "-pm", "1"])
    helper(machine, "lease", "take", "gone")
    helper(machine, "gpu-persistence", card, "off", "--run", "gone")
    helper(machine, "lease", "release", "gone")
    succeed(lab, Cut("rotate_logs", "", "gpu02", {}), "next")
    found = helper(machine, "examine")
    assert (found["left_behind"], found["gpus"][0]["persistence"]) == ({}, True)


def test_a_reboot_goes_on_without_the_run_that_asked_for_it_and_all_speaks_again(lab: Lab) -> None:
    machine, run = lab.host("gpu02"), "cut-reboot"
    cut = Cut("reboot", "reboot", "gpu02", {})
    boot = machine.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout
    wait_for(
        lambda: helper(machine, "examine")["uptime_s"] > 125 or None, "a host up long enough", lambda: ""
    )
    cut_off(lab, cut, run, lambda: "reboot" in {call[0] for call in done(machine, run)})

    def back() -> bool | None:
        if machine.leader is None:
            return None
        now = machine.run(["cat", "/proc/sys/kernel/random/boot_id"], check=False).stdout
        return now not in {"", boot} or None

    wait_for(back, "the host to be back", lambda: "")
    machine.wait()
    assert helper(machine, "lease", "show")["lease"] is None, "a reboot forgets it"
    wait_for(lambda: helper(machine, "speak", "7860").get("spoken") or None, "speech", lambda: "", 600)


def test_a_port_that_is_freed_gets_its_service_back_without_the_run(lab: Lab) -> None:
    machine, run = lab.host("gpu01"), "cut-port"
    cut = Cut("free_port", "free-port")
    lab.break_("gpu01", "port_stray", "7861")
    try:
        cut_off(lab, cut, run, lambda: "free-port" in {call[0] for call in done(machine, run)})
        give_back(machine)
        succeed(lab, Cut("restart", "restart"), f"after-{run}")
        assert helper(machine, "speak", "7861")["spoken"] is True
    finally:
        lab.heal("gpu01", "port_stray", "7861")


def test_a_capture_that_was_killed_leaves_nothing_that_looks_like_one(lab: Lab, tmp_path: Path) -> None:
    machine, run = lab.host("gpu01"), "cut-capture"
    cut = Cut("capture", "capture")
    cut_off(lab, cut, run, lambda: asked(machine, "capture"), capture_dir=str(tmp_path))
    assert list(tmp_path.glob("*.tar.gz")) == []
    assert helper(machine, "lease", "show")["lease"] is None, "looking takes none"
    ended = subprocess.run(
        command(lab, cut, "after-capture", capture_dir=str(tmp_path)),
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout[-4000:]
    (archive,) = tmp_path.glob("*")
    with tarfile.open(archive) as tar:
        assert "capture/evidence.json" in tar.getnames()
