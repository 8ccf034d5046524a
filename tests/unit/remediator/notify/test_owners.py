"""Who hears of a batch's fault: the owner when the on-call file knows the name, else the group."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from remediator.notify.build import mentions_of, receivers_of
from remediator.notify.letter import Reader
from remediator.notify.markup import LOOKALIKES
from remediator.notify.message import Message
from remediator.notify.oncall import Person, Rotation
from remediator.notify.outbox import Outbox
from remediator.notify.owners import Owners
from remediator.notify.receivers import Receiver
from remediator.notify.schedule import Item, choose
from remediator.notify.wecom import markdown_body, text_body
from remediator.notify.wording import compose
from remediator.settings import Settings
from tests.unit.remediator.notify.kit import NOW, FakeChannel, message, reader, receiver
from tests.unit.remediator.notify.world import World

WANG = Person("wang", "王伟", "wangwei", "wang@example.com")
LI = Person("li", "Li Na", "lina", "", aliases=("nightly-books",))
ZHAO = Person("zhao", "", "", "zhao@example.com")
NAMESAKE = Person("wang2", "王伟", "wangwei2")
PEOPLE = (WANG, LI, ZHAO)


def owned(owner: str = "wang", **changes: object) -> Message:
    facts = {
        "kind": "owner",
        "state": "escalated",
        "fault": "bad_task_file",
        "severity": "info",
        "owner": owner,
    }
    return message(**{**facts, "proof": None, "run": None, **changes})


@pytest.mark.parametrize(
    ("name", "person"),
    [
        pytest.param("wang", WANG, id="key"),
        pytest.param("王伟", WANG, id="name"),
        pytest.param("lina", LI, id="chat id"),
        pytest.param("ZHAO@example.com", ZHAO, id="address"),
        pytest.param(" Li Na ", LI, id="blanks and case"),
        pytest.param("ｗａｎｇ", WANG, id="full width"),
        pytest.param("nightly-books", LI, id="alias"),
        pytest.param("wan", None, id="only a part"),
        pytest.param("", None, id="nobody"),
        pytest.param("@all", None, id="everybody is nobody"),
    ],
)
def test_whom_a_name_means(name: str, person: Person | None) -> None:
    assert Owners(PEOPLE).find(name) == person


def test_the_name_of_two_people_is_nobodys() -> None:
    both = Owners((WANG, NAMESAKE), by_chat=True)
    assert both.find("王伟") is None
    assert not both.knows("王伟")
    assert both.knows("wangwei2")


@pytest.mark.parametrize(
    ("name", "chat", "mail", "knows"),
    [
        ("li", True, False, True),
        ("li", False, True, False),  # has no address
        ("zhao", True, False, False),  # has no chat id
        ("zhao", False, True, True),
        ("kim", True, True, False),
    ],
)
def test_who_can_not_be_reached_is_as_good_as_unknown(name: str, chat: bool, mail: bool, knows: bool) -> None:
    assert Owners(PEOPLE, by_chat=chat, by_mail=mail).knows(name) is knows


ROTATION = Rotation(
    reader().zone, {one.key: one for one in (*PEOPLE, NAMESAKE)}, ["wang", "li"], datetime(2026, 11, 23, 9)
)


@pytest.fixture
def found(tmp_path: Path) -> dict[str, Receiver]:
    """A group's robot and a boss's mailbox that hear only of what is critical, and everybody's own mailbox."""
    (tmp_path / "robots").write_text("https://robot.example/send?key=SECRET\n", encoding="utf-8")
    (tmp_path / "notify.yml").write_text(
        f"receivers:\n- {{name: ops, wecom_robot_urls_file: {tmp_path}/robots, least_severity: critical}}\n"
        "- {name: boss, mail: boss@example.com, least_severity: critical}\n",
        encoding="utf-8",
    )
    settings = replace(Settings(smtp_host="mail"), notify_file=tmp_path / "notify.yml")
    return {one.name: one for one in receivers_of(settings, lambda: NOW, ROTATION)}


