"""Judge a whole tasks file before the first word is spoken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from tts_app.batch import jsonl, names
from tts_app.batch.estimate import Estimate, Limits, Machine, too_much
from tts_app.batch.out_dir import OutDir
from tts_app.batch.paths import AudioDirs, BadPath
from tts_app.batch.problems import ERROR, Problem, problem, short
from tts_app.batch.tasks import EngineFacts, Task, read_task
from tts_app.errors import BadRequest

MAX_PROBLEMS = 500  # of each level
SPLITTABLE = frozenset({"too_many_tasks", "too_many_chars", "takes_too_long", "disk_short"})


@dataclass(frozen=True)
class Hint:
    """Something about a recording that makes the result worse."""

    en: str
    zh: str


# Decodes a recording; returns what is poor about it. Raises BadRequest when it can't be used.
Probe = Callable[[Path], Sequence[Hint]]


class Verdict(StrEnum):
    """What becomes of the file."""

    GO = "go"
    SPLIT = "split"  # nothing wrong but its size
    REFUSED = "refused"


@dataclass(frozen=True)
class Preflight:
    """What was found. `tasks` are those that can run, in the file's order."""

    tasks: tuple[Task, ...]
    audio: dict[str, Path]  # prompt_audio as written -> real path
    problems: tuple[Problem, ...]
    estimate: Estimate
    bad_lines: tuple[int, ...] = field(default=())

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What keeps tasks, or all of them, from running."""
        return tuple(found for found in self.problems if found.level == ERROR)

    @property
    def verdict(self) -> Verdict:
        """Return whether the batch as a whole may start."""
        if not self.errors:
            return Verdict.GO
        return Verdict.SPLIT if all(e.code in SPLITTABLE for e in self.errors) else Verdict.REFUSED

    @property
    def can_skip(self) -> bool:
        """Return whether leaving out single lines would make it a batch that may start."""
        return bool(self.tasks) and all(error.line is not None for error in self.errors)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "verdict": self.verdict,
            "tasks": len(self.tasks),
            "bad_lines": list(self.bad_lines),
            "estimate": self.estimate.to_json(),
            "problems": [found.to_json() for found in self.problems],
        }


@dataclass(frozen=True)
class Context:
    """What the judgement rests on besides the file."""

    engine: EngineFacts
    dirs: AudioDirs
    probe: Probe
    machine: Machine = field(default_factory=Machine)
    limits: Limits = field(default_factory=Limits)
    default_voice: str | None = None  # for lines that name neither a voice nor a recording
    out: OutDir = field(default_factory=OutDir)


def check(data: bytes, context: Context) -> Preflight:
    """Read and judge a tasks file; every problem at once, none hides another line's."""
    told = _Told()
    told.add(*_bad_default(context))
    lines = _Lines(context, told)
    for found in jsonl.read(data):
        if isinstance(found, Problem):
            told.add(found)
        else:
            lines.judge(found)
        if told.full:
            break
    tasks = tuple(lines.tasks)
    need, over = too_much(
        tasks,
        context.engine.name,
        context.limits,
        context.machine,
        loaded=context.engine.loaded,
        written=context.out.finished,
    )
    told.add(*over if tasks else ())
    problems = sorted(told.all(), key=lambda p: (p.line or 0, p.column or 0))
    bad = sorted({p.line for p in problems if p.level == ERROR and p.line is not None})
    return Preflight(tasks, lines.audio.found, tuple(problems), need, tuple(bad))


class _Told:
    """Collects problems: a bounded number, whatever the file holds."""

    def __init__(self) -> None:
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []
        self._more = 0

    def add(self, *problems: Problem) -> None:
        for found in problems:
            if found.level == ERROR:
                self._errors.append(found)
            elif len(self._warnings) < MAX_PROBLEMS:
                self._warnings.append(found)
            else:
                self._more += 1

    @property
    def full(self) -> bool:
        """Whether it makes no sense to read on."""
        return len(self._errors) >= MAX_PROBLEMS

    def all(self) -> Iterator[Problem]:
        if self.full:
            yield problem("too_many_problems", limit=MAX_PROBLEMS)
        yield from self._errors
        yield from self._warnings
        if self._more:
            yield problem("more_warnings", count=self._more)


class _Lines:
    """Turns the lines of a file into tasks that can run."""

    def __init__(self, context: Context, told: _Told) -> None:
        self._context, self._told = context, told
        self._seen: dict[str, Task] = {}
        self.audio = _Audio(context)
        self.tasks: list[Task] = []

    def judge(self, line: jsonl.Line) -> None:
        context = self._context
        task, found = read_task(
            line,
            context.engine,
            max_chars=context.limits.max_text_chars,
            default_voice=context.default_voice,
        )
        if task.name:
            found += [*_duplicates(task, self._seen), *context.out.in_the_way(task)]
            self._seen.setdefault(names.fold(task.name), task)
        found += self.audio.look(task)
        self._told.add(*found)
        if not any(p.level == ERROR for p in found):
            self.tasks.append(task)


def refuse(preflight: Preflight, *more: Problem) -> Preflight:
    """Return `preflight` with further problems in front."""
    return replace(preflight, problems=(*more, *preflight.problems))


def nothing(found: Problem) -> Preflight:
    """Return the judgement on a file that could not even be read."""
    return Preflight((), {}, (found,), Estimate(0, 0, 0.0, 0.0, 0.0, 0.0))


def _bad_default(context: Context) -> Iterator[Problem]:
    voice, engine = context.default_voice, context.engine
    if voice is not None and voice not in engine.voices and not engine.more_voices:
        yield problem("unknown_voice", field="voice", value=short(voice), choices=", ".join(engine.voices))


def _duplicates(task: Task, seen: dict[str, Task]) -> Iterator[Problem]:
    first = seen.get(names.fold(task.name))
    if first is not None:
        spelled = task.spelled("uttid")
        yield problem(
            "name_duplicate", line=task.line, field=spelled, value=short(task.name), first=first.line
        )


class _Audio:
    """Looks at every recording once, however many tasks share it."""

    def __init__(self, context: Context) -> None:
        self._dirs, self._probe = context.dirs, context.probe
        self._judged: dict[Path, list[tuple[str, dict[str, Any]]]] = {}
        self.found: dict[str, Path] = {}

    def look(self, task: Task) -> Iterator[Problem]:
        if task.prompt_audio is None:
            return
        where: dict[str, Any] = {"line": task.line, "field": task.spelled("prompt_speech")}
        value = short(task.prompt_audio)
        try:
            real = self._dirs.find(task.prompt_audio)
        except BadPath as bad:
            detail = bad.cause.strerror if bad.cause else ""
            yield problem(bad.code, value=value, detail=detail, **where)
            return
        self.found[task.prompt_audio] = real
        if real not in self._judged:
            self._judged[real] = self._judge(real, value)
        for code, values in self._judged[real]:
            yield problem(code, **where, **values)

    def _judge(self, real: Path, value: str) -> list[tuple[str, dict[str, Any]]]:
        try:
            hints = self._probe(real)
        except BadRequest as bad:
            values = {
                "detail_en": bad.message_en,
                "detail_zh": bad.message_zh,
                "hint_en": bad.fix,
                "hint_zh": bad.fix_zh,
            }
            return [("audio_bad", values)]
        except OSError as error:
            return [("path_unreadable", {"value": value, "detail": error.strerror})]
        return [("audio_poor", {"detail_en": hint.en, "detail_zh": hint.zh}) for hint in hints]
