"""One line of the tasks file as a Task: both families of field names, types, limits, defaults."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tts_app.batch import values
from tts_app.batch.jsonl import Line
from tts_app.batch.problems import Problem, problem, short
from tts_app.batch.values import BadValue
from tts_app.engines.base import Engine
from tts_app.engines.offered import SPEEDS
from tts_app.text.check import LONG_TEXT_CHARS
from tts_app.text.normalise import normalise

# canonical name (GLM-TTS's own) -> the article's
ALIASES = {"uttid": "output_name", "syn_text": "input_text", "prompt_speech": "prompt_audio"}
ARTICLE = {other: name for name, other in ALIASES.items()}
OPTIONAL = ("prompt_text", "voice", "sample_rate", "seed", "speed")
KNOWN = (*ALIASES, *ARTICLE, *OPTIONAL)
HINTS = {"text": "input_text", "name": "output_name", "id": "output_name", "audio": "prompt_audio"}
MAX_PROMPT_CHARS = 500
MAX_PATH_CHARS = 4096
MAX_UNKNOWN = 5  # unknown fields of one line that are told by name
DEFAULT_RATE, DEFAULT_SEED, DEFAULT_SPEED = 24000, 42, 1.0
DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class EngineFacts:
    """What a batch must know about the engine before it starts."""

    name: str
    clones_voices: bool
    sample_rates: tuple[int, ...]  # Hz
    voices: tuple[str, ...]
    more_voices: bool = False  # a server elsewhere may know voices beyond these
    speeds: tuple[float, float] = SPEEDS
    loaded: bool = False  # what it needs in memory is taken already

    @classmethod
    def of(cls, engine: Engine) -> EngineFacts:
        """Ask `engine`, which needn't be loaded."""
        status = engine.status()
        voices = tuple(voice.id for voice in engine.voices())
        return cls(
            engine.name,
            status.clones_voices,
            status.sample_rates,
            voices,
            more_voices=engine.name == "openai",
            speeds=(1.0, 1.0)
            if engine.name == "glm"
            else SPEEDS,  # GLM-TTS takes its pace from the recording
            loaded=status.loaded,
        )


@dataclass(frozen=True)
class Task:
    """One text to speak into one file."""

    line: int
    name: str  # of the result, without .wav; safe as a file name
    text: str
    prompt_audio: str | None = None  # path as written in the file
    prompt_text: str | None = None  # what is said in the recording
    voice: str | None = None
    sample_rate: int = DEFAULT_RATE
    seed: int = DEFAULT_SEED
    speed: float = DEFAULT_SPEED
    names: dict[str, str] = field(default_factory=dict, compare=False)  # canonical -> as the file spells it

    @property
    def spoken_text(self) -> str:
        """The text as it is heard: without what nobody can speak."""
        return normalise(self.text)

    def spelled(self, canonical: str) -> str:
        """Return the field's name as this line spells it."""
        return self.names.get(canonical, ALIASES.get(canonical, canonical))


def to_canonical(task: Task) -> str:
    """Return the task as one JSON line with GLM-TTS's field names; defaults of ours are left out."""
    row: dict[str, Any] = {
        "uttid": task.name,
        "prompt_text": task.prompt_text,
        "prompt_speech": task.prompt_audio,
        "syn_text": task.text,
        "voice": task.voice,
        "sample_rate": None if task.sample_rate == DEFAULT_RATE else task.sample_rate,
        "seed": None if task.seed == DEFAULT_SEED else task.seed,
        "speed": None if task.speed == DEFAULT_SPEED else task.speed,
    }
    return json.dumps({name: value for name, value in row.items() if value is not None}, ensure_ascii=False)


