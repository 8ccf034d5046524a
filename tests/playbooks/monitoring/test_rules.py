"""The shipped rules, played by promtool: each fires for its condition, and only for that."""

import json
import shutil
import subprocess

import pytest

BOUND_S = 120
G1 = 'host="gpu01",port="7860"'
DISK = 'host="gpu01",mountpoint="/var/lib/glmtts",fstype="ext4"'


def fired(rendered, tmp_path, series, alert, at="5m", every="5s"):
    """Return the label sets with which `alert` fires `at` that time."""
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed (tests/debian_packages.sh)")
    test = {
        "rule_files": [str(rendered / "glmtts.rules.yml")],
        "evaluation_interval": "5s",
        "tests": [
            {
                "interval": every,
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                # An impossible expectation makes promtool print what it got.
                "alert_rule_test": [
                    {"eval_time": at, "alertname": alert, "exp_alerts": [{"exp_labels": {"never": "so"}}]}
                ],
            }
        ],
    }
    (tmp_path / "test.yml").write_text(json.dumps(test), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "test.yml")],
        capture_output=True,
        text=True,
        timeout=BOUND_S,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "never" in said, said  # else promtool did not get as far
    return said.partition("got:")[2]


UP = f'probe_success{{job="healthz",{G1}}}'
CODE = f'probe_http_status_code{{job="healthz",{G1}}}'
FIRING = [
    pytest.param("InstanceDown", {UP: "1 1 0x100", CODE: "200 200 0x100"}, "40s", id="no answer"),
    pytest.param("InstanceSick", {UP: "0x100", CODE: "503x100"}, "40s", id="says it is sick"),
    pytest.param(
        "ServiceNotRunning", {f'glmtts_unit_state{{state="failed",{G1}}}': "1x100"}, "40s", id="unit failed"
    ),
    pytest.param(
        "ServiceNotRunning",
        {f'glmtts_unit_state{{state="inactive",{G1}}}': "1x100"},
        "40s",
        id="unit inactive",
    ),
    pytest.param(
        "StartLimitHit",
        {f'glmtts_unit_result{{result="start-limit-hit",{G1}}}': "1x100"},
        "40s",
        id="start limit",
    ),
    pytest.param(
        "RestartingOften", {f"glmtts_unit_restarts_total{{{G1}}}": "0x20 1x20 2x20 4x40"}, "6m", id="restarts"
    ),
    pytest.param(
        "QueueFull",
        {f"tts_queue_depth{{{G1}}}": "8x100", f"tts_queue_limit{{{G1}}}": "8x100"},
        "2m",
        id="full queue",
    ),
    pytest.param("HostDown", {'up{job="node",host="gpu01"}': "0x100"}, "40s", id="host down"),
    pytest.param(
        "DiskFull",
        {
            f"node_filesystem_avail_bytes{{{DISK}}}": "4x100",
            f"node_filesystem_size_bytes{{{DISK}}}": "100x100",
        },
        "40s",
        id="96 % used",
    ),
    pytest.param(
        "InodesFull",
        {f"node_filesystem_files_free{{{DISK}}}": "4x100", f"node_filesystem_files{{{DISK}}}": "100x100"},
        "40s",
        id="96 % of the inodes used",
    ),
    pytest.param(
        "VramHigh",
        {
            'glmtts_gpu_memory_used_bytes{host="gpu01",gpu="0"}': "91x100",
            'glmtts_gpu_memory_total_bytes{host="gpu01",gpu="0"}': "100x100",
        },
        "6m",
        id="91 % of the card's memory",
    ),
    pytest.param(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="79"}': "_ 5x100"},
        "40s",
        id="Xid 79",
    ),
    pytest.param(
        "GpuRecoveryAction",
        {'glmtts_gpu_recovery_action{host="gpu01",action="Reset",uuid="GPU-1"}': "1x100"},
        "40s",
        id="driver asks for a reset",
    ),
    pytest.param(
        "FactsMissing",
        {'glmtts_collect_success{host="gpu01",source="gpu"}': "0x100"},
        "2m",
        id="collector failed",
    ),
    pytest.param(
        "FactsMissing",
        {'node_textfile_mtime_seconds{host="gpu01",file="/var/x/glmtts.prom"}': "0x100"},
        "4m",
        id="collector stopped",
    ),
]
QUIET = [
    pytest.param(
        "InstanceDown", {UP: "1x20 0 1x80", CODE: "200x20 0 200x80"}, "1m50s", id="one missed check"
    ),
    pytest.param("InstanceDown", {UP: "0x100", CODE: "503x100"}, "2m", id="sick is not down"),
    pytest.param("InstanceSick", {UP: "0x100", CODE: "0x100"}, "2m", id="down is not sick"),
    pytest.param(
        "InstanceSick",
        {UP.replace("healthz", "readyz"): "0x100", CODE.replace("healthz", "readyz"): "503x100"},
        "2m",
        id="not ready is not sick",
    ),
    pytest.param(
        "ServiceNotRunning", {f'glmtts_unit_state{{state="activating",{G1}}}': "1x100"}, "2m", id="starting"
    ),
    pytest.param(
        "RestartingOften", {f"glmtts_unit_restarts_total{{{G1}}}": "0x20 1x20 2x80"}, "5m", id="two restarts"
    ),
    pytest.param(
        "QueueFull",
        {f"tts_queue_depth{{{G1}}}": "7x100", f"tts_queue_limit{{{G1}}}": "8x100"},
        "2m",
        id="one free place",
    ),
    pytest.param(
        "QueueFull",
        {
            f"tts_queue_depth{{{G1}}}": "8x100",
            f"tts_queue_limit{{{G1}}}": "8x100",
            f"tts_draining{{{G1}}}": "1x100",
        },
        "2m",
        id="a drained instance",
    ),
    pytest.param(
        "DiskFull",
        {
            f"node_filesystem_avail_bytes{{{DISK}}}": "5x100",
            f"node_filesystem_size_bytes{{{DISK}}}": "100x100",
        },
        "2m",
        id="95 % used",
    ),
    pytest.param(
        "InodesFull",
        {f"node_filesystem_files_free{{{DISK}}}": "0x100", f"node_filesystem_files{{{DISK}}}": "0x100"},
        "2m",
        id="a file system without inodes",
    ),
    pytest.param(
        "VramHigh",
        {
            'glmtts_gpu_memory_used_bytes{host="gpu01",gpu="0"}': "90x100",
            'glmtts_gpu_memory_total_bytes{host="gpu01",gpu="0"}': "100x100",
        },
        "6m",
        id="90 % of the card's memory",
    ),
    pytest.param(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="31"}': "_ 5x100"},
        "40s",
        id="an application's Xid",
    ),
    pytest.param(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="79"}': "_ 5x200"},
        "6m",
        id="an old Xid",
    ),
    pytest.param(
        "GpuRecoveryAction",
        {'glmtts_gpu_recovery_action{host="gpu01",action="None",uuid="GPU-1"}': "1x100"},
        "2m",
        id="driver is content",
    ),
]


