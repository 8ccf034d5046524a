"""Receivers from settings or from their own file; mistakes named, secrets never."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError
from remediator.notify.build import mentions_of, parse_quiet, receivers_of
from remediator.notify.oncall import Person, Rotation
from remediator.notify.receivers import Receiver
from remediator.settings import Settings
from tests.unit.remediator.notify.kit import NOW, MemoryStore, message, reader

SECRET = "https://robot.example/send?key=SECRET"
ROTATION = Rotation(
    reader().zone,
    {
        "wang": Person("wang", "王伟", "wangwei", "wang@example.com"),
        "li": Person("li", "Li", "lina", "", "en"),
    },
    ["wang", "li"],
    datetime(2026, 11, 23, 9),
)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "robots").write_text(f"# two of one group\n{SECRET}1\n\n{SECRET}2\n", encoding="utf-8")
    (tmp_path / "hook").write_text("https://calls.example/in?token=SECRET\n", encoding="utf-8")
    (tmp_path / "key").write_text("SECRET\n", encoding="utf-8")
    (tmp_path / "app").write_text("{corpid: ww1, secret: SECRET, agentid: 7, to: [a, b]}", encoding="utf-8")
    return tmp_path


def make(settings: Settings, rotation: Rotation | None = None) -> dict[str, Receiver]:
    return {one.name: one for one in receivers_of(settings, lambda: NOW, rotation)}


def from_file(files: Path, text: str, **changes: Any) -> dict[str, Receiver]:
    (files / "notify.yml").write_text(text.replace("DIR", str(files)), encoding="utf-8")
    return make(replace(Settings(smtp_host="mail"), notify_file=files / "notify.yml", **changes))


def test_nothing_set_tells_nobody() -> None:
    assert make(Settings()) == {}


def test_each_channel_that_is_set_is_a_receiver(files: Path) -> None:
    settings = Settings(
        wecom_robot_urls_file=files / "robots", wecom_headline_card=True, smtp_host="mail",
        mail_to=("a@b.c", "d@e.f"), webhook_url_file=files / "hook", webhook_secret_file=files / "key",
        wecom_app_file=files / "app",
    )  # fmt: skip
    assert list(make(settings)) == ["wecom", "wecom-card", "mail:a@b.c", "mail:d@e.f", "webhook", "wecom-app"]


def test_two_robots_may_send_twice_as_much_and_cards_count(files: Path) -> None:
    found = make(Settings(wecom_robot_urls_file=files / "robots", wecom_headline_card=True))
    texts, cards, store = found["wecom"].pool, found["wecom-card"].pool, MemoryStore()
    assert texts.left(store, NOW, page=True) == 40
    assert cards.members[0].budget.take(store, NOW, page=True)
    assert texts.left(store, NOW, page=True) == 39


def test_the_name_of_a_budget_is_not_the_robots_address(files: Path) -> None:
    pool = make(Settings(wecom_robot_urls_file=files / "robots"))["wecom"].pool
    assert all("SECRET" not in member.budget.channel for member in pool.members)


def test_a_file_gives_each_receiver_its_own_language_zone_and_hours(files: Path) -> None:
    found = from_file(
        files,
        """
receivers:
  - {name: ops, wecom_robot_urls_file: DIR/robots, format: text, quiet: "23:00-07:00", least_severity: warning}
  - {name: berlin, mail: b@example.com, language: en, timezone: Europe/Berlin}
""",
    )
    assert (found["ops"].least_severity, found["ops"].quiet) == ("warning", parse_quiet("23:00-07:00"))
    assert (found["berlin"].reader.language, found["berlin"].reader.zone.key) == ("en", "Europe/Berlin")


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("{mail: a@b.c}", "name: is missing"),
        (f"{{name: {'x' * 57}, mail: a@b.c}}", "name: must have at most 56 characters"),
        ("{name: x}", "needs exactly one of"),
        ("{name: x, mail: a@b.c, webhook_url_file: DIR/hook}", "needs exactly one of"),
        ("{name: x, mail: a@b.c, colour: red}", "colour: no such field"),
        ("{name: x, mail: a@b.c, language: fr}", "language: must be zh or en"),
        ("{name: x, mail: a@b.c, timezone: Mars}", "timezone: must be an IANA name"),
        ("{name: x, mail: a@b.c, least_severity: loud}", "least_severity"),
        ("{name: x, mail: a@b.c, quiet: nights}", "quiet: must be HH:MM-HH:MM"),
        ("{name: x, mail: a@b.c, quiet: 07:00-07:00}", "quiet: must be HH:MM-HH:MM"),
        ("{name: x, wecom_robot_urls_file: DIR/robots, format: card}", "format"),
        ("{name: x, wecom_robot_urls_file: DIR/none}", "can't be read"),
        ("{name: x, webhook_url_file: DIR/hook}", "webhook_secret_file"),
        ("{name: x, apprise_urls_file: DIR/none}", "apprise"),
        ("{name: x, mail: nobody}", "mail: nobody is no mail address"),
        ('{name: x, mail: "a@b.c, d@e.f"}', "is no mail address"),
    ],
)
def test_a_mistake_is_named(files: Path, row: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(files, f"receivers: [{row}]")
    assert problem in str(caught.value)
    assert "receiver 1" in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_every_mistake_is_told_at_once(files: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        from_file(files, "receivers: [{name: a}, {name: b}]")
    assert len(caught.value.problems) == 2


def test_two_receivers_may_not_share_a_name(files: Path) -> None:
    with pytest.raises(ConfigError, match="used twice"):
        from_file(files, "receivers: [{name: a, mail: a@b.c}, {name: a, mail: d@e.f}]")


def test_an_empty_file_of_secrets_is_named(files: Path) -> None:
    (files / "robots").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="wecom_robot_urls_file"):
        make(Settings(wecom_robot_urls_file=files / "robots"))


def test_the_person_on_duty_gets_pages_by_mail_and_nothing_else() -> None:
    found = make(Settings(smtp_host="mail"), ROTATION)
    duty = found["duty:wang"]
    page = message(kind="escalation", state="escalated", at=NOW.isoformat())
    assert duty.not_before(page) == NOW
    assert duty.not_before(message()) is None
    assert duty.not_before(message(kind="escalation", level=1)) is None
    assert "duty:li" not in found


def test_the_one_who_is_called_is_mentioned() -> None:
    mentions = mentions_of(ROTATION)
    assert mentions(message(kind="escalation"), NOW) == ("wangwei",)
    assert mentions(message(kind="escalation", level=1), NOW) == ("lina",)
    assert mentions_of(None)(message(kind="escalation"), NOW) == ()


def test_two_very_long_addresses_are_two_receivers_that_the_database_can_name() -> None:
    addresses = tuple(f"{'x' * 60}{place}@example.com" for place in range(2))
    names = list(make(Settings(smtp_host="mail", mail_to=addresses)))
    assert len(set(names)) == 2
    assert all(len(name) <= 64 for name in names)


@pytest.mark.parametrize(("style", "can"), [("markdown", True), ("text", True), ("markdown_v2", False)])
def test_who_can_be_mentioned_where(files: Path, style: str, can: bool) -> None:
    found = make(Settings(wecom_robot_urls_file=files / "robots", wecom_format=style))  # type: ignore[arg-type]
    assert found["wecom"].mentions is can


def test_a_sender_that_is_no_address_is_named() -> None:
    with pytest.raises(ConfigError, match="mail_from: remediator is no mail address"):
        make(Settings(smtp_host="mail", mail_to=("a@b.c",), mail_from="remediator"))
