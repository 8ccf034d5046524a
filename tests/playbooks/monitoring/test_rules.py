"""The shipped rules, played by promtool: each fires for its condition, and only for that."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[3]
BOUND_S = 120
G1 = 'host="gpu01",port="7860"'
DISK = 'host="gpu01",mountpoint="/var/lib/glmtts",fstype="ext4"'


class Row(NamedTuple):
    """One case: the alert, the series that are fed in, when it is looked at, and what it is about."""

    alert: str
    series: dict[str, str]
    at: str
    id: str
    step: str = "5s"


SLOW = "2m"  # the step of conditions that take hours to show: 30 in an hour
LONG = "x200"


def growth_of(mb: str, *, used: str = "5000", started: str = "0") -> dict[str, str]:
    """The series of a service's GPU memory: what it holds in bytes; the card's use of 10000, its start in s."""
    card = 'host="gpu01",uuid="GPU-1",gpu="0"'
    return {
        f'tts_gpu_memory_bytes{{{G1},kind="reserved"}}': mb,
        f"tts_start_time_seconds{{{G1}}}": started + LONG,
        f"glmtts_gpu_memory_used_bytes{{{card}}}": used + LONG,
        f"glmtts_gpu_memory_total_bytes{{{card}}}": "10000" + LONG,
    }


def pace_of(ratio: str, *, texts: str = "0+2", long: str = "0", high_rate: str = "0") -> dict[str, str]:
    """The series of a service's pace: `ratio` to its baseline, and the counters of texts."""
    return {
        f"tts_rtf_ratio{{{G1}}}": ratio,
        f"tts_rtf_count{{{G1}}}": texts + LONG,
        f'tts_requests_total{{{G1},engine="glm",outcome="ok"}}': texts + LONG,
        f"tts_long_texts_total{{{G1}}}": long + LONG,
        f"tts_32khz_total{{{G1}}}": high_rate + LONG,
    }


