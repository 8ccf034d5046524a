"""The catalogue: faults.yml (what can be wrong) and remedies.yml (what can be done), strictly read.

`load` reports every mistake at once in a ConfigError; a catalogue that loads is complete and consistent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from remediator.catalogue_conditions import read_proof
from remediator.errors import ConfigError
from remediator.model import Arg, Fault, Mode, Remedy, Rung, Text, When
from remediator.strict import Fields

HERE = Path(__file__).parent
# Found by the diagnosis itself.
BUILT_IN = frozenset({"unreachable", "examination_failed", "false_alarm", "unknown"})
MODES = frozenset(mode.word for mode in Mode)
WHEN = frozenset(get_args(When))
MAX_FILE_BYTES = 1_000_000


@dataclass(frozen=True)
class Catalogue:
    """All faults by precedence, all remedies by name."""

    faults: Mapping[str, Fault]
    remedies: Mapping[str, Remedy]

    def in_order(self) -> list[Fault]:
        """Faults that evidence can prove, the one that explains most first."""
        return sorted((f for f in self.faults.values() if f.proofs), key=lambda fault: fault.precedence)

    @property
    def only_look(self) -> frozenset[str]:
        """Remedies that heal nothing: they neither spend the budget nor count as useless."""
        return frozenset(remedy.name for remedy in self.remedies.values() if not remedy.heals)


def load(
    faults_file: Path | None = None,
    remedies_file: Path | None = None,
    *,
    captures: Path = Path("/var/lib/remediator/captures"),
) -> Catalogue:
    """Read the shipped catalogue and, on top, a team's own files (a row of the same name replaces ours).

    `captures` is where people are told to look for stacks. Raises ConfigError with every problem at once.
    """
    problems: list[str] = []
    remedies: dict[str, Remedy] = {}
    faults: dict[str, Fault] = {}
    for path, _ in _sources(HERE / "remedies.yml", remedies_file):
        remedies |= {row.name: row for row in _remedies(_rows(path, "remedies", problems), problems)}
    for path, shipped in _sources(HERE / "faults.yml", faults_file):
        rows = _rows(path, "faults", problems)
        faults |= {row.name: row for row in _faults(rows, problems, mode=None if shipped else "observe")}
    problems += _inconsistencies(faults, remedies)
    if problems:
        raise ConfigError(problems)
    return Catalogue({name: _placed(fault, captures) for name, fault in faults.items()}, remedies)


def _placed(fault: Fault, captures: Path) -> Fault:
    en, zh = (text.replace("{captures}", str(captures)) for text in (fault.advice.en, fault.advice.zh))
    return replace(fault, advice=Text(en, zh))


def missing_playbooks(catalogue: Catalogue, folder: Path) -> list[str]:
    """Return one problem per remedy whose playbook is not in `folder`."""
    return [
        f"remedies.yml: {remedy.name}: playbook: {folder / remedy.playbook} does not exist"
        for remedy in catalogue.remedies.values()
        if not (folder / remedy.playbook).is_file()
    ]


def _sources(shipped: Path, extra: Path | None) -> list[tuple[Path, bool]]:
    return [(shipped, True), *([(extra, False)] if extra else [])]


def _rows(path: Path, top: str, problems: list[str]) -> list[tuple[str, Fields]]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"it is larger than {MAX_FILE_BYTES} bytes")
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader
    except (OSError, ValueError, yaml.YAMLError) as error:
        problems.append(f"{path.name}: cannot be read: {error}")
        return []
    fields = Fields(path.name, data, problems)
    table = fields.mapping(top)
    fields.end()
    return [(str(name), Fields(f"{path.name}: {name}", row, problems)) for name, row in table.items()]


def _remedies(rows: Iterable[tuple[str, Fields]], problems: list[str]) -> Iterable[Remedy]:
    for name, fields in rows:
        remedy = Remedy(
            name=fields.name(name),
            title=fields.both("title"),
            playbook=_playbook(fields),
            scope=_scope(fields),
            args=_args(fields, problems),
            timeout_s=fields.whole("timeout_s", least=5, most=7200),
            cooldown_s=fields.whole("cooldown_s", least=0, most=86400),
            disruptive=fields.flag("disruptive"),
            approval=fields.flag("approval"),
            heals=fields.flag("heals", True),
            on_adopted=fields.flag("on_adopted", False),
        )
        fields.end()
        yield remedy


def _playbook(fields: Fields) -> str:
    value = fields.text("playbook")
    if value and not re.fullmatch(r"[a-z][a-z0-9_]*\.yml", value):
        fields.wrong("playbook", f"must be a file name such as restart.yml, not {value!r}")
    return value


def _scope(fields: Fields) -> Literal["instance", "host"]:
    return cast(Literal["instance", "host"], fields.word("scope", {"instance", "host"}))


def _args(fields: Fields, problems: list[str]) -> tuple[Arg, ...]:
    found = []
    for name, raw in fields.mapping("args", {}).items():
        if isinstance(raw, int | str) and not isinstance(raw, bool):
            found.append(Arg(name, value=raw))
            continue
        inner = Fields(f"{fields.where}: args: {name}", raw, problems)
        arg = Arg(name, fact=inner.text("fact"), pattern=inner.text("pattern"))
        inner.end()
        found.append(arg)
    return tuple(found)


def _faults(rows: Iterable[tuple[str, Fields]], problems: list[str], mode: str | None) -> Iterable[Fault]:
    for name, fields in rows:
        fault = Fault(
            name=fields.name(name),
            title=fields.both("title"),
            reason=fields.both("reason"),
            advice=fields.both("advice"),
            precedence=fields.whole("precedence", least=1, most=1000),
            scope=_scope(fields),
            severity=cast(
                Literal["info", "warning", "critical"],
                fields.word("severity", {"info", "warning", "critical"}),
            ),
            ladder=_ladder(fields, problems),
            tell=cast(
                Literal["oncall", "batch_owner", "nobody"],
                fields.word("tell", {"oncall", "batch_owner", "nobody"}),
            ),
            modes=_modes(fields, mode),
            proofs=_proofs(name, fields, problems),
        )
        fields.end()
        yield fault


def _ladder(fields: Fields, problems: list[str]) -> tuple[Rung, ...]:
    rungs = []
    for place, raw in enumerate(fields.many("ladder")):
        row = {"remedy": raw} if isinstance(raw, str) else raw
        inner = Fields(f"{fields.where}: ladder[{place}]", row, problems)
        when = cast(When, inner.word("when", WHEN, "always"))
        rungs.append(Rung(inner.text("remedy"), inner.whole("times", 1, least=1, most=5), when))
        inner.end()
    return tuple(rungs)


def _modes(fields: Fields, default: str | None) -> Mapping[str, Mode]:
    raw = fields.raw("mode") if default is None else fields.raw("mode", default)
    table: dict[str, Any] = {"default": raw} if isinstance(raw, str) else raw if isinstance(raw, dict) else {}
    if "default" not in table:
        fields.wrong("mode", "needs one of observe, propose, act, or a table with `default`")
    wrong = {group: word for group, word in table.items() if word not in MODES}
    for group, word in wrong.items():
        fields.wrong("mode", f"{group}: must be one of {', '.join(sorted(MODES))}, not {word!r}")
    good = {str(group): Mode.parse(word) for group, word in table.items() if group not in wrong}
    return {"default": Mode.OBSERVE, **good}


def _proofs(name: str, fields: Fields, problems: list[str]) -> tuple[tuple[Any, ...], ...]:
    raw = fields.many("proved_by", [] if name in BUILT_IN else ...)
    if name in BUILT_IN and raw:
        fields.wrong("proved_by", "is found by the diagnosis itself; remove this field")
    if name not in BUILT_IN and not raw:
        fields.wrong("proved_by", "needs at least one proof")
    return tuple(
        read_proof(f"{fields.where}: proved_by[{place}]", proof, problems) for place, proof in enumerate(raw)
    )


def _inconsistencies(faults: Mapping[str, Fault], remedies: Mapping[str, Remedy]) -> list[str]:
    problems = [
        f"faults.yml: {name}: is missing; the diagnosis needs it" for name in sorted(BUILT_IN - set(faults))
    ]
    seen: dict[int, str] = {}
    for fault in faults.values():
        twin = seen.setdefault(fault.precedence, fault.name)
        if twin != fault.name:
            problems.append(
                f"faults.yml: {fault.name}: precedence: {fault.precedence} is {twin}'s; choose another"
            )
        for place, rung in enumerate(fault.ladder):
            where = f"faults.yml: {fault.name}: ladder[{place}].remedy"
            if rung.remedy and rung.remedy not in remedies:
                known = ", ".join(sorted(remedies))
                problems.append(f"{where}: no remedy {rung.remedy!r}; use one of {known}")
            elif fault.scope == "host" and rung.remedy and remedies[rung.remedy].scope == "instance":
                problems.append(f"{where}: {rung.remedy} needs an instance, but the fault is about the host")
    return problems


class _UniqueKeys(yaml.CSafeLoader):
    """A SafeLoader (libyaml's, ten times as quick) that refuses a key written twice, of which YAML keeps the second."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return the mapping. Raises ConstructorError for a repeated key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is written twice", node.start_mark
                )
        return super().construct_mapping(node, deep)
