"""Only old archives go, and the walk never leaves its root."""

import os
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import pytest
from glmtts_remedy import disks, proc, purge
from glmtts_remedy.errors import HelperError, UsageProblem
from glmtts_remedy.purge import Rules

HOUR_S = 3600
SEVEN_DAYS = Rules(keep_days=7, keep_newest=0, target_free_pct=None, dry_run=False)


@pytest.fixture
def batch(config, monkeypatch) -> Path:
    """Return the folder of the archives; the purge runs as whoever runs the tests."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    folder = Path(config.data_dir) / "7860/outputs/batch"
    folder.mkdir(parents=True)
    return folder


def archive(folder: Path, name: str, hours_old: float, size: int = 5000) -> Path:
    path = folder / name
    path.write_bytes(b"z" * size)
    then = time.time() - hours_old * HOUR_S
    os.utime(path, (then, then))
    return path


@pytest.mark.parametrize(
    ("hours_old", "goes"),
    [
        pytest.param(7 * 24 - 1, False, id="7 days less an hour stays"),
        pytest.param(7 * 24 + 1, True, id="7 days and an hour goes: hours count, not rounded days"),
        pytest.param(7 * 24 + 23, True, id="7 days 23 hours goes"),
    ],
)
def test_age_counts_in_exact_hours(config, batch, hours_old, goes):
    path = archive(batch, "a.zip", hours_old)
    purge.purge(config, SEVEN_DAYS)
    assert path.exists() is not goes


def test_the_report_says_what_went_and_how_much_was_freed(config, batch):
    archive(batch, "old.zip", 200, size=8192)
    archive(batch, "young.zip", 1)
    report = purge.purge(config, SEVEN_DAYS)
    assert (report["deleted"], report["deleted_count"], report["kept_count"]) == (["old.zip"], 1, 1)
    assert report["freed_b"] == 8192


def test_the_newest_are_kept_whatever_their_age(config, batch):
    for number in range(5):
        archive(batch, f"{number}.zip", 1000 - number)
    purge.purge(config, SEVEN_DAYS._replace(keep_newest=2))
    assert sorted(path.name for path in batch.iterdir()) == ["3.zip", "4.zip"]


def test_other_files_are_left_alone(config, batch):
    kept = [archive(batch, name, 999) for name in ("a.wav", "a.zip.part", "A.ZIP", "zip")]
    elsewhere = archive(batch.parent, "speech.zip", 999)
    purge.purge(config, SEVEN_DAYS)
    assert all(path.exists() for path in [*kept, elsewhere])


def test_a_dry_run_names_what_would_go_and_deletes_nothing(config, batch):
    path = archive(batch, "old.zip", 999)
    report = purge.purge(config, SEVEN_DAYS._replace(dry_run=True))
    assert report["deleted"] == ["old.zip"]
    assert path.exists()


def test_an_open_file_is_skipped_and_named(config, batch):
    path = archive(batch, "busy.zip", 999)
    with path.open("rb"):
        report = purge.purge(config, SEVEN_DAYS)
    assert path.exists()
    assert report["skipped_open"] == ["busy.zip"]


def test_a_link_to_a_file_outside_is_not_followed(config, batch, tmp_path):
    outside = archive(tmp_path, "outside.zip", 999)
    (batch / "trap.zip").symlink_to(outside)
    purge.purge(config, SEVEN_DAYS)
    assert outside.exists()
    assert (batch / "trap.zip").is_symlink()


def test_a_linked_folder_is_not_entered(config, batch, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    outside = archive(tmp_path / "elsewhere", "outside.zip", 999)
    (batch / "folder").symlink_to(tmp_path / "elsewhere")
    purge.purge(config, SEVEN_DAYS)
    assert outside.exists()


@pytest.mark.parametrize("part", ["outputs", "outputs/batch"])
def test_a_link_in_place_of_the_root_deletes_nothing(config, tmp_path, monkeypatch, part):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    target = tmp_path / "elsewhere" / "batch"
    target.mkdir(parents=True)
    outside = [archive(target, "a.zip", 999), archive(target.parent, "b.zip", 999)]
    link = Path(config.data_dir) / "7860" / part
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target.parent if part == "outputs" else target)
    report = purge.purge(config, SEVEN_DAYS)
    assert report["deleted"] == []
    assert all(path.exists() for path in outside)


def test_a_folder_swapped_for_a_link_during_the_walk_leads_nowhere(config, batch, tmp_path, monkeypatch):
    inner = batch / "inner"
    inner.mkdir()
    archive(inner, "a.zip", 999)
    (tmp_path / "victim").mkdir()
    outside = archive(tmp_path / "victim", "a.zip", 999)
    delete = purge._delete

    def swap_first(*arguments: object) -> None:
        if inner.is_dir() and not inner.is_symlink():
            inner.rename(batch / "moved")
            inner.symlink_to(tmp_path / "victim")
        delete(*arguments)

    monkeypatch.setattr(purge, "_delete", swap_first)
    purge.purge(config, SEVEN_DAYS)
    assert outside.exists()
    assert not (batch / "moved/a.zip").exists()


def test_a_file_replaced_since_the_walk_is_left_alone(config, batch, monkeypatch):
    path = archive(batch, "a.zip", 999)
    delete = purge._delete

    def replace_first(*arguments: object) -> None:
        archive(batch, "new", 0).replace(path)
        delete(*arguments)

    monkeypatch.setattr(purge, "_delete", replace_first)
    assert purge.purge(config, SEVEN_DAYS)["deleted"] == []
    assert path.exists()


def test_names_with_newlines_and_broken_bytes_are_deleted_and_reported(config, batch):
    archive(batch, "two\nlines.zip", 999)
    archive(batch, os.fsdecode(b"\xff.zip"), 999)
    report = purge.purge(config, SEVEN_DAYS)
    assert sorted(report["deleted"]) == ["two\nlines.zip", "\ufffd.zip"]
    assert list(batch.iterdir()) == []


def test_deleting_stops_once_enough_is_free(config, batch, monkeypatch):
    for number in range(4):
        archive(batch, f"{number}.zip", 999 - number)
    monkeypatch.setattr(disks, "free_pct", lambda path: 10.0 * (5 - len(list(batch.iterdir()))))
    report = purge.purge(config, SEVEN_DAYS._replace(target_free_pct=30.0))
    assert report["deleted"] == ["0.zip", "1.zip"], "the oldest go first"
    assert report["target_reached"]


def test_a_host_without_archives_is_no_error(config, batch):
    shutil.rmtree(batch.parent)
    assert purge.purge(config, SEVEN_DAYS)["deleted_count"] == 0


@pytest.mark.parametrize(
    "rules",
    [
        pytest.param(SEVEN_DAYS._replace(keep_days=0), id="no age at all"),
        pytest.param(SEVEN_DAYS._replace(keep_days=float("nan")), id="an age that is no number"),
        pytest.param(SEVEN_DAYS._replace(keep_newest=-1), id="fewer than none"),
        pytest.param(SEVEN_DAYS._replace(target_free_pct=100.0), id="a disk that is wholly free"),
    ],
)
def test_rules_nobody_can_mean_are_refused(config, rules):
    with pytest.raises(UsageProblem):
        purge.purge(config, rules)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_deletes_as_the_service_user_and_so_cannot_delete_what_that_user_may_not(config):
    root = Path(tempfile.mkdtemp())
    try:
        root.chmod(0o755)
        batch = root / "7860/outputs/batch"
        batch.mkdir(parents=True)
        path = archive(batch, "roots.zip", 999)
        with pytest.raises(HelperError, match="could not be deleted") as caught:
            purge.purge(replace(config, data_dir=str(root), user="nobody"), SEVEN_DAYS)
        assert caught.value.facts["failed"] == ["roots.zip: Permission denied"]
        assert path.exists()
    finally:
        shutil.rmtree(root)


def test_the_tests_own_files_are_seen_as_open(tmp_path):
    path = tmp_path / "open"
    with path.open("w") as file:
        status = os.fstat(file.fileno())
        assert (status.st_dev, status.st_ino) in proc.open_files()