GROWS = growth_of("4e9+3e6x200")
RESTARTS = f'tts_worker_restarts_total{{{G1},reason="died"}}'
UP = f'probe_success{{job="healthz",{G1}}}'
CODE = f'probe_http_status_code{{job="healthz",{G1}}}'
FIRING = [
    Row(
        "GpuHot",
        {'glmtts_gpu_temperature_celsius{host="gpu01",uuid="GPU-1",gpu="0"}': "90x100"},
        "90s",
        "a hot card",
    ),
    Row("InstanceDown", {UP: "1 1 0x100", CODE: "200 200 0x100"}, "40s", "no answer"),
    Row("InstanceSick", {UP: "0x100", CODE: "503x100"}, "40s", "says it is sick"),
    Row("ServiceNotRunning", {f'glmtts_unit_state{{state="failed",{G1}}}': "1x100"}, "40s", "unit failed"),
    Row(
        "ServiceNotRunning",
        {f'glmtts_unit_state{{state="inactive",{G1}}}': "1x100"},
        "40s",
        "unit inactive",
    ),
    Row(
        "StartLimitHit",
        {f'glmtts_unit_result{{result="start-limit-hit",{G1}}}': "1x100"},
        "40s",
        "start limit",
    ),
    Row("RestartingOften", {f"glmtts_unit_restarts_total{{{G1}}}": "0x20 1x20 2x20 4x40"}, "6m", "restarts"),
    Row(
        "QueueFull",
        {f"tts_queue_depth{{{G1}}}": "8x100", f"tts_queue_limit{{{G1}}}": "8x100"},
        "2m",
        "full queue",
    ),
    Row(
        "OutOfGpuMemory",
        {f'tts_requests_total{{{G1},outcome="out_of_memory"}}': "0x10 1x60"},
        "1m",
        "out of GPU memory once",
    ),
    Row(
        "OutOfGpuMemory",
        {
            f'tts_requests_total{{{G1},outcome="out_of_memory"}}': "_x3 3x60",
            f"tts_start_time_seconds{{{G1}}}": "_x3 0x60",
        },
        "40s",
        "out of GPU memory before the first look at the process",
    ),
    Row(
        "SynthesisFailing",
        {f'tts_requests_total{{{G1},outcome="error"}}': "0x10 2x5 4x60"},
        "1m30s",
        "speech fails again and again",
    ),
    Row("HostDown", {'up{job="node",host="gpu01"}': "0x100"}, "40s", "host down"),
    Row(
        "DiskFull",
        {
            f"node_filesystem_avail_bytes{{{DISK}}}": "4x100",
            f"node_filesystem_size_bytes{{{DISK}}}": "100x100",
        },
        "40s",
        "96 % used",
    ),
    Row(
        "InodesFull",
        {f"node_filesystem_files_free{{{DISK}}}": "4x100", f"node_filesystem_files{{{DISK}}}": "100x100"},
        "40s",
        "96 % of the inodes used",
    ),
    Row("LogRunaway", {f"glmtts_log_size_bytes{{{G1}}}": "501e6x100"}, "30s", "a log of 501 MB"),
    Row(
        "BatchFaults", {f'glmtts_log_signature_total{{fault="batch",{G1}}}': "0x10 1x90"}, "1m", "a bad batch"
    ),
    Row(
        "VramHigh",
        {
            'glmtts_gpu_memory_used_bytes{host="gpu01",gpu="0"}': "91x100",
            'glmtts_gpu_memory_total_bytes{host="gpu01",gpu="0"}': "100x100",
        },
        "6m",
        "91 % of the card's memory",
    ),
    Row(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="79"}': "_ 5x100"},
        "40s",
        "Xid 79",
    ),
    Row(
        "GpuRecoveryAction",
        {'glmtts_gpu_recovery_action{host="gpu01",action="Reset",uuid="GPU-1"}': "1x100"},
        "40s",
        "driver asks for a reset",
    ),
    Row(
        "FactsMissing",
        {'glmtts_collect_success{host="gpu01",source="gpu"}': "0x100"},
        "2m",
        "collector failed",
    ),
    Row(
        "FactsMissing",
        {'node_textfile_mtime_seconds{host="gpu01",file="/var/x/glmtts.prom"}': "0x100"},
        "4m",
        "collector stopped",
    ),
]
FIRING += [
    Row("VramGrowth", GROWS, "5h", "90 MB an hour that clearing does not free", SLOW),
    Row("VramGrowth", {**GROWS, RESTARTS: "2x200"}, "5h", "growth, and restarts of long ago", SLOW),
    Row("SlowSynthesis", pace_of("2.1x200"), "40m", "twice as slow as it used to be", SLOW),
    Row(
        "SlowSynthesis",
        pace_of("2.1x200", long="0+0.5", high_rate="0+0.4"),
        "40m",
        "slow, with fewer than half long or at 32 kHz",
        SLOW,
    ),
]
QUIET = [
    Row("VramGrowth", growth_of("4e9+6e6x90 4.54e9x100"), "5h", "growth that ended an hour ago", SLOW),
    Row("VramGrowth", growth_of("4e9+3e6x60 4.18e9x58 4.5e9x80"), "5h", "growth with an hour of rest", SLOW),
    Row("VramGrowth", growth_of("4e9x89 4.2e9x29 4.5e9x80"), "5h", "two steps up in two hours", SLOW),
    Row("VramGrowth", growth_of("4e9+2.8e6x200"), "5h", "84 MB an hour", SLOW),
    Row(
        "VramGrowth", growth_of("4e9x75 5e9x125"), "5h30m", "one step up, as by a first text at 32 kHz", SLOW
    ),
    Row("VramGrowth", growth_of("4e9+3e6x147 4e9x50"), "5h", "growth that clearing ended just now", SLOW),
    Row("VramGrowth", growth_of("4e9+3e6x200", used="4999"), "5h", "a card that is half empty", SLOW),
    Row(
        "VramGrowth",
        growth_of("4e9+3e6x200", started="4000"),
        "5h",
        "a process of less than four hours",
        SLOW,
    ),
    Row("VramGrowth", {**GROWS, RESTARTS: "_x120 1x80"}, "5h", "another worker meanwhile", SLOW),
    Row("SlowSynthesis", pace_of("2x200"), "40m", "not slower than twice", SLOW),
    Row("SlowSynthesis", pace_of("2.1x200", texts="0"), "40m", "slow long ago, and idle since", SLOW),
    Row("SlowSynthesis", pace_of("2.1x200", texts="0+1"), "40m", "too few texts to tell", SLOW),
    Row("SlowSynthesis", pace_of("2.1x200", long="0+1"), "40m", "half of them long", SLOW),
    Row("SlowSynthesis", pace_of("2.1x200", high_rate="0+1"), "40m", "half of them at 32 kHz", SLOW),
    Row("SlowSynthesis", pace_of("1x15 3x2 1x180"), "34m", "slow for a moment", SLOW),
    Row(
        "GpuHot",
        {'glmtts_gpu_temperature_celsius{host="gpu01",uuid="GPU-1",gpu="0"}': "89x100"},
        "5m",
        "a warm card",
    ),
    Row(
        "GpuHot",
        {'glmtts_gpu_temperature_celsius{host="gpu01",uuid="GPU-1",gpu="0"}': "80x10 95x5 80x100"},
        "80s",
        "a card that was hot for a moment",
    ),
    Row("InstanceDown", {UP: "1x20 0 1x80", CODE: "200x20 0 200x80"}, "1m50s", "one missed check"),
    Row("InstanceDown", {UP: "0x100", CODE: "503x100"}, "2m", "sick is not down"),
    Row("InstanceSick", {UP: "0x100", CODE: "0x100"}, "2m", "down is not sick"),
    Row(
        "InstanceSick",
        {UP.replace("healthz", "readyz"): "0x100", CODE.replace("healthz", "readyz"): "503x100"},
        "2m",
        "not ready is not sick",
    ),
    Row("ServiceNotRunning", {f'glmtts_unit_state{{state="activating",{G1}}}': "1x100"}, "2m", "starting"),
    Row(
        "StartLimitHit",
        {
            f'glmtts_unit_result{{result="{why}",{G1}}}': "1x100"
            for why in ("success", "exit-code", "oom-kill")
        },
        "2m",
        "another result of the unit",
    ),
    Row(
        "StartLimitHit",
        {f'glmtts_unit_result{{result="start-limit-hit",{G1}}}': "0x100"},
        "2m",
        "a start limit that was hit once",
    ),
    Row("RestartingOften", {f"glmtts_unit_restarts_total{{{G1}}}": "0x20 1x20 2x80"}, "5m", "two restarts"),
    Row(
        "OutOfGpuMemory",
        {f'tts_requests_total{{{G1},outcome="ok"}}': "0+1x100"},
        "2m",
        "speech that works",
    ),
    Row(
        "OutOfGpuMemory",
        {
            f'tts_requests_total{{{G1},outcome="out_of_memory"}}': "3x100",
            f"tts_start_time_seconds{{{G1}}}": "0x100",
        },
        "3m",
        "ran out of GPU memory long ago",
    ),
    Row(
        "SynthesisFailing",
        {f'tts_requests_total{{{G1},outcome="bad_request"}}': "0+1x100"},
        "2m",
        "bad requests are their senders' fault",
    ),
    Row(
        "QueueFull",
        {f"tts_queue_depth{{{G1}}}": "7x100", f"tts_queue_limit{{{G1}}}": "8x100"},
        "2m",
        "one free place",
    ),
    Row(
        "QueueFull",
        {
            f"tts_queue_depth{{{G1}}}": "8x100",
            f"tts_queue_limit{{{G1}}}": "8x100",
            f"tts_draining{{{G1}}}": "1x100",
        },
        "2m",
        "a drained instance",
    ),
    Row(
        "DiskFull",
        {
            f"node_filesystem_avail_bytes{{{DISK}}}": "5x100",
            f"node_filesystem_size_bytes{{{DISK}}}": "100x100",
        },
        "2m",
        "95 % used",
    ),
    Row(
        "InodesFull",
        {f"node_filesystem_files_free{{{DISK}}}": "0x100", f"node_filesystem_files{{{DISK}}}": "0x100"},
        "2m",
        "a file system without inodes",
    ),
    Row(
        "VramHigh",
        {
            'glmtts_gpu_memory_used_bytes{host="gpu01",gpu="0"}': "90x100",
            'glmtts_gpu_memory_total_bytes{host="gpu01",gpu="0"}': "100x100",
        },
        "6m",
        "90 % of the card's memory",
    ),
    Row("LogRunaway", {f"glmtts_log_size_bytes{{{G1}}}": "499e6x100"}, "2m", "a log of 499 MB"),
    Row(
        "BatchFaults", {f'glmtts_log_signature_total{{fault="batch",{G1}}}': "3x100"}, "1m", "old bad batches"
    ),
    Row(
        "BatchFaults",
        {f'glmtts_log_signature_total{{fault="cuda_oom",{G1}}}': "0x10 1x90"},
        "1m",
        "another fault",
    ),
    Row(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="31"}': "_ 5x100"},
        "40s",
        "an application's Xid",
    ),
    Row(
        "XidError",
        {'glmtts_xid_last_timestamp_seconds{host="gpu01",xid="79"}': "_ 5x200"},
        "6m",
        "an old Xid",
    ),
    Row(
        "GpuRecoveryAction",
        {'glmtts_gpu_recovery_action{host="gpu01",action="None",uuid="GPU-1"}': "1x100"},
        "2m",
        "driver is content",
    ),
    Row("HostDown", {'up{job="node",host="gpu01"}': "1x100"}, "2m", "a host that answers"),
    Row("HostDown", {'up{job="node",host="gpu01"}': "1x20 0 1x80"}, "1m50s", "one missed scrape of a host"),
    Row("HostDown", {f'up{{job="glmtts",{G1}}}': "0x100"}, "2m", "an instance is no host"),
    Row(
        "FactsMissing",
        {
            'glmtts_collect_success{host="gpu01",source="gpu"}': "1x100",
            'node_textfile_mtime_seconds{host="gpu01",file="/var/x/glmtts.prom"}': "0+5x100",
        },
        "4m",
        "a collector at work",
    ),
    Row(
        "FactsMissing",
        {'node_textfile_mtime_seconds{host="gpu01",file="/var/x/apt.prom"}': "0x100"},
        "4m",
        "another program's old facts",
    ),
]