class _Reader:
    """Reads the fields of one line and collects what is wrong with them."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.problems: list[Problem] = []
        self.names: dict[str, str] = {}
        self._unknown = 0
        for written in line.values:
            self._note(written)
        if (more := self._unknown - MAX_UNKNOWN) > 0:
            self.problems.append(problem("unknown_fields", line=line.number, count=more))

    def _note(self, written: str) -> None:
        canonical = ARTICLE.get(written, written)
        if written not in KNOWN:
            self._unknown += 1
            if self._unknown > MAX_UNKNOWN:
                return
            hint = HINTS.get(written) or next(iter(difflib.get_close_matches(written, KNOWN, n=1)), "")
            english = f" Did you mean {hint}?" if hint else ""
            chinese = f"是否想写 {hint}？" if hint else ""
            self.tell("unknown_field", written, hint_en=english, hint_zh=chinese)
        elif canonical in self.names:
            self.tell("two_names", written, other=self.names[canonical])
        else:
            self.names[canonical] = written

    def tell(self, code: str, written: str, **values: object) -> None:
        """Record a problem with the field that the file spells `written`."""
        column = self.line.columns.get(written)
        self.problems.append(problem(code, line=self.line.number, column=column, field=written, **values))

    def gives(self, canonical: str) -> bool:
        """Return whether the line holds the field, and not as null."""
        written = self.names.get(canonical)
        return written is not None and self.line.values[written] is not None

    def read(self, canonical: str, check: Callable[[Any], Any], default: Any) -> Any:
        """Return the checked value; `default` when the field is absent, null or wrong (then recorded)."""
        if not self.gives(canonical):
            return default
        written = self.names[canonical]
        try:
            return check(self.line.values[written])
        except BadValue as bad:
            self.tell(bad.code, written, **bad.values)
            return default

    def require(self, canonical: str) -> None:
        """Record that a field is missing or null."""
        if not self.gives(canonical):
            other = ALIASES[canonical]
            self.problems.append(problem("missing", line=self.line.number, field=other, other=canonical))


def read_task(
    line: Line, engine: EngineFacts, *, max_chars: int, default_voice: str | None = None
) -> tuple[Task, list[Problem]]:
    """Return the task in `line` and everything to tell; after an error a wrong field has its default.

    `default_voice` is for lines that name neither a voice nor a recording.
    """
    reader = _Reader(line)
    for canonical in ("uttid", "syn_text"):
        reader.require(canonical)
    task = Task(
        line=line.number,
        name=reader.read("uttid", values.name, ""),
        text=reader.read("syn_text", partial(values.spoken, limit=max_chars), ""),
        prompt_audio=reader.read("prompt_speech", partial(values.line_of_text, limit=MAX_PATH_CHARS), None),
        prompt_text=reader.read("prompt_text", partial(values.spoken, limit=MAX_PROMPT_CHARS), None),
        voice=reader.read("voice", _voice_of(engine), _default(reader, default_voice)),
        sample_rate=reader.read(
            "sample_rate", partial(values.rate, offered=engine.sample_rates), DEFAULT_RATE
        ),
        seed=reader.read("seed", values.seed, DEFAULT_SEED),
        speed=reader.read("speed", partial(values.speed, allowed=engine.speeds), DEFAULT_SPEED),
        names=reader.names,
    )
    return task, [*reader.problems, *_together(reader, task, engine)]


def _voice_of(engine: EngineFacts) -> Callable[[Any], str]:
    return partial(values.voice, voices=engine.voices, more=engine.more_voices)


def _default(reader: _Reader, voice: str | None) -> str | None:
    return None if reader.gives("prompt_speech") else voice


def _together(reader: _Reader, task: Task, engine: EngineFacts) -> Iterator[Problem]:
    """Yield what only several fields together show."""
    yield from _hints(reader, task)
    number = reader.line.number
    spelled = task.spelled("prompt_speech")
    if task.voice is None and not reader.gives("voice") and not reader.gives("prompt_speech"):
        yield from _nobody_named(number, task, engine)
    elif task.prompt_audio is not None:
        if not reader.gives("prompt_text"):
            code = "no_transcript" if engine.clones_voices else "no_transcript_unused"
            yield problem(code, line=number, field="prompt_text")
        if not engine.clones_voices:
            column = reader.line.columns.get(spelled)
            yield problem("not_cloned", line=number, column=column, field=spelled, engine=engine.name)


def _nobody_named(number: int, task: Task, engine: EngineFacts) -> Iterator[Problem]:
    """Tell of a line whose voice is the engine's default, where a recording may have been meant."""
    if not engine.clones_voices:
        return
    if task.prompt_text is None:
        yield problem("default_voice", line=number, field="prompt_audio")
        return
    choices = short(", ".join(engine.voices))
    yield problem(
        "needs_reference", line=number, field="prompt_audio", other="prompt_speech", choices=choices
    )


def _hints(reader: _Reader, task: Task) -> Iterator[Problem]:
    columns, number = reader.line.columns, reader.line.number
    written = task.spelled("syn_text")
    where: dict[str, Any] = {"line": number, "column": columns.get(written), "field": written}
    if len(task.text) > LONG_TEXT_CHARS:
        yield problem("long_text", count=len(task.text), limit=LONG_TEXT_CHARS, **where)
    if DIRECTIONS.intersection(task.text):
        yield problem("hidden_characters", **where)
    if task.sample_rate > DEFAULT_RATE:
        yield problem("slow_rate", line=number, column=columns.get("sample_rate"), field="sample_rate")