@pytest.mark.parametrize(
    ("owner", "hear"),
    [
        pytest.param("wangwei", {"ops", "duty:wang"}, id="by chat and mail"),
        pytest.param("li", {"ops"}, id="by chat only"),
        pytest.param("zhao", {"duty:zhao"}, id="by mail only"),
        pytest.param("kim", {"ops", "boss"}, id="unknown: everybody"),
        pytest.param("王伟", {"ops", "boss"}, id="two of that name: everybody"),
        pytest.param("", {"ops", "boss"}, id="nobody named: everybody"),
    ],
)
def test_who_hears_of_it(found: dict[str, Receiver], owner: str, hear: set[str]) -> None:
    assert {name for name, one in found.items() if one.not_before(owned(owner)) is not None} == hear


def test_a_page_still_goes_to_whom_it_calls_and_no_other_message(found: dict[str, Receiver]) -> None:
    page = message(kind="escalation", state="escalated", severity="info", at=NOW.isoformat(), owner="zhao")
    assert {name for name, one in found.items() if one.not_before(page)} == {"ops", "boss", "duty:wang"}
    assert {name for name, one in found.items() if one.not_before(message(severity="info"))} == set()


def test_only_the_owner_is_mentioned() -> None:
    mentions = mentions_of(ROTATION)
    assert mentions(owned("nightly-books"), NOW) == ("lina",)
    assert mentions(owned("kim"), NOW) == ()
    assert mentions(owned("zhao"), NOW) == ()
    assert mentions_of(None)(owned("wang"), NOW) == ()


def test_the_outbox_mentions_the_owner_where_people_can_be_mentioned() -> None:
    group, mail = FakeChannel("group"), FakeChannel("mail")
    world = World(receiver(group, mentions=True), receiver(mail))
    on_call = mentions_of(ROTATION)
    world.outbox = Outbox(world.store, world.receivers, world.clock, on_call=on_call)  # type: ignore[arg-type]
    world.say("owner", state="escalated", owner="li")
    world.run(3)
    assert [letter.mentions for letter in (*group.got, *mail.got)] == [("lina",), ()]


def words(owner: str, **reading: object) -> str:
    letter = compose(owned(owner), reader("en", **reading))
    return next(line.text for line in letter.lines if line.label == "Owner")


def test_a_stranger_is_shown_by_name_with_the_request_to_pass_it_on() -> None:
    assert words("kim") == "kim (not in the on-call file; please pass it on)"
    assert words("wang", knows=Owners(PEOPLE, by_chat=True).knows) == "wang"
    assert words("") == "the log does not say; please find and tell them"


@pytest.mark.parametrize("body", [markdown_body, text_body])
@pytest.mark.parametrize("name", ["<@all>", "</font>**<@wangwei>", "[x](https://evil.example)", "`@all`"])
def test_a_name_is_text_and_calls_nobody(body: object, name: str) -> None:
    sent = body(compose(owned(name), reader()))  # type: ignore[operator]
    kind = sent["msgtype"]
    assert name not in sent[kind]["content"]
    assert name.translate(LOOKALIKES) in sent[kind]["content"]
    assert "mentioned_list" not in sent[kind]


def test_it_rings_nobody_up() -> None:
    assert compose(owned(), Reader("en", reader().zone)).tone == "quiet"


def item(one: Message, name: str, incident: str) -> Item:
    return Item(replace(one, id=name, incident_id=incident), NOW)


def test_in_a_storm_the_owner_gets_a_message_of_their_own() -> None:
    news = [item(message(kind="opened"), f"m{place}", f"i{place}") for place in range(9)]
    mine = item(owned(), "mine", "i-mine")
    choice = choose([*news, mine], NOW, left=20, left_for_pages=20, may_merge=True)
    assert [one.message.id for one in choice.send] == ["mine"]
    assert len(choice.merge) == 9


def test_a_page_overtakes_the_owners_message_and_does_not_swallow_it() -> None:
    mine = replace(item(owned(), "mine", "i1"), attempts=1)
    page = item(message(kind="escalation", state="escalated"), "page", "i1")
    choice = choose([mine, page], NOW, left=20, left_for_pages=20, may_merge=True)
    assert [one.message.id for one in choice.send] == ["page", "mine"]
    assert choice.absorbed.get("page", ()) == ()
