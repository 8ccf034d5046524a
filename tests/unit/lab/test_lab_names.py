"""Labs are kept apart by names, caches by content."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.lab import status as status_module
from tests.lab.demo import demo
from tests.lab.faults import FAULTS, fault
from tests.lab.lab import Lab
from tests.lab.network import ADDRESSES
from tests.lab.paths import content_hash, lab_id, locked
from tests.lab.proc import LabError, call


def test_labs_of_two_checkouts_and_of_two_names_have_different_names():
    names = {lab_id("demo", Path("/a")), lab_id("demo", Path("/b")), lab_id("test", Path("/a"))}
    assert len(names) == 3


def test_a_hash_depends_on_contents_names_and_words(tmp_path):
    (tmp_path / "a").write_text("1")
    first = content_hash([tmp_path])
    assert content_hash([tmp_path]) == first
    assert content_hash([tmp_path], "word") != first
    (tmp_path / "a").write_text("2")
    assert content_hash([tmp_path]) != first


def test_a_hash_ignores_what_python_compiles(tmp_path):
    (tmp_path / "a.py").write_text("1")
    first = content_hash([tmp_path])
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_text("x")
    assert content_hash([tmp_path]) == first


def test_a_second_process_is_told_to_wait_for_the_lock(tmp_path):
    waited = []
    program = (
        "import sys; from pathlib import Path; from tests.lab.paths import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True); sys.stdin.read()"
    )
    import subprocess
    import sys

    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"

    def let_go() -> None:
        waited.append(True)
        holder.communicate(timeout=60)

    with locked(tmp_path / "lock", let_go):
        assert waited == [True]


def test_an_unknown_fault_is_answered_with_those_there_are():
    with pytest.raises(LabError, match="crash, segfault, hang, disk_full"):
        fault("gremlins")


def test_every_fault_says_what_it_does():
    assert all(one.description and one.name == name for name, one in FAULTS.items())


def test_an_unknown_host_is_answered_with_those_there_are():
    with pytest.raises(LabError, match=", ".join(ADDRESSES)):
        Lab("never-made").host("gpu99")


def test_a_lab_that_is_not_up_says_how_to_boot_it():
    with pytest.raises(LabError, match=r"python -m tests\.lab up never-made"):
        Lab("never-made").host("gpu01")


def test_the_status_of_a_lab_that_is_not_up_has_all_its_lists():
    answer = status_module.status(Lab("never-made"))
    assert (answer["hosts"], answer["incidents"], answer["runs"], answer["messages"]) == ([], [], [], [])
    assert answer["problem"] == "the lab never-made isn't up"


def test_a_program_that_fails_is_quoted():
    with pytest.raises(LabError, match="no such thing"):
        call(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_a_program_that_is_not_installed_is_named_with_the_cure():
    with pytest.raises(LabError, match="make setup"):
        call(["no-such-program-anywhere"])


def test_where_the_lab_cannot_run_the_demo_says_why_in_one_sentence_and_what_to_do_instead(
    monkeypatch, capsys
):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert demo() == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("The lab needs root") and said.count("\n") == 0
    assert "make observe" in said
