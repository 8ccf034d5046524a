"""The collector on the GPU hosts: figures for node exporter, whatever is missing or hostile."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[3] / "playbooks/roles/host_monitoring/files/glmtts_metrics.py"
BOUND_S = 60
BOOT = 1_795_741_200.0  # 2026-11-27T01:00:00Z
XML = """<?xml version="1.0" ?>
<!DOCTYPE nvidia_smi_log SYSTEM "nvsmi_device_v12.dtd">
<nvidia_smi_log>
  <gpu id="00000000:1A:00.0">
    <uuid>GPU-1</uuid>
    <fb_memory_usage><total>81559 MiB</total><used>73403 MiB</used></fb_memory_usage>
    <utilization><gpu_util>N/A</gpu_util></utilization>
    <temperature><gpu_temp>41 C</gpu_temp></temperature>
    <ecc_errors>
      <volatile><dram_uncorrectable>9</dram_uncorrectable></volatile>
      <aggregate>
        <sram_correctable>2</sram_correctable><dram_correctable>5</dram_correctable>
        <sram_uncorrectable_parity>1</sram_uncorrectable_parity><dram_uncorrectable>3</dram_uncorrectable>
        <sram_threshold_exceeded>No</sram_threshold_exceeded>
      </aggregate>
    </ecc_errors>
    <remapped_rows>
      <remapped_row_corr>4</remapped_row_corr><remapped_row_unc>1</remapped_row_unc>
      <remapped_row_pending>Yes</remapped_row_pending><remapped_row_failure>No</remapped_row_failure>
    </remapped_rows>
    <gpu_recovery_action>Reset</gpu_recovery_action>
  </gpu>
  <gpu id="00000000:1B:00.0"><uuid>GPU-2</uuid></gpu>
</nvidia_smi_log>
"""


@pytest.fixture(scope="module")
def collector():
    spec = importlib.util.spec_from_file_location("glmtts_metrics", PROGRAM)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stand_in(folder, name, script):
    """Put a short shell script in the place of a program."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def collect(tmp_path, *arguments, nvidia_smi="exit 9"):
    """Run the collector as its timer does and return the lines it wrote."""
    stand_in(tmp_path, "systemctl", "printf 'ActiveState=failed\\nResult=start-limit-hit\\nNRestarts=5\\n'")
    driver = stand_in(tmp_path, "nvidia-smi", nvidia_smi)
    (tmp_path / "kern.log").touch()
    out = tmp_path / "glmtts.prom"
    fixed = [
        "--out",
        str(out),
        "--maintenance-file",
        str(tmp_path / "until"),
        "--kernel-log",
        str(tmp_path / "kern.log"),
    ]
    subprocess.run(
        [sys.executable, str(PROGRAM), *fixed, "--nvidia-smi", str(driver), *arguments],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        timeout=BOUND_S,
    )
    return out.read_text(encoding="utf-8").splitlines()


def test_units_tell_state_result_and_restarts(tmp_path):
    lines = collect(tmp_path, "--instance", "7860")
    assert 'glmtts_unit_state{port="7860",state="failed"} 1' in lines
    assert 'glmtts_unit_result{port="7860",result="start-limit-hit"} 1' in lines
    assert 'glmtts_unit_restarts_total{port="7860"} 5' in lines


def test_cards_tell_memory_temperature_and_the_drivers_advice(tmp_path):
    lines = collect(tmp_path, nvidia_smi=f"cat <<'END'\n{XML}END")
    assert 'glmtts_gpu_memory_used_bytes{uuid="GPU-1",gpu="0"} 76968624128.0' in lines
    assert 'glmtts_gpu_temperature_celsius{uuid="GPU-1",gpu="0"} 41.0' in lines
    assert 'glmtts_gpu_recovery_action{uuid="GPU-1",action="Reset"} 1' in lines


def test_cards_tell_the_damage_of_their_memory(tmp_path):
    lines = collect(tmp_path, nvidia_smi=f"cat <<'END'\n{XML}END")
    card = 'uuid="GPU-1",gpu="0"'
    assert f'glmtts_gpu_ecc_errors_total{{{card},kind="corrected"}} 7' in lines
    assert f'glmtts_gpu_ecc_errors_total{{{card},kind="uncorrected"}} 4' in lines
    assert f"glmtts_gpu_remapped_rows_correctable{{{card}}} 4" in lines
    assert f"glmtts_gpu_remapped_rows_uncorrectable{{{card}}} 1" in lines
    assert f"glmtts_gpu_remapped_rows_pending{{{card}}} 1" in lines
    assert f"glmtts_gpu_remapped_rows_failure{{{card}}} 0" in lines


def test_what_a_driver_cannot_tell_is_left_out(tmp_path):
    lines = collect(tmp_path, nvidia_smi=f"cat <<'END'\n{XML}END")
    assert [line for line in lines if "GPU-2" in line or "utilization" in line] == []


def test_a_broken_driver_costs_only_its_own_figures(tmp_path):
    lines = collect(tmp_path, "--instance", "7860")
    assert 'glmtts_collect_success{source="gpu"} 0' in lines
    assert 'glmtts_collect_success{source="units"} 1' in lines
    assert 'glmtts_unit_restarts_total{port="7860"} 5' in lines


def test_a_host_without_cards_says_nothing_about_them(tmp_path):
    lines = collect(tmp_path, "--nvidia-smi", "")
    assert [line for line in lines if 'source="gpu"' in line] == []


def test_a_maintenance_window_is_told_with_its_end(tmp_path):
    (tmp_path / "until").write_text("2026-11-27T01:00:00Z\n", encoding="ascii")
    assert f"glmtts_maintenance_until_timestamp_seconds {BOOT:.0f}" in collect(tmp_path)


def test_without_a_window_its_end_is_long_ago(tmp_path):
    assert "glmtts_maintenance_until_timestamp_seconds 0" in collect(tmp_path)


def test_xids_are_counted_by_number_since_this_boot(collector):
    text = (
        "2026-11-27T00:59:00,000000+00:00 NVRM: Xid (PCI:0000:05:00): 79, pid='<unknown>', fell off the bus\n"
        "2026-11-27T01:00:10,000000+00:00 NVRM: Xid (PCI:0000:05:00): 31, pid=1, MMU fault\n"
        "2026-11-27T01:00:20,000000+00:00 NVRM: Xid (PCI:0000:05:00): 31, pid=1, MMU fault\n"
        "2026-11-27T01:00:30,000000+00:00 a user wrote about Xid 48\n"
    )
    assert collector.xid_lines(text, BOOT) == [
        'glmtts_xid_total{xid="31"} 2',
        f'glmtts_xid_last_timestamp_seconds{{xid="31"}} {BOOT + 20:.0f}',
    ]


@pytest.mark.parametrize(
    ("text", "written"),
    [("plain", "plain"), ('a"b', 'a\\"b'), ("a\\b", "a\\\\b"), ("a\nb", "a b")],
)
def test_label_values_are_escaped(collector, text, written):
    assert collector.escape(text) == written
