"""An upgrade and the way back: under traffic, one host first, and a bad release stays on the canary."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.fleet import INSTANCES, Fleet
from tests.lab.lab import Lab
from tests.lab.paths import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.slow]
ONE_BY_ONE = ("-e", '{"rollout_batches": [1]}')
GPU_HOSTS = ("gpu01", "gpu02")


def changed_app(folder: Path, line: str) -> str:
    """Copy the service's code, add a line to it, and return the argument that deploys the copy."""
    copy = folder / "tts_app"
    shutil.copytree(ROOT / "tts_app", copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "__init__.py").open("a", encoding="utf-8") as module:
        module.write(f"\n{line}\n")
    return f"glmtts_app_source={copy}"


def release(lab: Lab, host: str) -> str:
    """Return the running release of a host."""
    return lab.host(host).run(["readlink", "/opt/glmtts/current"]).stdout.strip()


def kept_out(lab: Lab, host: str) -> bool:
    """Return whether the host is in maintenance or somebody holds its lease."""
    window = lab.host(host).run(["test", "-e", "/var/lib/glmtts-remedy/maintenance_until"], check=False)
    shown = lab.host(host).run(["/usr/local/sbin/glmtts-remedy", "lease", "show"]).stdout
    return window.returncode == 0 or json.loads(shown)["lease"] is not None


@dataclass
class Caller:
    """Asks one instance for speech all the time, and notes the failures while its host was in service."""

    lab: Lab
    host: str
    port: str
    spoken: int = 0
    failed: list[str] = field(default_factory=list)

    def run(self, stop: threading.Event) -> None:
        """Ask until told to stop."""
        while not stop.is_set():
            before = kept_out(self.lab, self.host)
            asked = self._ask()
            if asked == "200":
                self.spoken += 1
            elif not before and not kept_out(self.lab, self.host):
                self.failed.append(asked)
            time.sleep(0.5)

    def _ask(self) -> str:
        body = '{"model": "tts-1", "input": "hello", "voice": "default", "response_format": "wav"}'
        url = f"http://127.0.0.1:{self.port}/v1/audio/speech"
        say = ["curl", "-s", "-m", "60", "-o", "/dev/null", "-w", "%{http_code}", "--json", body, url]
        return self.lab.host(self.host).run(say, check=False).stdout


@pytest.fixture
def callers(lab: Lab) -> Iterator[list[Caller]]:
    """Let every instance be asked all the time."""
    found = [Caller(lab, host, port) for host, port in INSTANCES]
    stop = threading.Event()
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in found]
    for thread in threads:
        thread.start()
    yield found
    stop.set()
    for thread in threads:
        thread.join()


def test_an_upgrade_and_the_way_back_lose_no_request_outside_the_drained_host(
    lab: Lab, fleet: Fleet, callers: list[Caller], tmp_path: Path
) -> None:
    fleet.wait_until_calm()
    lab.note("used")
    before = {host: release(lab, host) for host in GPU_HOSTS}
    done = lab.playbook(
        "deploy.yml",
        "--tags",
        "app",
        "-e",
        changed_app(tmp_path, f"# upgraded at {time.time_ns()}"),
        *ONE_BY_ONE,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    after = {host: release(lab, host) for host in GPU_HOSTS}
    assert all(after[host] != before[host] for host in GPU_HOSTS)

    began = time.monotonic()
    back = lab.playbook("playbooks/rollback.yml")
    print(f"rollback of {len(GPU_HOSTS)} hosts: {time.monotonic() - began:.0f} s")
    assert back.returncode == 0, back.stdout[-4000:]
    assert {host: release(lab, host) for host in GPU_HOSTS} == before

    again = lab.playbook("playbooks/rollback.yml")
    assert again.returncode == 0, again.stdout[-4000:]
    assert [line for line in again.stdout.splitlines() if line.startswith("changed:")] == []
    assert {host: release(lab, host) for host in GPU_HOSTS} == before, (
        "a second run does not go forward again"
    )
    assert [one.failed for one in callers] == [[], [], []]
    assert all(one.spoken for one in callers)
    assert not any(kept_out(lab, host) for host in GPU_HOSTS)


def test_a_release_that_does_not_start_stops_at_the_canary_and_can_be_taken_back(
    lab: Lab, fleet: Fleet, tmp_path: Path
) -> None:
    fleet.wait_until_calm()
    lab.note("used")
    before = {host: release(lab, host) for host in GPU_HOSTS}
    untouched = fleet.main_pid("gpu02", "7860")
    done = lab.playbook(
        "deploy.yml",
        "--tags",
        "app",
        "-e",
        changed_app(tmp_path, "raise SystemExit('a bad release')"),
        *ONE_BY_ONE,
    )
    assert done.returncode != 0
    assert release(lab, "gpu01") != before["gpu01"]
    assert release(lab, "gpu02") == before["gpu02"]
    assert fleet.main_pid("gpu02", "7860") == untouched
    assert not kept_out(lab, "gpu01"), "remedies and alerts are let in again whatever happened"

    back = lab.playbook("playbooks/rollback.yml", "--limit", "gpu01")
    assert back.returncode == 0, back.stdout[-4000:]
    assert release(lab, "gpu01") == before["gpu01"]
    assert fleet.ready("gpu01", "7860")
    assert fleet.ready("gpu01", "7861")
