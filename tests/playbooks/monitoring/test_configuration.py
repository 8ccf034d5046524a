"""Every file that the monitoring roles write is accepted by the program that reads it."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

HARDENING = Path(__file__).parents[3] / "docs/hardening.md"
BOUND_S = 120
SCORES = re.findall(
    r"^[|] `([a-z@-]+[.]service)` [|] ([0-9.]+) [|]", HARDENING.read_text(encoding="utf-8"), re.MULTILINE
)
EXPOSURE = {unit: float(score) for unit, score in SCORES}


def program(name):
    """Return a program of the tests' Debian packages; skip where it is not installed."""
    found = shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed (tests/debian_packages.sh)")
    return found


def call(*command):
    """Run a program; return its exit status and everything it wrote."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=BOUND_S, check=False)
    return done.returncode, done.stdout + done.stderr


def load(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def targets(config, job):
    (found,) = [one for one in config["scrape_configs"] if one["job_name"] == job]
    return {
        target: entry.get("labels", {}) for entry in found["static_configs"] for target in entry["targets"]
    }


def test_promtool_accepts_prometheus_own_configuration(rendered, tmp_path):
    text = (rendered / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "token").write_text("x", encoding="utf-8")
    local = text.replace("/etc/prometheus/remediator-token", str(tmp_path / "token"))
    (tmp_path / "prometheus.yml").write_text(
        local.replace("/etc/prometheus/*.rules.yml", str(rendered / "glmtts.rules.yml")), encoding="utf-8"
    )
    code, said = call(program("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))
    assert code == 0, said


def test_amtool_accepts_alertmanagers_configuration(rendered):
    code, said = call(program("amtool"), "check-config", str(rendered / "alertmanager.yml"))
    assert code == 0, said


def test_the_blackbox_exporter_accepts_its_configuration(rendered):
    path = str(rendered / "blackbox.yml")
    code, said = call(program("prometheus-blackbox-exporter"), "--config.check", f"--config.file={path}")
    assert code == 0, said


@pytest.mark.parametrize(
    "unit",
    [
        "glm-tts@.service",
        "remediator.service",
        "remediator-run@.service",
        "remediator-backup.service",
        "remediator-backup.timer",
        "glmtts-metrics.service",
        "glmtts-metrics.timer",
        "glmtts-scan-logs.service",
        "glmtts-scan-logs.timer",
    ],
)
def test_systemd_reads_the_unit_without_a_complaint(rendered, unit):
    # Its exit status is 0 even for a word it doesn't know, so silence is what counts.
    path = rendered / unit
    if unit.endswith("@.service"):
        path = rendered / unit.replace("@", "@r-1")
        shutil.copy(rendered / unit, path)
    code, said = call(program("systemd-analyze"), "verify", "--man=no", str(path))
    ours = [line for line in said.splitlines() if str(rendered) in line or unit.split("@")[0] in line]
    assert (code, ours) == (0, [])


@pytest.mark.parametrize(("unit", "worst"), EXPOSURE.items())
def test_a_unit_is_exposed_no_more_than_is_written_down(rendered, tmp_path, unit, worst):
    path = tmp_path / unit.replace("@", "@7860")
    shutil.copy(rendered / unit, path)
    limit = f"--threshold={round(worst * 10)}"
    code, said = call(
        program("systemd-analyze"), "security", "--no-pager", "--offline=true", limit, str(path)
    )
    assert code == 0, said[-500:]


def test_every_instance_in_reach_is_asked_for_health_and_readiness(rendered):
    config = load(rendered / "prometheus.yml")
    expected = {
        "10.0.0.1:7860": {"host": "gpu01", "port": "7860"},
        "10.0.0.1:7861": {"host": "gpu01", "port": "7861"},
    }
    for job in ("glmtts", "healthz", "readyz"):
        assert targets(config, job) == expected


def test_every_host_is_watched_under_its_inventory_name(rendered):
    config = load(rendered / "prometheus.yml")
    assert targets(config, "node") == {"10.0.0.1:9100": {"host": "gpu01"}, "10.0.0.2:9100": {"host": "gpu02"}}


def test_alerts_go_to_the_remediator_with_a_token_from_a_file(rendered):
    config = load(rendered / "alertmanager.yml")
    (hook,) = config["receivers"][0]["webhook_configs"]
    assert hook["url"] == "http://127.0.0.1:8686/api/v1/alerts/alertmanager"
    assert hook["send_resolved"] is True
    assert hook["http_config"]["authorization"] == {"credentials_file": "/etc/prometheus/alertmanager-token"}


def test_tokens_are_kept_as_hashes_only(rendered):
    digest = hashlib.sha256(b"sender-token-of-the-tests").hexdigest()
    assert load(rendered / "tokens.yml") == {
        "tokens": [{"name": "am", "role": "sender", "hash": f"sha256:{digest}"}]
    }


def test_no_secret_is_in_a_file_that_everybody_may_read(rendered):
    texts = {path.name: path.read_text(encoding="utf-8") for path in rendered.iterdir() if path.is_file()}
    secrets = ("sender-token-of-the-tests", "viewer-token-of-the-tests", "example.org/robot")
    assert [name for name, text in texts.items() if any(word in text for word in secrets)] == []


def test_a_credential_becomes_a_setting_that_names_its_file(rendered):
    settings = load(rendered / "remediator.yml")
    assert settings["wecom_robot_urls_file"] == "/run/credentials/remediator.service/wecom_robot_urls"
    unit = (rendered / "remediator.service").read_text(encoding="utf-8")
    assert "LoadCredential=wecom_robot_urls:/etc/remediator/credentials/wecom_robot_urls" in unit


def test_the_remediator_gets_to_know_hosts_groups_and_instances_but_no_secrets(rendered):
    inventory = load(rendered / "hosts.yml")["all"]["children"]
    assert inventory["gpu_hosts"]["hosts"]["gpu01"] == {
        "ansible_host": "10.0.0.1",
        "ansible_port": 2222,
        "glmtts_instances": [{"port": 7860}, {"port": 7861}],
    }
    assert list(inventory["shared"]["hosts"]) == ["gpu02"]
    assert "hush" not in (rendered / "hosts.yml").read_text(encoding="utf-8")


def test_host_keys_are_written_as_ssh_looks_them_up(rendered):
    lines = (rendered / "known_hosts").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["[10.0.0.1]:2222 ssh-ed25519 AAAA1", "10.0.0.2 ssh-ed25519 AAAA2"]
