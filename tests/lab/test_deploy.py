"""The deployment: after one run every instance really speaks, as its own user."""

from __future__ import annotations

import base64
import io
import wave

import pytest

from tests.lab.fleet import INSTANCES
from tests.lab.lab import Lab

pytestmark = pytest.mark.lab


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


def test_systemd_took_every_limit_of_the_unit_as_it_is_meant(lab: Lab) -> None:
    expected = {
        "Restart": "always",
        "StartLimitIntervalUSec": "10min",
        "StartLimitBurst": "5",
        "WatchdogUSec": "1min",
        "TimeoutStartUSec": "5min 30s",
        "MemoryMax": str(6 * 1024**3),
        "TasksMax": "512",
        "OOMPolicy": "stop",
        "DevicePolicy": "closed",
        "NoNewPrivileges": "yes",
    }
    show = ["systemctl", "show", f"--property={','.join([*expected, 'DeviceAllow', 'EnvironmentFiles'])}"]
    for host, port in INSTANCES:
        said = lab.host(host).run([*show, f"glm-tts@{port}.service"]).stdout.splitlines()
        found = dict(line.split("=", 1) for line in said)
        assert {name: found[name] for name in expected} == expected
        assert found["EnvironmentFiles"].startswith(f"/etc/glmtts/{port}.env ")
        devices = {line.removeprefix("DeviceAllow=") for line in said if line.startswith("DeviceAllow=")}
        clock = {"char-rtc r"}  # what systemd adds for ProtectClock
        assert devices - clock == {"char-nvidia* rw", "char-nvidia-uvm rw", "char-nvidia-caps rw"}


def test_cron_cleans_up_at_three_as_the_service_user(lab: Lab) -> None:
    for host in sorted({host for host, _ in INSTANCES}):
        lines = lab.host(host).run(["cat", "/etc/cron.d/glmtts-cleanup"]).stdout.splitlines()
        jobs = [line for line in lines if line and not line.startswith("#")]
        assert jobs == ["0 3 * * * glmtts /usr/local/sbin/glmtts-remedy purge > /dev/null"]
        owned = lab.host(host).run(["stat", "--format=%U %a", "/etc/cron.d/glmtts-cleanup"]).stdout.split()
        assert owned[0] == "root", "cron runs nobody else's file"
        assert int(owned[1], 8) & 0o022 == 0, "nor one that others may write"


def test_people_reach_the_remediator_over_tls_and_its_metrics_stay_inside(lab: Lab) -> None:
    def ask(url: str) -> str:
        trusted = ["--cacert", "/etc/nginx/voicekeeper/server.pem", "--connect-to", "control::127.0.0.1:"]
        told = ["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"]
        say = ["curl", "-s", "-m", "20", *told, *trusted, url]
        return lab.host("control").run(say, timeout_s=60).stdout.strip()

    assert ask("https://control/healthz") == "200"
    assert ask("https://control/api/v1/incidents") == "401"
    assert ask("https://control/metrics") == "404"
    assert ask("http://control/healthz") == "308 https://control/healthz"
