"""The deployment: harmless in check mode, finished after one run, and it really speaks."""

from __future__ import annotations

import base64
import io
import re
import wave
from collections.abc import Iterator

import pytest

from tests.lab.fleet import INSTANCES
from tests.lab.lab import Lab, cannot_run_here
from tests.lab.network import ADDRESSES

pytestmark = pytest.mark.lab
RECAP = re.compile(r"^(\S+)\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


@pytest.fixture
def bare() -> Iterator[Lab]:
    """Hosts on which nothing was deployed yet."""
    reason = cannot_run_here()
    if reason:
        pytest.skip(reason)
    lab = Lab("bare")
    lab.down()
    lab.up()
    yield lab
    lab.down()


def recap(output: str) -> dict[str, tuple[int, int, int]]:
    """Return changed, unreachable and failed by host."""
    return {
        name: (int(changed), int(gone), int(failed)) for name, changed, gone, failed in RECAP.findall(output)
    }


def test_check_mode_on_fresh_hosts_fails_nowhere_and_changes_nothing(bare: Lab) -> None:
    done = bare.playbook("deploy.yml", "--check")
    found = recap(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    assert set(found) == set(ADDRESSES)
    for host in ADDRESSES:
        left = bare.host(host).run(
            ["sh", "-c", "ls -d /opt/glmtts /etc/glmtts /opt/remediator 2>/dev/null || true"]
        )
        assert left.stdout == ""
        assert bare.host(host).run(["id", "glmtts"], check=False).returncode != 0


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    done = lab.playbook("deploy.yml")
    assert done.returncode == 0, done.stdout[-4000:]
    changed = [line for line in done.stdout.splitlines() if line.startswith("changed:")]
    assert recap(done.stdout) == dict.fromkeys(ADDRESSES, (0, 0, 0)), changed


@pytest.mark.parametrize("text", ["你好，世界", "hello world"])
@pytest.mark.parametrize(("host", "port"), INSTANCES)
def test_every_instance_speaks(lab: Lab, host: str, port: str, text: str) -> None:
    say = [
        "curl",
        "--silent",
        "--show-error",
        "--fail",
        "--max-time",
        "120",
        "--header",
        "Content-Type: application/json",
    ]
    body = f'{{"model": "tts-1", "input": "{text}", "voice": "default", "response_format": "wav"}}'
    url = f"http://127.0.0.1:{port}/v1/audio/speech"
    script = ["sh", "-c", 'exec "$@" | base64', "say", *say, "--data", body, url]
    sound = base64.b64decode(lab.host(host).run(script, timeout_s=180).stdout)
    with wave.open(io.BytesIO(sound)) as wav:
        assert wav.getframerate() == 24000
        assert 0.3 < wav.getnframes() / wav.getframerate() < 20


def test_services_run_as_their_own_user_from_their_own_environment(lab: Lab) -> None:
    for host, port in INSTANCES:
        show = ["systemctl", "show", "--property=MainPID,User", f"glm-tts@{port}.service"]
        said = dict(line.split("=", 1) for line in lab.host(host).run(show).stdout.split())
        assert said["User"] == "glmtts"
        command = lab.host(host).run(["cat", f"/proc/{said['MainPID']}/cmdline"]).stdout
        assert command.startswith("/opt/glmtts/current/env/bin/python")
