"""What a batch needs, against what is free: refused or split before it starts, never in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import PRESET, context, line
from tts_app.batch.estimate import GPU_COMFORT_MB, GPU_NEED_MB, Limits, Machine, estimate, speech_s, too_much
from tts_app.batch.machine import free_memory_mb, read_machine
from tts_app.batch.preflight import Verdict, check
from tts_app.batch.tasks import Task
from tts_app.glm_worker.model import MIN_FREE_BYTES

TASKS = [Task(n, f"n{n}", "今天天气很好，我们去公园散步。" * 10) for n in range(1, 101)]
NEED = estimate(TASKS, "kokoro")


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        pytest.param("你好，世界", 1.0, 3.0, id="measured 2.1 s"),
        pytest.param("hello world", 0.7, 2.5, id="measured 1.5 s"),
        pytest.param("长" * 300, 50, 100, id="300 characters"),
    ],
)
def test_the_length_of_speech_is_guessed_within_reason(text, low, high) -> None:
    assert low < speech_s(text) < high
    assert speech_s(text, 2.0) < speech_s(text)


@pytest.mark.parametrize(
    ("machine", "codes"),
    [
        pytest.param(Machine(), [], id="nothing is known"),
        pytest.param(Machine(out_free_mb=NEED.disk_mb + 201), [], id="disk just enough"),
        pytest.param(Machine(out_free_mb=NEED.disk_mb + 199), ["disk_short"], id="disk just too small"),
        pytest.param(
            Machine(out_free_mb=NEED.disk_mb + 201, archive_free_mb=9e9),
            ["disk_short"],
            id="archive on the same disk",
        ),
        pytest.param(
            Machine(out_free_mb=9e9, archive_free_mb=1, same_disk=False),
            ["disk_short"],
            id="archive's disk full",
        ),
        pytest.param(Machine(memory_free_mb=NEED.memory_mb + 1), [], id="memory just enough"),
        pytest.param(
            Machine(memory_free_mb=NEED.memory_mb - 1), ["memory_short"], id="memory just too small"
        ),
    ],
)
def test_what_does_not_fit_is_told(machine, codes) -> None:
    _, problems = too_much(TASKS, "kokoro", Limits(), machine)
    assert [p.code for p in problems] == codes


@pytest.mark.parametrize(
    ("free_mb", "codes"),
    [
        pytest.param(None, [], id="unknown"),
        pytest.param(GPU_COMFORT_MB, [], id="comfortable"),
        pytest.param(GPU_COMFORT_MB - 1, ["gpu_tight"], id="tight"),
        pytest.param(GPU_NEED_MB, ["gpu_tight"], id="barely"),
        pytest.param(GPU_NEED_MB - 1, ["gpu_short"], id="too little"),
    ],
)
def test_gpu_memory_matters_to_glm_alone(free_mb, codes) -> None:
    machine = Machine(gpu_free_mb=free_mb)
    assert [p.code for p in too_much(TASKS, "glm", Limits(), machine)[1]] == codes
    assert too_much(TASKS, "kokoro", Limits(), machine)[1] == []


def test_a_card_that_is_large_enough_for_a_batch_is_so_for_its_worker() -> None:
    assert GPU_NEED_MB * 2**20 >= MIN_FREE_BYTES


def test_an_engine_that_is_loaded_has_its_memory_already(tmp_path) -> None:
    little = Machine(memory_free_mb=100)
    loaded = replace(PRESET, loaded=True)
    assert [e.code for e in check(line().encode(), context(tmp_path, machine=little)).errors] == [
        "memory_short"
    ]
    assert check(line().encode(), context(tmp_path, loaded, machine=little)).errors == ()


def test_a_batch_that_only_needs_a_larger_disk_is_told_to_split(tmp_path) -> None:
    lines = "\n".join(line(output_name=f"n{n}", input_text="长" * 300) for n in range(200))
    small = Machine(out_free_mb=estimate([], "fake").disk_mb + 400)
    found = check(lines.encode(), context(tmp_path, machine=small))
    assert found.verdict is Verdict.SPLIT
    assert "split -l" in found.errors[0].fix_en


def test_memory_is_what_the_machine_or_the_control_group_leaves(tmp_path) -> None:
    meminfo, cgroup = tmp_path / "meminfo", tmp_path / "cgroup"
    assert free_memory_mb(meminfo, cgroup) is None
    meminfo.write_text("MemTotal: 9000000 kB\nMemAvailable: 2000000 kB\n")
    assert free_memory_mb(meminfo, cgroup) == pytest.approx(2048)
    cgroup.mkdir()
    (cgroup / "memory.max").write_text("max\n")
    (cgroup / "memory.current").write_text("100000000\n")
    assert free_memory_mb(meminfo, cgroup) == pytest.approx(2048)
    (cgroup / "memory.max").write_text("600000000\n")
    assert free_memory_mb(meminfo, cgroup) == pytest.approx(500)
    (cgroup / "memory.stat").write_text("anon 10000000\ninactive_file 60000000\nactive_file 20000000\n")
    assert free_memory_mb(meminfo, cgroup) == pytest.approx(580)


def test_a_place_that_does_not_exist_yet_is_measured_at_its_parent(tmp_path) -> None:
    machine = read_machine(tmp_path / "a" / "b", tmp_path / "zips", gpu=False)
    assert machine.out_free_mb is not None
    assert machine.same_disk
    assert list(Path(tmp_path).iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "free_mb"),
    [
        pytest.param("echo 4000; echo 15000", 15000.0, id="two devices"),
        pytest.param("echo '[N/A]'", None, id="not known"),
        pytest.param("exit 9", None, id="driver broken"),
    ],
)
def test_gpu_memory_is_asked_from_the_driver(tmp_path, monkeypatch, answer, free_mb) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert read_machine(tmp_path, None, gpu=True).gpu_free_mb == free_mb


def test_without_a_driver_gpu_memory_is_unknown(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_machine(tmp_path, None, gpu=True).gpu_free_mb is None
