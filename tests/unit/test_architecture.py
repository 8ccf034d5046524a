"""The flow goes one way: pure stages stay pure, stages don't know each other, parts don't mix."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REMEDIATOR = ROOT / "remediator"
PURE = (
    "model",
    "lenient",
    "evidence",
    "evidence_host",
    "signatures",
    "signatures_gpu",
    "batch_owner",
    "redact",
    "states",
    "normalize",
    "correlate",
    "diagnose",
    "plan",
    "guard",
    "breaker",
)
STAGES = (
    "receive",
    "normalize",
    "correlate",
    "examine",
    "diagnose",
    "plan",
    "guard",
    "execute",
    "verify",
)
# Shared by every stage: values, errors, and the catalogue's typed rows.
COMMON = {"remediator.model", "remediator.errors", "remediator.states", "remediator.catalogue"}
TOUCHES_THE_WORLD = frozenset(
    [
        "asyncio",
        "http",
        "io",
        "multiprocessing",
        "os",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    ]
)


def imports_of(path: Path) -> set[str]:
    """Names of all modules that `path` imports, wherever in the file, annotations included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import hides where it goes"
            base = node.module or ""
            found |= {base} if base != "remediator" else {f"remediator.{alias.name}" for alias in node.names}
    return found


def python_files(folder: str) -> list[Path]:
    """Every Python file of one part."""
    return sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("name", PURE)
def test_a_pure_stage_imports_only_values(name: str) -> None:
    imports = imports_of(REMEDIATOR / f"{name}.py")
    ours = {module for module in imports if module.split(".")[0] == "remediator"}
    others = {module.split(".")[0] for module in imports - ours}
    assert others <= set(sys.stdlib_module_names), "a pure stage needs no library"
    assert not others & TOUCHES_THE_WORLD, "a pure stage neither reads nor writes"
    assert ours <= COMMON | {f"remediator.{pure}" for pure in PURE if pure not in STAGES}


@pytest.mark.parametrize("name", PURE)
def test_a_pure_stage_never_asks_for_the_time(name: str) -> None:
    tree = ast.parse((REMEDIATOR / f"{name}.py").read_text(encoding="utf-8"))
    asked = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"now", "utcnow", "today"}
    ]
    assert not asked, f"the clock is an argument; asked for in line {asked}"


@pytest.mark.parametrize("name", STAGES)
def test_stages_do_not_import_each_other(name: str) -> None:
    others = {f"remediator.{stage}" for stage in STAGES if stage != name}
    assert not imports_of(REMEDIATOR / f"{name}.py") & others


@pytest.mark.parametrize(("part", "foreign"), [("tts_app", "remediator"), ("remediator", "tts_app")])
def test_the_parts_do_not_know_each_other(part: str, foreign: str) -> None:
    files = python_files(part)
    assert files
    offenders = [
        path for path in files if any(name.split(".")[0] in {foreign, "tests"} for name in imports_of(path))
    ]
    assert offenders == []