@pytest.mark.parametrize(("alert", "series", "at"), FIRING)
def test_it_fires_with_the_labels_the_remediator_goes_by(rendered, tmp_path, alert, series, at):
    got = fired(rendered, tmp_path, series, alert, at)
    assert 'host="gpu01"' in got
    assert "severity=" in got
    if any("port=" in name for name in series):
        assert 'port="7860"' in got


@pytest.mark.parametrize(("alert", "series", "at"), QUIET)
def test_it_stays_quiet(rendered, tmp_path, alert, series, at):
    assert 'host="gpu01"' not in fired(rendered, tmp_path, series, alert, at)


@pytest.mark.parametrize(("alert", "series", "at"), FIRING)
def test_a_host_under_maintenance_is_not_reported(rendered, tmp_path, alert, series, at):
    window = {'glmtts_maintenance_until_timestamp_seconds{host="gpu01"}': "100000x100"}
    assert 'host="gpu01"' not in fired(rendered, tmp_path, {**series, **window}, alert, at)


def test_a_window_that_is_over_hides_nothing(rendered, tmp_path):
    series = {
        UP: "0x100",
        CODE: "0x100",
        'glmtts_maintenance_until_timestamp_seconds{host="gpu01"}': "10x100",
    }
    assert 'host="gpu01"' in fired(rendered, tmp_path, series, "InstanceDown", "1m")


def test_another_hosts_maintenance_hides_nothing(rendered, tmp_path):
    window = {'glmtts_maintenance_until_timestamp_seconds{host="gpu02"}': "100000x100"}
    got = fired(rendered, tmp_path, {UP: "0x100", CODE: "0x100", **window}, "InstanceDown", "1m")
    assert 'host="gpu01"' in got


def test_a_dead_instance_is_found_within_half_a_minute(rendered, tmp_path):
    series = {UP: "1x5 0x100", CODE: "200x5 0x100"}  # it dies at 30 s
    assert 'host="gpu01"' in fired(rendered, tmp_path, series, "InstanceDown", "55s")
