"""One line of the tasks file as a Task: both families of field names, types, limits, defaults."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tts_app.batch import names
from tts_app.batch.jsonl import KINDS, Line
from tts_app.batch.problems import ERROR, Problem, problem, short
from tts_app.engines.base import Engine
from tts_app.engines.offered import SPEEDS
from tts_app.text.check import LONG_TEXT_CHARS, speakable
from tts_app.text.normalise import normalise

# canonical name (GLM-TTS's own) -> the article's
ALIASES = {"uttid": "output_name", "syn_text": "input_text", "prompt_speech": "prompt_audio"}
ARTICLE = {other: name for name, other in ALIASES.items()}
OPTIONAL = ("prompt_text", "voice", "sample_rate", "seed", "speed")
KNOWN = (*ALIASES, *ARTICLE, *OPTIONAL)
HINTS = {"text": "input_text", "name": "output_name", "id": "output_name", "audio": "prompt_audio"}
MAX_PROMPT_CHARS = 500
MAX_PATH_CHARS = 4096
MAX_SEED = 2**32 - 1
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
    values: dict[str, Any] = {
        "uttid": task.name,
        "prompt_text": task.prompt_text,
        "prompt_speech": task.prompt_audio,
        "syn_text": task.text,
        "voice": task.voice,
        "sample_rate": None if task.sample_rate == DEFAULT_RATE else task.sample_rate,
        "seed": None if task.seed == DEFAULT_SEED else task.seed,
        "speed": None if task.speed == DEFAULT_SPEED else task.speed,
    }
    return json.dumps(
        {name: value for name, value in values.items() if value is not None}, ensure_ascii=False
    )


class _Bad(Exception):
    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code, self.values = code, values


class _Reader:
    """Reads the fields of one line and collects what is wrong with them."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.problems: list[Problem] = []
        self.names: dict[str, str] = {}
        for written in line.values:
            self._note(written)

    def _note(self, written: str) -> None:
        canonical = ARTICLE.get(written, written)
        if written not in KNOWN:
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

    def read(self, canonical: str, check: Callable[[Any], Any], default: Any) -> Any:
        """Return the checked value; `default` when the field is absent, null or wrong (then recorded)."""
        written = self.names.get(canonical)
        if written is None or self.line.values[written] is None:
            return default
        try:
            return check(self.line.values[written])
        except _Bad as bad:
            self.tell(bad.code, written, **bad.values)
            return default

    def require(self, canonical: str) -> None:
        """Record that a field is missing or null."""
        written = self.names.get(canonical)
        if written is None or self.line.values[written] is None:
            other = ALIASES[canonical]
            self.problems.append(problem("missing", line=self.line.number, field=other, other=canonical))


def read_task(
    line: Line, engine: EngineFacts, *, max_chars: int, default_voice: str | None = None
) -> tuple[Task | None, list[Problem]]:
    """Return the task in `line`, None when an error makes it impossible, and everything to tell.

    `default_voice` is for lines that name neither a voice nor a recording.
    """
    reader = _Reader(line)
    for canonical in ("uttid", "syn_text"):
        reader.require(canonical)
    task = Task(
        line=line.number,
        name=reader.read("uttid", _name, ""),
        text=reader.read("syn_text", lambda value: _spoken(value, max_chars), ""),
        prompt_audio=reader.read("prompt_speech", lambda value: _line_of_text(value, MAX_PATH_CHARS), None),
        prompt_text=reader.read("prompt_text", lambda value: _spoken(value, MAX_PROMPT_CHARS), None),
        voice=reader.read("voice", lambda value: _voice(value, engine), _default(reader, default_voice)),
        sample_rate=reader.read("sample_rate", lambda value: _rate(value, engine), DEFAULT_RATE),
        seed=reader.read("seed", _seed, DEFAULT_SEED),
        speed=reader.read("speed", lambda value: _speed(value, engine.speeds), DEFAULT_SPEED),
        names=reader.names,
    )
    failed = any(found.level == ERROR for found in reader.problems)
    problems = [*reader.problems, *_together(reader, task, engine)]
    if failed or any(found.level == ERROR for found in problems):
        return None, problems
    return task, problems


def _default(reader: _Reader, voice: str | None) -> str | None:
    return None if "prompt_speech" in reader.names else voice


def _together(reader: _Reader, task: Task, engine: EngineFacts) -> Iterator[Problem]:
    """Yield what only several fields together show."""
    yield from _hints(reader, task)
    number = reader.line.number
    spelled = task.spelled("prompt_speech")
    named = {"prompt_speech", "voice"}.intersection(reader.names)
    if not named and task.voice is None:
        choices = short(", ".join(engine.voices))
        yield problem(
            "needs_reference", line=number, field="prompt_audio", other="prompt_speech", choices=choices
        )
    elif task.prompt_audio is not None:
        if task.prompt_text is None and "prompt_text" not in reader.names:
            code = "no_transcript" if engine.clones_voices else "no_transcript_unused"
            yield problem(code, line=number, field="prompt_text")
        if not engine.clones_voices:
            column = reader.line.columns.get(spelled)
            yield problem("not_cloned", line=number, column=column, field=spelled, engine=engine.name)


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


def _string(value: object, limit: int) -> str:
    if not isinstance(value, str):
        raise _Bad("wrong_type", wanted_en="a string", wanted_zh="字符串", kind=_kind(value))
    if len(value) > limit:
        raise _Bad("too_long", count=len(value), limit=limit)
    if not value.strip():
        raise _Bad("empty")
    for char in value:
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise _Bad("bad_character", value=f"\\u{ord(char):04x}")
    return value


def _spoken(value: object, limit: int) -> str:
    text = _string(value, limit)
    if not speakable(normalise(text)):
        raise _Bad("not_speakable")
    return text


def _line_of_text(value: object, limit: int) -> str:
    text = _string(value, limit)
    for char in text:
        if not char.isprintable():
            raise _Bad("bad_character", value=f"\\u{ord(char):04x}")
    return text


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise _Bad("wrong_type", wanted_en="a string", wanted_zh="字符串", kind=_kind(value))
    name = names.tidy(value)
    if not value.strip():
        raise _Bad("empty")
    if not names.is_safe(name):
        raise _Bad("name_unsafe", value=short(value), suggestion=names.suggest(name))
    return name


def _voice(value: object, engine: EngineFacts) -> str:
    voice = _line_of_text(value, 200)
    if voice not in engine.voices and not engine.more_voices:
        raise _Bad("unknown_voice", value=short(voice), choices=", ".join(engine.voices) or "-")
    return voice


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise _Bad("wrong_type", wanted_en="a whole number", wanted_zh="整数", kind=_kind(value))
    return value


def _rate(value: object, engine: EngineFacts) -> int:
    rate = _whole(value)
    if rate not in engine.sample_rates:
        raise _Bad("not_a_choice", value=rate, choices=", ".join(map(str, engine.sample_rates)))
    return rate


def _seed(value: object) -> int:
    seed = _whole(value)
    if not 0 <= seed <= MAX_SEED:
        raise _Bad("out_of_range", value=seed, low=0, high=MAX_SEED)
    return seed


def _speed(value: object, allowed: tuple[float, float]) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Bad("wrong_type", wanted_en="a number", wanted_zh="数字", kind=_kind(value))
    low, high = allowed
    if not low <= value <= high:
        raise _Bad("out_of_range", value=short(value), low=low, high=high)
    return float(value)


def _kind(value: object) -> str:
    return "null" if value is None else KINDS[type(value)]
