"""The owner of a batch hears of its faults: from the line of the log to the message in the outbox."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.batch_owner import MOST_OWNERS, by_owner, owner_in
from remediator.evidence import LogLine
from remediator.states import IncidentState
from remediator.store import notifications
from remediator.tell_owner import MOST
from tests.unit.remediator.world import NOW, World, alert, down, edit, host, log

HALF = "fault=F2 json.decoder.JSONDecodeError: half a line (line 3 column 9)"
GONE = "fault=F3 FileNotFoundError: [Errno 2] there is no such file"
TWICE = "fault=F5 the name is used twice"


def preflight(owner: str, words: str = HALF, line: int = 3) -> str:
    """Return the line that the speech service logs for a fault of a tasks file."""
    where = f"batch=20261127-1 owner={owner} file=books.jsonl line={line} field=input_text"
    return f"2026-11-27T00:59:40.000Z ERROR request=- tts_app.batch.work: {where} {words}"


def spoken(owner: str, words: str = "the engine failed") -> str:
    """Return the line that it logs for an item that could not be spoken."""
    where = f"batch=20261127-1 owner={owner} line=4 name=chapter 4:"
    return f"2026-11-27T00:59:40.000Z ERROR request=- tts_app.batch.runner: {where} {words}"


@pytest.mark.parametrize(
    ("text", "owner"),
    [
        pytest.param(preflight("li"), "li", id="a word"),
        pytest.param(preflight("王 伟 (books)"), "王 伟 (books)", id="with blanks"),
        pytest.param(spoken("li"), "li", id="of an item"),
        pytest.param(preflight("x" * 64), "x" * 64, id="as long as may be"),
        pytest.param(preflight("x" * 65), "", id="too long"),
        pytest.param(preflight(" "), "", id="blank"),
        pytest.param(preflight("a\u202eb"), "", id="that would turn the line around"),
        pytest.param("ERROR web: owner=li file=x line=3", "", id="no batch's line"),
        pytest.param("batch=b owner=li and 7 more faults", "", id="without a place"),
        pytest.param(preflight("li line=1 name=wang"), "li", id="that pretends to go on"),
    ],
)
def test_whom_a_line_names(text: str, owner: str) -> None:
    assert owner_in(text) == owner


def lines(*texts: str, source: str = "error.log") -> list[LogLine]:
    return [LogLine(source, NOW, text) for text in texts]


def test_a_traceback_belongs_to_the_line_above_it_in_the_same_log() -> None:
    rows = [
        *lines(spoken("li"), "Traceback (most recent call last):"),
        *lines("FileNotFoundError: of another log", source="journal"),
        *lines("FileNotFoundError: a.wav", "2026-11-27T01:00:00.000Z ERROR request=1 web: other"),
    ]
    assert [line.text[-20:] for line in by_owner(rows)["li"]] == [
        spoken("li")[-20:],
        "t recent call last):",
        "NotFoundError: a.wav",
    ]
    assert len(by_owner(rows)[""]) == 2


def test_of_many_owners_those_with_the_newest_lines_count() -> None:
    rows = lines(*(preflight(f"o{place}") for place in range(MOST_OWNERS + 2)))
    assert list(by_owner(rows)) == [f"o{place}" for place in reversed(range(2, MOST_OWNERS + 2))]


def batch(world: World, *texts: str, raw: dict[str, Any] | None = None) -> None:
    """Let gpu01 log these lines now, and be alerted."""
    seen = raw or host("7860", "7861", now=world.now)
    for text in texts:
        seen = log(seen, text, at=world.now - timedelta(seconds=5))
    world.seen["gpu01"] = seen
    world.pipeline.accept([alert("BatchFaults", severity="info")])


def told(world: World) -> list[tuple[str, str]]:
    """Return owner and fault of every message to an owner."""
    rows = world.store.read(lambda db: notifications.latest(db, 1000))
    return [(row.payload["owner"], row.payload["fault"]) for row in reversed(rows) if row.kind == "owner"]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        pytest.param(preflight("li", HALF), "bad_task_file", id="no JSON"),
        pytest.param(preflight("li", TWICE), "bad_task_file", id="any other fault of the file"),
        pytest.param(preflight("li", GONE), "missing_audio", id="a recording is missing"),
        pytest.param(spoken("li"), "batch_items_failed", id="an item failed"),
    ],
)
def test_the_owner_is_told_and_nobody_else_is_called(world: World, line: str, fault: str) -> None:
    batch(world, line)
    world.work()
    assert told(world) == [("li", fault)]
    assert world.state() is IncidentState.ESCALATED
    assert world.messages() == ["opened open", "owner escalated"]
    assert world.remedies() == []


def test_the_message_shows_file_and_line_and_what_to_do(world: World) -> None:
    batch(world, preflight("li"))
    world.work()
    (row,) = [row for row in world.store.read(notifications.latest) if row.kind == "owner"]
    assert "file=books.jsonl line=3" in row.payload["found"]["en"]
    assert "JSONL" in row.payload["next"]["zh"]
    assert row.payload["severity"] == "info"


def test_it_is_told_once_and_the_incident_closes_by_itself(world: World) -> None:
    batch(world, preflight("li"))
    world.live(600)
    assert told(world) == [("li", "bad_task_file")]
    assert world.state() is IncidentState.RESOLVED


def test_each_owner_hears_of_their_own_batch(world: World) -> None:
    batch(world, preflight("li"), preflight("wang", TWICE), spoken("zhao"))
    world.work()
    assert sorted(told(world)) == [
        ("li", "bad_task_file"),
        ("wang", "bad_task_file"),
        ("zhao", "batch_items_failed"),
    ]


def test_an_owner_whose_batch_comes_while_the_incident_is_open_is_told_too(world: World) -> None:
    batch(world, preflight("li"))
    world.work()
    world.later(20)
    world.seen["gpu01"] = log(world.seen["gpu01"], preflight("wang", line=9), at=world.now)  # type: ignore[arg-type]
    world.live(400)
    assert told(world) == [("li", "bad_task_file"), ("wang", "bad_task_file")]
    assert world.state() is IncidentState.RESOLVED


def test_a_line_that_is_written_while_a_look_is_thought_about_is_heard_at_the_next(world: World) -> None:
    batch(world, preflight("li"))
    looks: list[str] = []

    def slow(name: str) -> Any:
        seen = world.examine(name)
        looks.append(name)
        if len(looks) == 1:
            world.later(2)
            late = world.now - timedelta(seconds=1)
            world.seen[name] = log(world.seen[name], preflight("wang", line=9), at=late)  # type: ignore[arg-type]
        return seen

    world.pipeline.look = replace(world.pipeline.look, examine=slow)
    world.live(400)
    assert told(world) == [("li", "bad_task_file"), ("wang", "bad_task_file")]


def test_owners_are_told_although_something_worse_is_wrong_with_the_host(world: World) -> None:
    full = edit(host("7860", "7861"), "disks.0.used_pct", 99.0)
    batch(world, preflight("li"), raw=full)
    world.work(rounds=3)
    assert told(world) == [("li", "bad_task_file")]
    assert world.incident().fault == "disk_full"


def test_a_service_that_is_down_is_repaired_and_its_batch_is_no_reason(world: World) -> None:
    batch(world, preflight("li"), raw=down(host("7860", "7861")))
    world.work(rounds=3)
    assert world.remedies() == ["restart gpu01:7860"]


def test_a_line_without_an_owner_is_told_to_the_group(world: World) -> None:
    batch(world, "json.decoder.JSONDecodeError: Expecting ',' delimiter")
    world.work()
    assert told(world) == [("", "bad_task_file")]


def test_who_goes_on_sending_bad_files_hears_of_it_no_more_after_some(tmp_path: Path) -> None:
    world = World(tmp_path)
    batch(world, preflight("li"))
    for place in range(2 * MOST):
        world.seen["gpu01"] = log(
            host("7860", "7861", now=world.now), preflight("li", line=place + 10), at=world.now
        )
        world.live(61, step=30)
    assert len(told(world)) == MOST
    world.store.close()
