"""How long a batch takes and what it needs, against what this machine has free. Sizes in MB of 10^6 bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tts_app.batch.problems import Problem, problem
from tts_app.batch.tasks import Task

CJK = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff]")
DIGIT = re.compile(r"[0-9]")
LETTER = re.compile(r"[^\W\d_\u3007\u3400-\u9fff\uf900-\ufaff]")
PAUSE = re.compile(r"[，。！？；：、,.!?;:\n…]")
MARGIN_MB = 200  # disk left for everything else
FILE_EXTRA_MB = 0.005  # per item: journal lines, directory entries, block rounding


@dataclass(frozen=True)
class Cost:
    """What an engine costs, roughly; the first finished items correct the time."""

    rtf: float  # seconds of work per second of audio
    load_s: float
    memory_mb: float  # resident while it speaks


COSTS = {
    "kokoro": Cost(rtf=0.9, load_s=6, memory_mb=700),
    "glm": Cost(rtf=0.8, load_s=60, memory_mb=4000),
    "openai": Cost(rtf=0.6, load_s=0, memory_mb=200),
    "espeak": Cost(rtf=0.05, load_s=0, memory_mb=150),
}
UNKNOWN_COST = Cost(rtf=1.0, load_s=10, memory_mb=500)
# MiB, as nvidia-smi counts. GLM-TTS in float32 peaks at 8.6-8.8 GiB; its worker refuses to load below 9.5.
GPU_NEED_MB = 9_728
GPU_COMFORT_MB = 12_288


@dataclass(frozen=True)
class Limits:
    """How large one batch may be."""

    max_tasks: int = 2000
    max_chars: int = 500_000  # all texts together
    max_hours: float = 24.0
    max_text_chars: int = 5000  # one text


@dataclass(frozen=True)
class Machine:
    """What is free now. None: unknown, then nothing is refused for it."""

    out_free_mb: float | None = None
    archive_free_mb: float | None = None  # None also when no archive is written
    same_disk: bool = True
    memory_free_mb: float | None = None
    gpu_free_mb: float | None = None
    out_place: str = "OUT_DIR"
    archive_place: str = "archive"


@dataclass(frozen=True)
class Estimate:
    """What the batch as a whole comes to."""

    tasks: int
    chars: int
    audio_s: float
    time_s: float
    disk_mb: float  # the wav files; the archive takes as much again
    memory_mb: float

    def to_json(self) -> dict[str, Any]:
        """Return the estimate rounded, as plain JSON values."""
        return {
            "tasks": self.tasks,
            "chars": self.chars,
            "audio_s": round(self.audio_s, 1),
            "time_s": round(self.time_s),
            "disk_mb": round(self.disk_mb, 1),
            "memory_mb": round(self.memory_mb),
        }


def speech_s(text: str, speed: float = 1.0) -> float:
    """Return about how many seconds speaking `text` takes."""
    seconds = (
        0.24 * len(CJK.findall(text))
        + 0.35 * len(DIGIT.findall(text))
        + 0.075 * len(LETTER.findall(text))
        + 0.2 * len(PAUSE.findall(text))
    )
    return (0.4 + seconds) / speed


def estimate(tasks: Sequence[Task], engine: str, *, loaded: bool = False) -> Estimate:
    """Return what speaking `tasks` with `engine` comes to; a `loaded` engine has its own memory already."""
    cost = COSTS.get(engine, UNKNOWN_COST)
    load_s, engine_mb = (0.0, 0.0) if loaded else (cost.load_s, cost.memory_mb)
    seconds = [(speech_s(task.text, task.speed), task.sample_rate) for task in tasks]
    audio_s = sum(length for length, _ in seconds)
    disk = sum(length * rate * 2 / 1e6 + FILE_EXTRA_MB for length, rate in seconds)
    longest = max((length * rate * 4 / 1e6 for length, rate in seconds), default=0.0)
    return Estimate(
        tasks=len(tasks),
        chars=sum(len(task.text) for task in tasks),
        audio_s=audio_s,
        time_s=load_s + audio_s * cost.rtf,
        disk_mb=disk,
        memory_mb=engine_mb + 4 * longest,  # samples, pieces, the copy on its way, the file
    )


def too_much(
    tasks: Sequence[Task],
    engine: str,
    limits: Limits,
    machine: Machine,
    *,
    loaded: bool = False,
    written: Collection[str] = (),
) -> tuple[Estimate, list[Problem]]:
    """Return the estimate and why the batch must be split, or can't run here now.

    `written` names the tasks whose wav files lie in OUT_DIR already: they need no more room there.
    """
    need = estimate(tasks, engine, loaded=loaded)
    left_mb = estimate([task for task in tasks if task.name not in written], engine).disk_mb
    problems = [*_over_limits(need, limits), *_over_disk(need, left_mb, machine)]
    if machine.memory_free_mb is not None and need.memory_mb > machine.memory_free_mb:
        longest = max(tasks, key=lambda task: len(task.text), default=None)
        problems.append(
            problem(
                "memory_short",
                need_mb=round(need.memory_mb),
                free_mb=round(machine.memory_free_mb),
                line_of_longest=longest.line if longest else 1,
            )
        )
    if engine == "glm" and machine.gpu_free_mb is not None:
        problems += _over_gpu(machine.gpu_free_mb)
    return need, problems


def _over_limits(need: Estimate, limits: Limits) -> Iterator[Problem]:
    checks = (
        ("too_many_tasks", need.tasks, limits.max_tasks),
        ("too_many_chars", need.chars, limits.max_chars),
        ("takes_too_long", need.time_s / 3600, limits.max_hours),
    )
    for code, have, limit in checks:
        if have > limit:
            yield problem(
                code, count=have, limit=f"{limit:g}", hours=f"{have:.1f}", **_split(need.tasks, have, limit)
            )


def _over_disk(need: Estimate, left_mb: float, machine: Machine) -> Iterator[Problem]:
    archive = machine.archive_free_mb
    both = left_mb + (need.disk_mb if archive is not None and machine.same_disk else 0.0)
    places = [(machine.out_place, both, machine.out_free_mb)]
    if not machine.same_disk:
        places.append((machine.archive_place, need.disk_mb, archive))
    for place, need_mb, free_mb in places:
        if free_mb is not None and need_mb + MARGIN_MB > free_mb:
            split = _split(need.tasks, need_mb, max(free_mb - MARGIN_MB, need_mb / max(need.tasks, 1)))
            needed = round(need_mb + MARGIN_MB)
            yield problem("disk_short", need_mb=needed, place=place, free_mb=round(free_mb), **split)


def _over_gpu(free_mb: float) -> Iterator[Problem]:
    if free_mb < GPU_NEED_MB:
        yield problem("gpu_short", need_mb=GPU_NEED_MB, free_mb=round(free_mb))
    elif free_mb < GPU_COMFORT_MB:
        yield problem("gpu_tight", need_mb=GPU_COMFORT_MB, free_mb=round(free_mb))


def _split(tasks: int, have: float, limit: float) -> dict[str, Any]:
    """Return into how many files of how many lines to split, so that each stays below the limit."""
    lines = max(1, math.floor(tasks * limit / have * 0.95)) if have else tasks
    return {"parts": max(2, math.ceil(tasks / lines)), "lines": lines}


def folder_for(path: Path) -> Path:
    """Return the nearest folder that exists at or above `path`."""
    path = path.absolute()
    return next(p for p in (path, *path.parents) if p.is_dir())
