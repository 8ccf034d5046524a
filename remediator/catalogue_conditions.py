"""Reads the conditions of faults.yml: one line of the table per kind of condition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from remediator import signatures, signatures_gpu
from remediator.model import Condition
from remediator.strict import Fields

OUTCOMES = frozenset({"ok", "http_error", "timeout", "refused", "error"})
HOLDERS = frozenset({"nobody", "ours", "foreign"})
ACTIONS = frozenset({"Reset", "Reboot", "Drain P2P", "Drain and Reset"})


def read_proof(where: str, raw: object, problems: list[str]) -> tuple[Condition, ...]:
    """Read one proof: a mapping of conditions that must all be true."""
    fields = Fields(where, raw, problems)
    conditions = fields.left()
    if not conditions and isinstance(raw, Mapping):
        fields.wrong("", "a proof without a condition would always be true; add one")
    found: list[Condition] = []
    for kind, value in conditions.items():
        read = _READERS.get(kind)
        if read is None:
            fields.wrong(kind, f"no such condition; use one of {', '.join(sorted(_READERS))}")
        else:
            found += read(Fields(f"{where}: {kind}", {"value": value}, problems), value)
    return tuple(found)


def _pattern(make: Callable[[re.Pattern[str]], Condition]) -> Callable[[Fields, Any], list[Condition]]:
    def read(fields: Fields, _value: Any) -> list[Condition]:
        text = fields.text("value")
        try:
            return [make(re.compile(text))]
        except re.error as error:
            fields.wrong("", f"is not a regular expression: {error}")
            return []

    return read


def _unit(fields: Fields, value: Any) -> list[Condition]:
    inner = Fields(fields.where, value, fields.problems)
    sets = {name: _words(inner, name) for name in ("active", "sub", "result")}
    inner.end()
    return [signatures.Unit(**sets)]


def _signal(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures.Signal(_numbers(fields, most=64))]


def _endpoint(which: str) -> Callable[[Fields, Any], list[Condition]]:
    def read(fields: Fields, value: Any) -> list[Condition]:
        inner = Fields(fields.where, value, fields.problems)
        outcome, reason = _words(inner, "outcome"), _words(inner, "reason")
        for word in outcome - OUTCOMES:
            inner.wrong("outcome", f"must be of {', '.join(sorted(OUTCOMES))}, not {word!r}")
        inner.end()
        return [signatures.Endpoint(which, outcome, reason)]

    return read


def _process(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures.Process(fields.word("value", {"alive", "gone"}) == "alive")]


def _port(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures.PortHolder(fields.word("value", HOLDERS))]


def _percent(make: Callable[[float], Condition]) -> Callable[[Fields, Any], list[Condition]]:
    return lambda fields, _value: [make(fields.whole("value", least=1, most=100))]


def _megabytes(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures.LogSize(fields.whole("value", least=1, most=1_000_000))]


def _temperature(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures_gpu.GpuTemperature(fields.whole("value", least=30, most=150))]


def _action(fields: Fields, _value: Any) -> list[Condition]:
    actions = _words(fields, "value")
    for word in actions - ACTIONS:
        fields.wrong("", f"must be of {', '.join(sorted(ACTIONS))}, not {word!r}")
    return [signatures_gpu.GpuAction(actions)]


def _xid(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures_gpu.Xid(_numbers(fields, most=999))]


def _true(make: Callable[[], Condition]) -> Callable[[Fields, Any], list[Condition]]:
    def read(fields: Fields, _value: Any) -> list[Condition]:
        if not fields.flag("value"):
            fields.wrong("", "only `true` has a meaning")
        return [make()]

    return read


def _alert(fields: Fields, _value: Any) -> list[Condition]:
    return [signatures.AlertName(_words(fields, "value"))]


def _words(fields: Fields, name: str) -> frozenset[str]:
    value = fields.raw(name, [])
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or any(not isinstance(word, str) or not word for word in words):
        fields.wrong(name, "must be a word or a list of words")
        return frozenset()
    return frozenset(words)


def _numbers(fields: Fields, *, most: int) -> frozenset[int]:
    value = fields.raw("value")
    numbers = value if isinstance(value, list) else [value]
    if any(isinstance(one, bool) or not isinstance(one, int) or not 0 < one <= most for one in numbers):
        fields.wrong("", f"must be whole numbers between 1 and {most}")
        return frozenset()
    return frozenset(numbers)


_READERS: Mapping[str, Callable[[Fields, Any], list[Condition]]] = {
    "log": _pattern(signatures.Log),
    "log_size_mb": _megabytes,
    "unit": _unit,
    "signal": _signal,
    "health": _endpoint("health"),
    "ready": _endpoint("ready"),
    "process": _process,
    "port": _port,
    "disk_used_pct": _percent(signatures.DiskUse),
    "inodes_used_pct": _percent(signatures.InodeUse),
    "gpu_memory_pct": _percent(signatures_gpu.GpuMemory),
    "gpu_foreign_pct": _percent(signatures_gpu.GpuForeign),
    "gpu_temperature_c": _temperature,
    "gpu_action": _action,
    "xid": _xid,
    "gpu_error": _pattern(signatures_gpu.GpuError),
    "reset_unavailable": _true(signatures_gpu.ResetUnavailable),
    "oom_kill": _true(signatures.OomKill),
    "alert": _alert,
}
