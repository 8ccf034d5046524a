"""The simulated nvidia-smi answers as the real one: words and codes of its manual page and of real calls."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.lab.simulations import nvidia_smi_program
from tests.sim.nvidia_smi import state
from tests.unit.sim.conftest import UUID_0, UUID_1, Driver

as_root = pytest.mark.skipif("__import__('os').geteuid() != 0", reason="resets need root, as on a real host")


def test_lists_devices_by_name_and_uuid(driver):
    code, text = driver.ask("-L")
    assert code == 0
    assert text == f"GPU 0: NVIDIA L40S (UUID: {UUID_0})\nGPU 1: NVIDIA L40S (UUID: {UUID_1})\n"


def test_the_query_has_units_and_a_heading(driver):
    _, text = driver.ask("--query-gpu=index,memory.total,gpu_recovery_action", "--format=csv")
    assert text.splitlines()[:2] == ["index, memory.total [MiB], gpu_recovery_action", "0, 46068 MiB, None"]


def test_the_query_without_units_and_heading_is_bare_numbers(driver):
    _, text = driver.ask("--query-gpu=memory.total", "--format=csv,noheader,nounits", "-i", "1")
    assert text == "46068\n"


def test_an_idle_device_lists_no_process_and_no_empty_line(driver):
    assert driver.ask("--query-compute-apps=pid", "--format=csv,noheader") == (0, "")


def test_memory_follows_the_processes_that_name_the_device(driver):
    driver.add_process(4242, UUID_0, rss_mb=600)
    driver.add_process(4343, UUID_1, rss_mb=200, SIM_GPU_MB="9000")
    _, apps = driver.ask("--query-compute-apps=gpu_uuid,pid,used_memory", "--format=csv,noheader")
    assert apps == f"{UUID_0}, 4242, 600 MiB\n{UUID_1}, 4343, 9000 MiB\n"
    _, used = driver.ask("--query-gpu=memory.used", "--format=csv,noheader,nounits")
    assert used == "603\n9003\n"


def test_a_shell_that_inherits_the_variable_holds_nothing(driver):
    driver.add_process(4242, UUID_0, rss_mb=4)
    assert driver.ask("--query-compute-apps=pid", "--format=csv,noheader")[1] == ""


def test_the_xml_report_has_what_a_parser_looks_for(driver):
    driver.write({"recovery_action": "Reset", "temperature_c": 63})
    driver.add_process(4242, UUID_0, rss_mb=600)
    root = ET.fromstring(driver.ask("-q", "-x")[1])
    first = root.find("gpu")
    assert root.findtext("attached_gpus") == "2"
    assert first.get("id") == "00000000:1A:00.0"
    assert first.findtext("gpu_recovery_action") == "Reset"
    assert first.findtext("fb_memory_usage/used") == "603 MiB"
    assert first.findtext("temperature/gpu_temp") == "63 C"
    assert first.findtext("mig_mode/current_mig") == "Disabled"
    assert [p.findtext("pid") for p in first.findall("processes/process_info")] == ["4242"]


def test_the_text_report_names_the_recovery_action(driver):
    driver.write({"recovery_action": "Reboot"})
    assert "    GPU Recovery Action                   : Reboot" in driver.ask("-q")[1].splitlines()


@as_root
def test_a_reset_clears_what_asked_for_it(driver):
    driver.write({"recovery_action": "Reset"})
    code, text = driver.ask("--gpu-reset", "-i", UUID_0)
    assert (code, text.splitlines()[0]) == (0, "GPU 00000000:1A:00.0 was successfully reset.")
    assert driver.ask("--query-gpu=gpu_recovery_action", "--format=csv,noheader", "-i", "0")[1] == "None\n"


@as_root
def test_a_reset_does_not_cure_what_needs_a_reboot(driver):
    driver.write({"recovery_action": "Reboot"})
    driver.ask("--gpu-reset", "-i", "0")
    assert driver.ask("--query-gpu=gpu_recovery_action", "--format=csv,noheader", "-i", "0")[1] == "Reboot\n"


@as_root
@pytest.mark.parametrize(
    ("device", "code", "words"),
    [
        pytest.param(
            {"persistence": True}, 255, "In use by another client", id="persistence counts as a client"
        ),
        pytest.param({"reset": "in_use"}, 255, "In use by another client", id="held by nothing that shows"),
        pytest.param({"reset": "not_permitted"}, 4, "Insufficient Permissions", id="virtual device"),
        pytest.param({"mig": True}, 3, "Not Supported", id="never under MIG"),
        pytest.param({"off_bus": True}, 15, "GPU is lost", id="fell off the bus"),
    ],
)
def test_a_reset_is_refused(driver, device, code, words):
    driver.write(device)
    answer = driver.ask("--gpu-reset", "-i", UUID_0)
    assert answer[0] == code
    assert words in answer[1]


@as_root
def test_a_reset_is_refused_while_a_process_holds_the_device(driver):
    driver.add_process(4242, UUID_0, rss_mb=600)
    assert driver.ask("--gpu-reset", "-i", "0")[0] == 255


@as_root
def test_persistence_mode_is_switched_for_one_device(driver):
    driver.ask("-pm", "1", "-i", "1")
    _, text = driver.ask("--query-gpu=persistence_mode", "--format=csv,noheader")
    assert text == "Disabled\nEnabled\n"


@pytest.mark.parametrize(
    ("rest", "code", "words"),
    [
        pytest.param(
            {"driver": "not_loaded"}, 9, "couldn't communicate with the NVIDIA driver", id="no driver"
        ),
        pytest.param({"driver": "mismatch"}, 18, "Driver/library version mismatch", id="updated underneath"),
    ],
)
def test_a_driver_in_trouble_says_so(driver, rest, code, words):
    driver.write({}, **rest)
    answer = driver.ask("-q", "-x")
    assert answer[0] == code
    assert words in answer[1]


def test_a_lost_device_spoils_every_query(driver):
    driver.write({"off_bus": True})
    assert driver.ask("-q")[0] == 15


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        pytest.param(("-L", "-i", "7"), 6, id="no such device"),
        pytest.param(("--frobnicate",), 2, id="no such option"),
        pytest.param(("--query-gpu=colour", "--format=csv"), 2, id="no such field"),
        pytest.param(("--query-gpu=name",), 2, id="a query needs a format"),
    ],
)
def test_a_wrong_call_ends_with_its_code(driver, argv, code):
    assert driver.ask(*argv)[0] == code


def test_a_reboot_heals_what_a_reboot_heals(driver):
    driver.write({"off_bus": True, "recovery_action": "Reboot"}, driver="mismatch", boot_id="an earlier boot")
    _, text = driver.ask("--query-gpu=gpu_recovery_action", "--format=csv,noheader", "-i", "0")
    assert text == "None\n"


@pytest.mark.parametrize("first_process", ["/proc/1/stat", "/proc/none"])
def test_where_the_first_process_is_hidden_nothing_is_taken_for_a_reboot(driver, monkeypatch, first_process):
    boot_id = state._boot_id()
    monkeypatch.setattr(state, "FIRST_PROCESS", Path(first_process))
    driver.write({"recovery_action": "Reset"}, boot_id=boot_id)
    assert state.read(driver.folder).gpus[0].recovery_action == "Reset"


def test_every_call_is_in_the_journal_with_its_arguments(driver):
    driver.ask("-L")
    driver.ask("-q", "-x")
    assert driver.calls == [["-L"], ["-q", "-x"]]


def test_the_installed_file_runs_by_itself(tmp_path: Path, driver: Driver):
    program = tmp_path / "nvidia-smi"
    program.write_bytes(nvidia_smi_program())
    done = subprocess.run(
        [sys.executable, str(program), "-L"],
        env={"SIM_GPU_DIR": str(driver.folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("GPU 0: NVIDIA L40S"), done.stderr