def window_of(host, end="100000x200"):
    """A maintenance window of `host`."""
    return {f'glmtts_maintenance_until_timestamp_seconds{{host="{host}"}}': end}


DOWN = {UP: "0x100", CODE: "0x100"}
MORE = {
    "over": ("InstanceDown", {**DOWN, **window_of("gpu01", "10x100")}, "1m"),
    "another": ("InstanceDown", {**DOWN, **window_of("gpu02")}, "1m"),
    "soon": ("InstanceDown", {UP: "1x5 0x100", CODE: "200x5 0x100"}, "55s"),  # it dies at 30 s
}


def cases():
    """Every case of this file by a name of its own."""
    for kind, rows in (("fires", FIRING), ("quiet", QUIET)):
        for row in rows:
            yield f"{kind}: {row.id}", (row.alert, row.series, row.at, row.step)
    for row in FIRING:
        series = {**row.series, **window_of("gpu01")}
        yield f"maintenance: {row.id}", (row.alert, series, row.at, row.step)
    yield from ((name, (*case, "5s")) for name, case in MORE.items())


def as_test(alert, series, at, step):
    """One promtool test with an impossible expectation: that makes promtool print what it got."""
    return {
        "interval": step,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": at, "alertname": alert, "exp_alerts": [{"exp_labels": {"never": "so"}}]}
        ],
    }


