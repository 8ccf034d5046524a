"""The cleanup job as cron starts it: the whole program, a real tree full of traps, and one line in the journal."""

import json
import os
import time
from pathlib import Path

import pytest
from glmtts_remedy import purge
from glmtts_remedy.cli import main

DAY_S = 86400
HOUR_S = 3600


@pytest.fixture
def journal(monkeypatch) -> list[dict]:
    """Collect what is written to the host's journal."""
    lines: list[dict] = []
    monkeypatch.setattr("syslog.syslog", lambda level, text: lines.append(json.loads(text)))
    return lines


@pytest.fixture
def batch(config, monkeypatch) -> Path:
    """The folder of the archives; the program runs as the service user, as cron starts it: it needs no lease."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = Path(config.data_dir) / "7860/outputs/batch"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def clean_up(config_file, capsys):
    """Run the program and return its exit status and answer."""

    def run(*options: str) -> tuple[int, dict]:
        code = main(["purge", "--keep-newest", "0", *options], config_file)
        return code, json.loads(capsys.readouterr().out)

    return run


def archive(folder: Path, name: str, age_s: float) -> Path:
    path = folder / name
    path.write_bytes(b"z" * 4096)
    os.utime(path, (time.time() - age_s,) * 2)
    return path


@pytest.mark.parametrize(
    ("age_s", "goes"),
    [
        pytest.param(6 * DAY_S + 23 * HOUR_S, False, id="6 days 23 hours stays"),
        pytest.param(7 * DAY_S - 60, False, id="7 days less a minute stays"),
        pytest.param(7 * DAY_S + 60, True, id="7 days and a minute goes"),
        pytest.param(7 * DAY_S + 23 * HOUR_S, True, id="7 days 23 hours goes: find -mtime +7 would keep it"),
    ],
)
def test_seven_days_are_168_hours(batch, clean_up, age_s, goes):
    path = archive(batch, "a.zip", age_s)
    assert clean_up()[0] == 0
    assert path.exists() is not goes


def test_of_a_tree_full_of_traps_only_the_old_archives_go(batch, clean_up, tmp_path, journal):
    outside = tmp_path / "outside"
    outside.mkdir()
    old = 30 * DAY_S
    victim = archive(outside, "victim.zip", old)
    (batch / "linked-folder").symlink_to(outside)
    (batch / "linked.zip").symlink_to(victim)
    (batch / "up.zip").symlink_to("../../../../../..")
    (batch / "folder.zip").mkdir()
    os.mkfifo(batch / "pipe.zip")
    deep = batch / "1/2/3"
    deep.mkdir(parents=True)
    buried = archive(deep, "reached.zip", old)
    (deep / "4").mkdir()
    too_deep = archive(deep / "4", "not-reached.zip", old)
    strange = [archive(batch, name, old) for name in ("new\nline.zip", " .zip", "-rf.zip", "$(reboot).zip")]
    strange.append(archive(batch, os.fsdecode(b"\xff\xfe.zip"), old))
    busy, young = archive(batch, "busy.zip", old), archive(batch, "young.zip", HOUR_S)
    with busy.open("rb"):
        code, answer = clean_up()
    assert code == 0
    assert not any(path.exists() for path in [*strange, buried])
    assert all(os.path.lexists(path) for path in (victim, too_deep, busy, young))
    assert sorted(path.name for path in batch.iterdir()) == sorted(
        ["linked-folder", "linked.zip", "up.zip", "folder.zip", "pipe.zip", "1", "busy.zip", "young.zip"]
    )
    assert answer["skipped_open"] == ["busy.zip"]
    assert [line["freed_b"] for line in journal] == [answer["freed_b"]] == [4096 * 6]


def test_a_dry_run_frees_nothing_and_says_what_would_go(batch, clean_up):
    path = archive(batch, "old.zip", 30 * DAY_S)
    code, answer = clean_up("--dry-run")
    assert (code, answer["deleted"], answer["dry_run"]) == (0, ["old.zip"], True)
    assert path.exists()


def test_what_could_not_be_deleted_fails_the_job_and_names_it(batch, clean_up, monkeypatch, journal):
    def refuse(name: str, *, dir_fd: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    archive(batch, "immutable.zip", 30 * DAY_S)
    monkeypatch.setattr(purge.os, "unlink", refuse)
    code, answer = clean_up()
    assert (code, answer["failed"]) == (1, ["immutable.zip: Operation not permitted"])
    assert journal[-1]["rc"] == 1


def test_a_folder_swapped_for_a_link_just_after_it_was_looked_at_leads_nowhere(
    batch, clean_up, tmp_path, monkeypatch
):
    outside = tmp_path / "outside"
    outside.mkdir()
    victim, trap = archive(outside, "victim.zip", 30 * DAY_S), batch / "trap"
    trap.mkdir()
    real = os.stat

    def stat_and_swap(path: object, **options: object) -> os.stat_result:
        seen = real(path, **options)
        if path == "trap" and not trap.is_symlink():
            trap.rename(tmp_path / "moved")
            trap.symlink_to(outside)
        return seen

    monkeypatch.setattr(purge.os, "stat", stat_and_swap)
    code, answer = clean_up()
    assert trap.is_symlink(), "it was swapped in the middle"
    assert (code, answer["deleted"]) == (0, [])
    assert victim.exists()
