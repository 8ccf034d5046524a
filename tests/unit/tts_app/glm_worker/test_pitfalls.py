"""The page on GLM-TTS names every known defect of upstream, and tests that are really there."""

import ast
import re
from pathlib import Path

import pytest

from tts_app.settings import Settings

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "glm-tts.md").read_text("utf-8")
ROWS = {found[1]: found[2] for found in re.finditer(r"^\| (F\d+) \|(.*)$", PAGE, re.MULTILINE)}


def test_all_fourteen_are_there():
    assert list(ROWS) == [f"F{number}" for number in range(1, 15)]


@pytest.mark.parametrize("pitfall", ROWS)
def test_every_pitfall_names_tests_that_exist(pitfall):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", ROWS[pitfall])
    assert named
    for file, test in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert test in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, (
            f"{file}::{test}"
        )


def test_every_setting_it_names_exists():
    names = set(re.findall(r"`TTS_([A-Z_]+)`", PAGE))
    assert names and all(hasattr(Settings(), name.lower()) for name in names)
