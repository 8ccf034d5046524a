"""Logs, kernel lines, driver answers and unit states are read as they really look, or as unknown."""

import json

import pytest
from glmtts_remedy import clock, gpu, kernel, logs, units
from glmtts_remedy.errors import HelperError

XML = """<?xml version="1.0" ?><nvidia_smi_log>
<gpu id="00000000:1A:00.0"><product_name>NVIDIA L40S</product_name><uuid>GPU-aa</uuid>
<persistence_mode>Enabled</persistence_mode><mig_mode><current_mig>N/A</current_mig></mig_mode>
<gpu_recovery_action>Reset</gpu_recovery_action>
<fb_memory_usage><total>46068 MiB</total><used>812 MiB</used></fb_memory_usage>
<utilization><gpu_util>7 %</gpu_util></utilization><temperature><gpu_temp>41 C</gpu_temp></temperature>
<processes><process_info><pid>999999999</pid><process_name>python</process_name>
<used_memory>800 MiB</used_memory></process_info></processes></gpu>
<gpu id="00000000:1B:00.0"><product_name>NVIDIA A100</product_name><uuid>GPU-bb</uuid>
<persistence_mode>Disabled</persistence_mode><mig_mode><current_mig>Enabled</current_mig></mig_mode>
<fb_memory_usage><total>81920 MiB</total><used>0 MiB</used></fb_memory_usage>
<utilization><gpu_util>N/A</gpu_util></utilization><temperature><gpu_temp>N/A</gpu_temp></temperature>
<processes></processes></gpu></nvidia_smi_log>"""


def test_a_card_is_read_with_its_processes_and_the_drivers_own_verdict():
    card = gpu.parse(XML)[0]
    assert card == {
        "uuid": "GPU-aa",
        "index": 0,
        "pci": "00000000:1A:00.0",
        "minor": 0,
        "name": "NVIDIA L40S",
        "memory_used_mb": 812.0,
        "memory_total_mb": 46068.0,
        "utilization_pct": 7.0,
        "temperature_c": 41.0,
        "recovery_action": "Reset",
        "mig": False,
        "persistence": True,
        "processes": [{"pid": 999999999, "name": "python", "used_mb": 800.0, "instance": None}],
    }


def test_what_a_driver_does_not_know_is_unknown_and_not_zero():
    card = gpu.parse(XML)[1]
    assert (card["utilization_pct"], card["temperature_c"], card["recovery_action"]) == (None, None, None)
    assert card["mig"] is True


def test_an_answer_that_is_no_xml_is_an_error():
    with pytest.raises(HelperError, match="no XML"):
        gpu.parse("NVIDIA-SMI has failed")


def test_the_drivers_words_are_passed_on(config, program):
    program("nvidia-smi", "echo 'Unable to determine the device handle: GPU is lost'; exit 15")
    with pytest.raises(HelperError, match="GPU is lost") as caught:
        gpu.read(config)
    assert caught.value.facts["rc"] == 15


KERNEL = [
    "2026-11-27T00:00:01,000000+00:00 NVRM: Xid (PCI:0000:05:00): 13, pid=1, of an earlier boot",
    "2026-11-27T00:10:01,000000+00:00 NVRM: Xid (PCI:0000:05:00): 79, GPU has fallen off the bus.",
    "2026-11-27T00:10:02,000000+00:00 usb 1-1: new device",
    "2026-11-27T00:10:03,000000+00:00 Out of memory: Killed process 4242 (python)",
    "NVRM: Xid (PCI:0000:06:00): 154, GPU recovery action changed to 0x1 (GPU Reset Required)",
]


def test_only_gpu_and_memory_lines_of_this_boot_are_picked():
    booted_at = clock.parse_utc("2026-11-27T00:05:00Z")
    found = kernel.events(KERNEL, booted_at)
    assert [(event["kind"], event["xid"], event["time"]) for event in found] == [
        ("xid", 79, "2026-11-27T00:10:01.000Z"),
        ("oom_kill", None, "2026-11-27T00:10:03.000Z"),
        ("xid", 154, None),
    ]
    assert found[0]["pci"] == "PCI:0000:05:00"


