"""What goes out next: order per incident, pages first, storms as digests."""

from __future__ import annotations

from datetime import timedelta

import pytest

from remediator.notify.schedule import MERGE_FROM, Choice, Item, choose, pause_s
from tests.unit.remediator.notify.kit import NOW, message

LATER = NOW + timedelta(seconds=30)


def item(name: str, incident: str = "", *, kind: str = "opened", later: bool = False, tries: int = 0) -> Item:
    made = message(name, kind=kind, incident_id=incident or f"inc-{name}", state="open")
    return Item(made, LATER if later else NOW, tries)


def digest(name: str, *incidents: str) -> Item:
    return Item(message(name, kind="digest", incident_id=""), NOW, 0, incidents)


def pick(*items: Item, left: int = 100, pages: int = 100, may_merge: bool = True) -> Choice:
    return choose(items, NOW, left=left, left_for_pages=pages, may_merge=may_merge)


def ids(items: tuple[Item, ...]) -> list[str]:
    return [one.message.id for one in items]


STORM = [item(f"s{place}") for place in range(MERGE_FROM)]


def test_incidents_do_not_wait_for_each_other() -> None:
    assert ids(pick(item("a"), item("b")).send) == ["a", "b"]


def test_a_second_message_of_an_incident_waits_for_the_first() -> None:
    assert ids(pick(item("a", "i"), item("b", "i", kind="result"), item("c")).send) == ["a", "c"]


def test_a_message_that_is_retried_later_holds_back_only_its_own_incident() -> None:
    assert ids(pick(item("a", "i", later=True), item("b", "i"), item("c")).send) == ["c"]


def test_a_page_goes_first() -> None:
    assert ids(pick(item("a"), item("p", "i", kind="escalation")).send) == ["p", "a"]


def test_a_page_follows_its_own_first_message_when_that_can_go_now() -> None:
    assert ids(pick(item("a", "i"), item("p", "i", kind="escalation")).send) == ["a"]


def test_a_page_does_not_wait_for_an_older_message_that_failed() -> None:
    choice = pick(item("a", "i", later=True, tries=1), item("p", "i", kind="escalation"))
    assert ids(choice.send) == ["p"]
    assert choice.absorbed == {"p": ("a",)}


def test_a_page_does_not_wait_in_a_storm_and_replaces_what_it_overtakes() -> None:
    choice = pick(*STORM, item("p", "inc-s0", kind="escalation"))
    assert ids(choice.send) == ["p"]
    assert choice.absorbed == {"p": ("s0",)}
    assert "s0" not in ids(choice.merge)


def test_two_pages_of_an_incident_keep_their_order() -> None:
    first, second = item("p", "i", kind="escalation"), item("q", "i", kind="escalation")
    assert ids(pick(first, second).send) == ["p"]


def test_a_page_uses_the_reserve() -> None:
    choice = pick(item("a"), item("p", kind="escalation"), left=0, pages=1)
    assert ids(choice.send) == ["p"]


def test_many_messages_become_one_digest() -> None:
    choice = pick(*STORM)
    assert choice.send == ()
    assert len(choice.merge) == MERGE_FROM


def test_one_message_less_is_no_storm() -> None:
    choice = pick(*STORM[1:])
    assert choice.merge == ()
    assert len(choice.send) == MERGE_FROM - 1


def test_a_storm_waits_for_the_pause_between_digests() -> None:
    choice = pick(*STORM, may_merge=False)
    assert (choice.send, choice.merge) == ((), ())


def test_an_incident_goes_on_only_after_the_digest_that_names_it() -> None:
    assert ids(pick(digest("d", "i"), item("b", "i"), item("c")).send) == ["d", "c"]


def test_a_digest_does_not_overtake_a_message_that_is_retried() -> None:
    choice = pick(*STORM, item("late", "j", later=True, tries=1), item("next", "j"))
    assert "next" not in ids(choice.merge)


def test_nothing_is_sent_without_budget() -> None:
    assert pick(item("a"), left=0, pages=0) == Choice()


@pytest.mark.parametrize(
    ("attempts", "retry_after_s", "chance", "pause"),
    [
        pytest.param(0, None, 1.0, 1.0, id="first"),
        pytest.param(3, None, 0.0, 4.0, id="jitter takes up to half"),
        pytest.param(30, None, 1.0, 600.0, id="at most ten minutes"),
        pytest.param(3, 60, 0.0, 60.0, id="the server's wish"),
    ],
)
def test_pause(attempts: int, retry_after_s: float | None, chance: float, pause: float) -> None:
    assert pause_s(attempts, retry_after_s, lambda: chance) == pause
