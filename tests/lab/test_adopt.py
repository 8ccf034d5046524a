"""A service that others deployed, as root on one host: adopted without a touch, restarted when it dies, labelled."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.bare import bare_lab
from tests.lab.deploy import recap
from tests.lab.fleet import Fleet
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.paths import ROOT
from tests.lab.proc import call

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HELPER = "/usr/local/sbin/glmtts-remedy"
LOG = "/root/GLM-TTS/logs/app.log"
APP = f"""
import http.server, os, sys, time
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>speech</html>")
        log.write(time.strftime("%F %T,000 INFO asked\\n"))
        log.flush()
    def log_message(self, *arguments):
        pass
log = open("{LOG}", "a")
http.server.ThreadingHTTPServer(("0.0.0.0", 7860), Page).serve_forever()
"""
UNIT = """
[Unit]
Description=Somebody's speech service
[Service]
ExecStart=/usr/bin/python3 /root/GLM-TTS/app.py
[Install]
WantedBy=multi-user.target
"""
INSTANCE = {
    "port": 7860,
    "adopted": {
        "unit": "glm-tts.service",
        "log_files": [LOG],
        "process_pattern": r"GLM-TTS/app\.py",
        "outputs_dir": "/root/GLM-TTS/outputs/batch",
    },
}


@pytest.fixture(scope="module")
def inventory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's inventory with gpu02 alone, whose service is of others."""
    folder = tmp_path_factory.mktemp("inventory")
    (folder / "group_vars").symlink_to(ROOT / "inventory/lab/group_vars")
    lab = yaml.safe_load((ROOT / "inventory/lab/hosts.yml").read_text())
    hosts = {"gpu02": {"ansible_host": "10.77.0.12", "glmtts_instances": [INSTANCE]}}
    lab["all"]["children"]["gpu_hosts"]["hosts"] = hosts
    (folder / "hosts.yml").write_text(yaml.safe_dump(lab))
    return folder


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """Hosts on which nothing of ours was deployed, but somebody's service on gpu02."""
    with bare_lab("adopt") as lab:
        old = lab.host("gpu02")
        old.run(["mkdir", "-p", "/root/GLM-TTS/logs", "/root/GLM-TTS/outputs/batch"])
        old.run(["tee", "/root/GLM-TTS/app.py"], text=APP)
        old.run(["tee", "/etc/systemd/system/glm-tts.service"], text=UNIT)
        old.run(["systemctl", "enable", "--now", "glm-tts.service"])
        yield lab


def deploy(lab: Lab, inventory: Path) -> subprocess.CompletedProcess[str]:
    """Deploy the site."""
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, "-i", inventory, "-i", lab.state / "connection.yml", ROOT / "deploy.yml"]
    return call([str(word) for word in command], timeout_s=1800, check=False)


def pid(old: Machine) -> str:
    """Return the service's main process."""
    return old.run(["systemctl", "show", "--property=MainPID", "--value", "glm-tts.service"]).stdout.strip()


@pytest.fixture(scope="module")
def fleet(lab: Lab, inventory: Path) -> Fleet:
    """The site, once adopted, as an operator sees it."""
    old = lab.host("gpu02")
    before = pid(old)
    done = deploy(lab, inventory)
    assert done.returncode == 0, done.stdout[-4000:]
    assert pid(old) == before, "adopting restarts nothing"
    return Fleet(lab)


def test_nothing_of_ours_takes_its_place_and_a_second_run_changes_nothing(
    fleet: Fleet, inventory: Path
) -> None:
    old = fleet.lab.host("gpu02")
    there = old.run(
        ["sh", "-c", "ls -d /opt/glmtts /etc/systemd/system/glm-tts@.service 2>/dev/null || true"]
    )
    assert there.stdout == ""
    assert old.run(["id", "glmtts"], check=False).returncode != 0
    done = deploy(fleet.lab, inventory)
    assert {changed for changed, _, _ in recap(done.stdout).values()} == {0}, done.stdout[-4000:]


def test_a_dead_service_of_others_is_restarted_verified_over_http_and_labelled(fleet: Fleet) -> None:
    old, known = fleet.lab.host("gpu02"), fleet.ids()
    before = pid(old)
    old.run(["systemctl", "kill", "--signal=SIGKILL", "glm-tts.service"])
    whole = fleet.next_incident("gpu02", known, lambda one: one["state"] == "resolved", "it answers again")
    assert [(run["remedy"], run["state"]) for run in whole["runs"]] == [("restart", "ok")]
    assert pid(old) not in {before, "0"}
    proof = whole["incident"]["proof"]
    assert (proof["ok"], proof["how"], proof["spoken"]) == (True, "http", False)
    told = [one["payload"] for one in whole["messages"] if one["payload"]["state"] == "resolved"]
    assert told and told[-1]["proof"]["how"] == "http"
    summary = json.dumps(whole["runs"][-1]["summary"])
    assert "not proved by speech" in summary, "the playbook's own result says so too"


def test_only_restart_and_purge_are_offered_on_the_host_itself(fleet: Fleet) -> None:
    old = fleet.lab.host("gpu02")
    old.run([HELPER, "lease", "take", "test"])
    try:
        for verb in (["stop", "7860"], ["drain", "7860"], ["reboot"], ["rotate-logs"]):
            done = old.run([HELPER, *verb, "--run", "test"], check=False)
            assert (done.returncode, "only restart and purge" in done.stdout) == (4, True), done.stdout
        done = old.run([HELPER, "purge", "--run", "test"])
        assert json.loads(done.stdout)["deleted_count"] == 0
    finally:
        old.run([HELPER, "lease", "release", "test"])


def test_its_log_is_rotated_in_place_while_it_writes(fleet: Fleet) -> None:
    old = fleet.lab.host("gpu02")
    ask = ["curl", "-sf", "-m", "10", "-o", "/dev/null", "http://127.0.0.1:7860/"]
    old.run(ask)
    old.run(["logrotate", "--force", "/etc/logrotate.d/glmtts-adopted"])
    old.run(ask)
    lines = old.run(["cat", LOG]).stdout.splitlines()
    assert 1 <= len(lines) < 20 and all(line.endswith("INFO asked") for line in lines), "no hole, no old line"
    assert old.run(["cat", f"{LOG}.1"]).stdout.count("INFO asked") >= 1