def play(promtool, rules, folder, step, named):
    """Return what fires, by case. One call for all of a step: starting promtool is what takes the time."""
    asked = {case[0] for case in named.values()}
    groups = yaml.safe_load(rules.read_text("utf-8"))["groups"]
    for group in groups:
        group["rules"] = [rule for rule in group["rules"] if rule["alert"] in asked]
    (folder / f"{step}.rules.yml").write_text(json.dumps({"groups": groups}), encoding="utf-8")
    test = {
        "rule_files": [str(folder / f"{step}.rules.yml")],
        "evaluation_interval": step,
        "tests": [as_test(*case) for case in named.values()],
    }
    path = folder / f"{step}.yml"
    path.write_text(json.dumps(test), encoding="utf-8")
    done = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, timeout=BOUND_S, check=False
    )
    said = done.stdout + done.stderr
    answers = [part.partition("got:")[2] for part in said.split("alertname:")[1:]]
    assert len(answers) == len(named), said
    return dict(zip(named, answers, strict=True))


@pytest.fixture(scope="module")
def fired(rendered, tmp_path_factory):
    """What promtool says that fires, by case."""
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool is not installed (tests/debian_packages.sh)")
    folder, named = tmp_path_factory.mktemp("promtool"), dict(cases())
    found = {}
    for step in ("5s", SLOW):
        part = {name: case for name, case in named.items() if case[-1] == step}
        found |= play(promtool, rendered / "glmtts.rules.yml", folder, step, part)
    return found