def test_a_host_without_the_kernels_file_has_no_kernel_lines(config):
    assert kernel.messages(config) == []


def test_lines_without_a_time_belong_to_the_line_before(config, tmp_path):
    (tmp_path / "log/7860/error.log").write_text(
        "2026-11-27T01:02:03.123Z ERROR request=- tts: it broke\nTraceback (most recent call last):\n"
    )
    lines = logs.error_log(config, config.instances["7860"])
    assert [line["time"] for line in lines] == ["2026-11-27T01:02:03.123Z"] * 2


def test_a_binary_log_of_any_size_is_read_in_bounds(config, tmp_path):
    (tmp_path / "log/7860/error.log").write_bytes(bytes(range(256)) * 40_000)
    lines = logs.error_log(config, config.instances["7860"])
    assert 0 < len(lines) <= logs.LINES
    assert all(len(line["text"]) <= logs.LONGEST_LINE and line["text"].isprintable() for line in lines)


def test_one_line_larger_than_what_is_read_is_cut_and_not_lost(config, tmp_path):
    (tmp_path / "log/7860/error.log").write_text("x" * (1 << 20))
    assert logs.error_log(config, config.instances["7860"])[0]["text"] == "x" * logs.LONGEST_LINE


def test_the_newest_hundred_lines_of_both_sources_are_kept_in_order():
    def lines(source: str, minute: str) -> list[dict[str, object]]:
        stamp = f"2026-11-27T00:{minute}:"
        return [{"source": source, "time": f"{stamp}{n:02d}.000Z", "text": str(n)} for n in range(60)]

    first, second = lines("error.log", "00"), lines("journal", "01")
    found = logs.newest(second + first)
    assert len(found) == 100
    assert found[0]["time"] == "2026-11-27T00:00:20.000Z"
    assert found[-1] == second[-1]


def test_journal_lines_with_bytes_that_are_no_text_are_read(config, program):
    entry = {"__REALTIME_TIMESTAMP": "1800000000000000", "MESSAGE": [72, 105, 255]}
    program("journalctl", f"echo '{json.dumps(entry)}'; echo 'not json'")
    assert logs.journal(config.instances["7860"]) == [
        {"source": "journal", "time": "2027-01-15T08:00:00.000Z", "text": "Hi\ufffd"}
    ]


SHOWN = """Id=glm-tts@7860.service
LoadState=loaded
ActiveState=failed
SubState=failed
Result=signal
MainPID=0
ExecMainCode=2
ExecMainStatus=9
NRestarts=3
ExecMainStartTimestampMonotonic=0"""


def test_a_units_state_is_read_with_the_signal_that_ended_it(config, program):
    program("systemctl", f"cat <<'X'\n{SHOWN}\n\nId=glm-tts@7861.service\nLoadState=not-found\nX")
    found = units.states(["glm-tts@7860.service", "glm-tts@7861.service"])
    assert found["glm-tts@7860.service"] == {
        "load": "loaded",
        "active": "failed",
        "sub": "failed",
        "result": "signal",
        "main_pid": None,
        "exec_code": "killed",
        "exec_status": 9,
        "n_restarts": 3,
        "started_at": None,
    }
    assert found["glm-tts@7861.service"]["load"] == "not-found"


def test_a_restart_clears_the_start_limit_first(config, program, tmp_path):
    shown = "Id=glm-tts@7860.service\nActiveState=active\nMainPID=7"
    program("systemctl", f"echo \"$1 $2\" >> {tmp_path}/calls\n[ $1 = show ] && printf '{shown}'; exit 0")
    answer = units.restart(config, config.instances["7860"])
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls[:2] == ["reset-failed glm-tts@7860.service", "restart glm-tts@7860.service"]
    assert (answer["active"], answer["main_pid"]) == ("active", 7)
