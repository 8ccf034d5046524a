"""A look ends in time and says what it could not find out, whatever hangs, blocks or is full of rubbish."""

import os
import time
from pathlib import Path

import pytest
from glmtts_remedy import disks, examine, gpu, logs, units
from glmtts_remedy.errors import HelperError

TOOLS = {
    "systemctl": "printf 'Id=glm-tts@7860.service\\nActiveState=active\\nMainPID=1\\n'",
    "journalctl": ":",
    "nvidia-smi": "echo '<x></x>'",
}
SHORT_S, PATIENT_S = 0.5, 120.0
HANGS = "exec sleep 30"  # beside the half second that it gets


@pytest.fixture(autouse=True)
def tools(program):
    """Every tool answers."""
    for name, script in TOOLS.items():
        program(name, script)


@pytest.fixture
def hurry(monkeypatch):
    """Give one probe little time, and all others as much as a busy machine takes."""

    def hurry(probe: str) -> None:
        asked = examine._questions
        limits = {probe: SHORT_S}
        monkeypatch.setattr(
            examine,
            "_questions",
            lambda config: {
                name: question._replace(timeout_s=limits.get(name, PATIENT_S))
                for name, question in asked(config).items()
            },
        )

    return hurry


def unanswered(found: dict) -> set[str]:
    """Return the probes without a value; nobody listens in these tests, so health is a proper answer."""
    return {name for name, state in found["probes"].items() if state != "ok"}


@pytest.mark.parametrize(
    ("tool", "probe"), [("systemctl", "units"), ("journalctl", "journal:7860"), ("nvidia-smi", "gpu")]
)
def test_a_tool_that_hangs_costs_its_own_answer_and_no_other(config, program, hurry, tool, probe):
    program(tool, HANGS)
    hurry(probe)
    found = examine.evidence(config)
    assert found["probes"][probe] == f"timeout after {SHORT_S:g} s"
    assert unanswered(found) <= {probe, "kernel"}


def test_a_tool_that_hangs_is_ended(program, tmp_path):
    program("systemctl", f"echo $$ > {tmp_path}/pid; {HANGS}")
    with pytest.raises(HelperError):
        units.states(["glm-tts@7860.service"], timeout_s=2)
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_dead_mount_costs_its_own_answer_and_no_other(config, monkeypatch, hurry):
    real = disks.usage

    def usage(path: str) -> dict[str, object]:
        if path == config.log_dir:
            time.sleep(30)  # as statvfs does below a mount whose server is gone
        return real(path)

    monkeypatch.setattr(disks, "usage", usage)
    hurry(f"disk:{config.log_dir}")
    found = examine.evidence(config)
    assert found["probes"][f"disk:{config.log_dir}"] == f"timeout after {SHORT_S:g} s"
    assert found["disks"], "the others are told"
    assert unanswered(found) <= {f"disk:{config.log_dir}", "kernel"}


def test_a_log_that_blocks_costs_its_own_answer_and_no_other(config, hurry):
    os.mkfifo(Path(config.log_dir) / "7860/error.log")  # opening it waits for a writer that never comes
    hurry("log:7860")
    found = examine.evidence(config)
    assert found["probes"]["log:7860"] == f"timeout after {SHORT_S:g} s"
    assert unanswered(found) <= {"log:7860", "kernel"}


def test_of_a_huge_log_only_the_end_is_read(config):
    log = Path(config.log_dir) / "7860/error.log"
    with log.open("wb") as file:
        file.truncate(1 << 40)  # a tebibyte that takes no room
        file.seek(0, 2)
        file.write(b"\n2026-11-27T01:02:03.000Z ERROR request=1 x: CUDA out of memory\n")
    found = examine.evidence(config)["instances"]["7860"]
    assert found["log_lines"][-1]["text"].endswith("CUDA out of memory")
    assert len(found["log_lines"]) <= logs.LINES
    assert found["log_files"][0]["size_b"] > 1 << 40


@pytest.mark.parametrize(
    "rubbish",
    [
        pytest.param(os.urandom(300_000), id="noise"),
        pytest.param(b"\x00" * 300_000, id="zeros, as a crash of the machine leaves"),
        pytest.param(b"\xff\xfe\x1b[31m\x07\x1b]0;x\x07" * 20_000, id="what would change a terminal"),
        pytest.param(b"x" * 300_000, id="one line without an end"),
        pytest.param("字".encode() * 100_000, id="cut within a character"),
    ],
)
def test_a_log_full_of_rubbish_gives_printable_lines_of_bounded_length(config, rubbish):
    (Path(config.log_dir) / "7860/error.log").write_bytes(rubbish)
    found = examine.evidence(config)
    lines = [line["text"] for line in found["instances"]["7860"]["log_lines"]]
    assert all(len(text) <= logs.LONGEST_LINE and text.isprintable() for text in lines)
    assert found["probes"]["log:7860"] == "ok"


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("head -c 30000000 /dev/zero", id="far too much"),
        pytest.param("head -c 3000 /dev/urandom", id="noise"),
        pytest.param("echo '<nvidia_smi_log><gpu>'", id="half an answer"),
        pytest.param("kill -9 $$", id="a crash"),
    ],
)
def test_a_driver_that_talks_rubbish_is_unknown_and_quoted(config, program, said):
    program("nvidia-smi", said)
    found = examine.evidence(config)
    assert found["gpus"] is None
    assert found["gpu_error"]
    assert unanswered(found) <= {"gpu", "kernel"}


def test_numbers_the_driver_cannot_tell_are_unknown():
    (card,) = gpu.parse(
        "<x><gpu><uuid>GPU-1</uuid><temperature><gpu_temp>ERR!</gpu_temp></temperature></gpu></x>"
    )
    assert (card["uuid"], card["temperature_c"], card["memory_used_mb"]) == ("GPU-1", None, 0.0)