@pytest.mark.parametrize("row", FIRING, ids=lambda row: row.id)
def test_it_fires_with_the_labels_the_remediator_goes_by(fired, row):
    got = fired[f"fires: {row.id}"]
    assert 'host="gpu01"' in got
    assert "severity=" in got
    if any("port=" in name for name in row.series):
        assert 'port="7860"' in got


@pytest.mark.parametrize("name", [row.id for row in QUIET])
def test_it_stays_quiet(fired, name):
    assert 'host="gpu01"' not in fired[f"quiet: {name}"]


@pytest.mark.parametrize("name", [row.id for row in FIRING])
def test_a_host_under_maintenance_is_not_reported(fired, name):
    assert 'host="gpu01"' not in fired[f"maintenance: {name}"]


@pytest.mark.parametrize("rows", [FIRING, QUIET], ids=["fires", "quiet"])
def test_every_rule_has_a_case_of_either_kind(rendered, rows):
    groups = yaml.safe_load((rendered / "glmtts.rules.yml").read_text("utf-8"))["groups"]
    rules = {rule["alert"] for group in groups for rule in group["rules"]}
    assert rules - {row.alert for row in rows} == set()


def test_every_xid_that_the_catalogue_acts_on_raises_the_alert(rendered):
    (rules,) = yaml.safe_load((rendered / "glmtts.rules.yml").read_text("utf-8"))["groups"]
    expr = next(rule["expr"] for rule in rules["rules"] if rule["alert"] == "XidError")
    watched = set(re.search(r'xid=~"([0-9|]+)"', expr)[1].split("|"))
    faults = yaml.safe_load((ROOT / "remediator/faults.yml").read_text("utf-8"))["faults"].values()
    acted_on = {
        str(code) for fault in faults for proof in fault.get("proved_by", []) for code in proof.get("xid", [])
    }
    assert acted_on > {"46", "79", "119"}
    assert acted_on - watched == set()


def test_a_window_that_is_over_hides_nothing(fired):
    assert 'host="gpu01"' in fired["over"]


def test_another_hosts_maintenance_hides_nothing(fired):
    assert 'host="gpu01"' in fired["another"]


def test_a_dead_instance_is_found_within_half_a_minute(fired):
    assert 'host="gpu01"' in fired["soon"]
