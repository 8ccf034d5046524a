"""Read a tasks file: strict JSON, one object a line, every problem with its line and column."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tts_app.batch.problems import Problem, problem, short
from tts_app.batch.texts_of_lines import JSON_ZH

MAX_FILE_BYTES = 64_000_000
MAX_LINE_BYTES = 2_000_000
MAX_LINES = 200_000
MAX_DEPTH = 20  # levels of one object; ours has one
MAX_DIGITS = 30  # of a number; longer ones are no setting of ours
BOM = b"\xef\xbb\xbf"
PACKED = {
    b"PK\x03\x04": "zip",
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
KINDS = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
SPACE = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True)
class Line:
    """One object of the file. `columns` says where each of its keys' values starts."""

    number: int
    values: dict[str, Any]
    columns: dict[str, int]


class BadLine(Exception):
    """The line is no JSON object; `problem` says why."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.en)
        self.problem = found


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose keys may repeat."""


class _BadNumber(ValueError):
    pass


def read(data: bytes) -> Iterator[Line | Problem]:
    """Yield every line's object, or what is wrong with the line; one line at a time is held in memory.

    A byte order mark at the start, CRLF and blank lines are accepted; line numbers count every line.
    """
    found = _whole_file(data)
    if found is not None:
        yield found
        return
    blank = True
    for number, raw, last in _split(data.removeprefix(BOM)):
        blank = False
        yield _line_or_problem(number, raw, last)
    if blank:
        yield problem("file_empty")


def _line_or_problem(number: int, raw: bytes, torn: bool) -> Line | Problem:
    try:
        return read_line(number, raw, torn=torn)
    except BadLine as bad:
        return bad.problem


def _whole_file(data: bytes) -> Problem | None:
    if len(data) > MAX_FILE_BYTES:
        return problem("file_too_big", limit_mb=MAX_FILE_BYTES // 1_000_000)
    if (count := data.count(b"\n")) > MAX_LINES:
        return problem("file_too_long", count=count, limit=MAX_LINES)
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return problem("file_utf16", line=1, column=1)
    for magic, kind in PACKED.items():
        if data.startswith(magic):
            return problem("file_packed", kind=kind, line=1, column=1)
    head = data.removeprefix(BOM)[:4096].lstrip()
    if re.match(rb"\[\s*(\{|$)", head):
        return problem("file_array", line=1, column=1)
    return None


def _split(data: bytes) -> Iterator[tuple[int, bytes, bool]]:
    """Yield (number, line, it has no line end) for every line that isn't blank."""
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        torn = end < 0
        raw = data[start:] if torn else data[start:end]
        number += 1
        start = len(data) if torn else end + 1
        if raw.strip():
            yield number, raw, torn


def read_line(number: int, raw: bytes, *, torn: bool = False) -> Line:
    """Return the object in one line. `torn`: it ends the file without a line end. Raises BadLine."""
    text = _decode(number, raw, torn)
    pairs = _load(number, text, torn)
    if not isinstance(pairs, _Pairs):
        kind = "null" if pairs is None else KINDS[type(pairs)]
        raise BadLine(problem("not_object", kind=kind, line=number, column=1))
    columns: dict[str, int] = {}
    for key, key_at, value_at in _positions(text):
        if key in columns:
            raise BadLine(
                problem("duplicate_key", key=short(key), field=short(key), line=number, column=key_at)
            )
        columns[key] = value_at
    return Line(number, {key: _plain(number, value) for key, value in pairs}, columns)


def _decode(number: int, raw: bytes, torn: bool) -> str:
    if len(raw) > MAX_LINE_BYTES:
        raise BadLine(problem("line_too_long", count=len(raw), limit=MAX_LINE_BYTES, line=number))
    if b"\0" in raw:
        column = len(raw[: raw.index(b"\0")].decode("utf-8", "replace")) + 1
        raise BadLine(problem("nul", line=number, column=column))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode("utf-8")) + 1
        code = "half_line" if torn and error.reason == "unexpected end of data" else "not_utf8"
        raise BadLine(problem(code, line=number, column=column)) from error
    if "\ufeff" in text[:1]:
        raise BadLine(problem("bom_inside", line=number, column=1))
    return text


def _load(number: int, text: str, torn: bool) -> Any:
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        end = len(text.rstrip())
        if torn and (error.pos >= end or error.msg.startswith("Unterminated")):
            raise BadLine(problem("half_line", line=number, column=end + 1)) from error
        zh = JSON_ZH.get(error.msg, error.msg)
        found = problem("not_json", detail_en=error.msg, detail_zh=zh, line=number, column=error.pos + 1)
        raise BadLine(found) from error
    except _BadNumber as error:
        column = text.find(str(error)) + 1
        raise BadLine(problem("bad_number", value=short(error), line=number, column=column)) from error
    except RecursionError as error:
        raise BadLine(problem("too_deep", line=number)) from error


def _positions(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield (key, its column, its value's column) of an object known to be valid JSON."""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, end = _DECODER.raw_decode(text, at)
        value_at = _skip(text, _skip(text, end) + 1)
        yield key, at + 1, value_at + 1
        end = _skip(text, _DECODER.raw_decode(text, value_at)[1])
        at = _skip(text, end + 1) if text[end] == "," else end


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return at if match is None else match.end()


def _plain(number: int, value: Any, depth: int = 1) -> Any:
    """Return `value` with objects as dicts. Raises BadLine for a key that repeats inside, or too many levels."""
    if depth > MAX_DEPTH:
        raise BadLine(problem("too_deep", line=number))
    if isinstance(value, _Pairs):
        result = {key: _plain(number, inner, depth + 1) for key, inner in value}
        if len(result) != len(value):
            raise BadLine(problem("duplicate_key", key="inside", line=number))
        return result
    if isinstance(value, list):
        return [_plain(number, inner, depth + 1) for inner in value]
    return value


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise _BadNumber(text)
    return int(text)


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _BadNumber(text)
    return value


def _constant(text: str) -> float:
    raise _BadNumber(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_Pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant
)
