"""The monitoring roles' files, rendered once by Ansible itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ROLES = ROOT / "playbooks" / "roles"
NAMES = ("glmtts_service", "host_monitoring", "prometheus", "alertmanager", "remediator")
BOUND_S = 180
INVENTORY = {
    "gpu_hosts": {
        "hosts": {
            "gpu01": {
                "ansible_host": "10.0.0.1",
                "ansible_port": 2222,
                "glmtts_host_key": "ssh-ed25519 AAAA1",
                "glmtts_instances": [{"port": 7860}, {"port": 7861}],
                "glmtts_secret": "hush",
            },
            "gpu02": {"ansible_host": "10.0.0.2", "glmtts_host_key": "ssh-ed25519 AAAA2"},
        }
    },
    "shared": {"hosts": {"gpu02": {}}},
}


@pytest.fixture(scope="session")
def rendered(tmp_path_factory):
    """The folder with every rendered file."""
    out, given = tmp_path_factory.mktemp("rendered"), tmp_path_factory.mktemp("given")
    release = out / "opt" / "current"
    (release / "env" / "bin").mkdir(parents=True)
    (release / "env" / "bin" / "python").symlink_to(sys.executable)  # units must name programs that exist
    values = {
        "roles": str(ROLES),
        "out": str(out),
        "templates": sorted(
            str(path)
            for name in NAMES
            for path in (ROLES / name).glob("templates/*.j2")
            if path.name != "instance.env.j2"  # one for every instance
        ),
        "prometheus_hosts": [
            {"name": "gpu01", "address": "10.0.0.1", "node_port": 9100, "instances": [7860, 7861]},
            {"name": "gpu02", "address": "10.0.0.2", "node_port": 9100, "instances": []},
        ],
        "prometheus_remediator": "127.0.0.1:8686",
        "prometheus_remediator_token": "viewer-token-of-the-tests",
        "alertmanager_token": "sender-token-of-the-tests",
        "glmtts_service_root": str(out / "opt"),
        "remediator_root": str(out / "opt"),
        "remediator_hosts": ["gpu01", "gpu02"],
        "remediator_tokens": [{"name": "am", "role": "sender", "token": "sender-token-of-the-tests"}],
        "remediator_credentials": {"wecom_robot_urls": "https://example.org/robot"},
        "host_monitoring_program": sys.executable,
        "host_monitoring_helper": sys.executable,
    }
    (given / "values.json").write_text(json.dumps(values), encoding="utf-8")
    (given / "inventory.yml").write_text(json.dumps(INVENTORY), encoding="utf-8")
    playbook = [str(Path(sys.executable).with_name("ansible-playbook")), str(HERE / "render.yml")]
    done = subprocess.run(
        [*playbook, "-i", str(given / "inventory.yml"), "-e", f"@{given / 'values.json'}"],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            "ANSIBLE_LOCAL_TEMP": str(given / "tmp"),
            "ANSIBLE_INTERPRETER_PYTHON": sys.executable,
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out
