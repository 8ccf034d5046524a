"""The evidence is complete, bounded and on time, whatever on the host is broken."""

import json

import pytest
from glmtts_remedy import disks, examine, maintenance
from glmtts_remedy.lease import LeaseFile

KEYS = {
    "schema", "host", "boot_id", "taken_at", "took_s", "uptime_s", "lease", "maintenance_until", "left_behind",
    "instances", "disks", "gpus", "gpu_error", "gpu_reset_unavailable",
    "kernel", "probes",
}  # fmt: skip
INSTANCE_KEYS = {"unit", "unit_state", "process", "port", "health", "ready", "log_lines", "log_files"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nothing answers here: waiting for it would only be slow."""
    monkeypatch.setattr(examine, "STATUS_TIMEOUT_S", 0.5)


@pytest.fixture
def healthy_tools(program):
    program("systemctl", "printf 'Id=glm-tts@7860.service\\nActiveState=active\\nMainPID=1\\n'")
    program("journalctl", ":")
    program("nvidia-smi", "echo '<x></x>'")


def test_every_promised_key_is_there(config, healthy_tools):
    found = examine.evidence(config)
    assert set(found) == KEYS
    assert set(found["instances"]["7860"]) == INSTANCE_KEYS
    assert (found["schema"], found["host"], found["gpus"], found["gpu_error"]) == (1, "gpu01", [], None)
    assert found["instances"]["7860"]["unit_state"]["active"] == "active"
    assert found["instances"]["7860"]["process"]["pid"] == 1
    json.dumps(found)


def test_the_logs_that_are_being_written_are_shown_with_their_sizes(config, healthy_tools, tmp_path):
    for name, size in (("error.log", 7), ("error.log.1", 9), ("access.log", 0)):
        (tmp_path / "log/7860" / name).write_bytes(b"x" * size)
    assert examine.evidence(config)["instances"]["7860"]["log_files"] == [
        {"name": "access.log", "size_b": 0},
        {"name": "error.log", "size_b": 7},
    ]


def test_a_driver_that_hangs_leaves_the_rest_intact(config, healthy_tools, program, monkeypatch):
    read = examine.gpu.read  # only the driver has little time: the rest may be slow on a busy machine
    monkeypatch.setattr(examine.gpu, "read", lambda config, timeout_s: read(config, 0.5))
    program("nvidia-smi", "sleep 3600")
    found = examine.evidence(config)
    assert found["gpus"] is None
    assert "no answer within" in found["gpu_error"] or "timeout" in found["gpu_error"]
    assert found["instances"]["7860"]["unit_state"] is not None


def test_a_disk_that_blocks_is_unknown_and_said_so(config, healthy_tools, monkeypatch):
    real = disks.usage

    def usage(path: str) -> dict[str, object]:
        if path == config.log_dir:
            raise OSError(5, "Input/output error")
        return real(path)

    monkeypatch.setattr(disks, "usage", usage)
    found = examine.evidence(config)
    assert "Input/output error" in found["probes"][f"disk:{config.log_dir}"]
    assert found["disks"]


def test_without_systemd_the_units_are_unknown(config, program):
    program("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    program("journalctl", "exit 1")
    found = examine.evidence(config)
    assert found["instances"]["7860"]["unit_state"] is None
    assert found["instances"]["7860"]["process"] is None
    assert "Failed to connect to bus" in found["probes"]["units"]


def test_lease_and_maintenance_window_are_shown(config, healthy_tools):
    LeaseFile(config.run_dir).take("run-1", 60, "restart")
    end = maintenance.begin(config, 60)
    found = examine.evidence(config)
    assert found["lease"]["holder"] == "run-1"
    assert found["maintenance_until"] == end
    assert maintenance.end(config)
    assert maintenance.until(config) is None


def test_a_window_that_ended_is_none(config):
    (examine.maintenance._path(config)).write_text("2020-01-01T00:00:00.000Z\n")
    assert maintenance.until(config) is None


def test_the_evidence_stays_within_its_bound_by_dropping_the_oldest_lines():
    lines = [{"source": "error.log", "time": None, "text": f"{n} " + "字" * 400} for n in range(100)]
    found = examine.bounded(
        {"instances": {str(n): {"log_lines": list(lines)} for n in range(8)}, "kernel": []}
    )
    assert len(json.dumps(found, ensure_ascii=False).encode()) <= examine.LARGEST
    assert found["instances"]["0"]["log_lines"][-1] == lines[-1]


def test_one_filesystem_is_listed_once_under_its_most_telling_path():
    found = disks.distinct([{"path": "/var/lib/glmtts", "device": 1}, {"path": "/", "device": 1}])
    assert found == [{"path": "/var/lib/glmtts"}]
