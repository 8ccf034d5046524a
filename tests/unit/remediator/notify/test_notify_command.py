"""`remediator notify test`: every kind to every channel, what each server said, and no secret."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from remediator.cli import main
from remediator.notify.samples import samples
from tests.sim.mailbox.box import Mailbox as Box
from tests.sim.wecom.robot import Robot as SimulatedRobot
from tests.unit.remediator.notify.kit import NOW

KINDS = list(samples(NOW))


def notify_test(folder: Path, *words: str, **settings: str) -> Result:
    env = {"REMEDIATOR_LANGUAGE": "en", "REMEDIATOR_STATE_DIR": str(folder), **settings}
    return CliRunner().invoke(main, ["notify", "test", *words], env=env)


@pytest.fixture
def robots(tmp_path: Path, address: str) -> dict[str, str]:
    file = tmp_path / "robots"
    file.write_text(f"{address}good\n{address}DELETED\n", encoding="utf-8")
    return {"REMEDIATOR_WECOM_ROBOT_URLS_FILE": str(file)}


def test_each_kind_goes_to_each_robot_and_a_bad_one_is_named_without_its_key(
    tmp_path: Path, sim: SimulatedRobot, robots: dict[str, str]
) -> None:
    answer = notify_test(tmp_path, **robots)
    lines = answer.output.splitlines()
    assert [line for line in lines if line.startswith("wecom  robot 1")] == [
        f"wecom  robot 1  {kind}  errcode 0" for kind in KINDS
    ]
    bad = [line for line in lines if line.startswith("wecom  robot 2")]
    assert len(bad) == len(KINDS)
    assert all("failed: " in line and "93000" in line for line in bad)
    assert "DELETED" not in answer.output
    assert len(sim.messages) == len(KINDS)
    assert answer.exit_code == 1


def test_one_kind_to_one_mailbox(tmp_path: Path, box: Box, plain: int) -> None:
    mail = {
        "REMEDIATOR_SMTP_HOST": "localhost",
        "REMEDIATOR_SMTP_PORT": str(plain),
        "REMEDIATOR_SMTP_SECURITY": "none",
        "REMEDIATOR_MAIL_FROM": "remediator@control.example",
        "REMEDIATOR_MAIL_TO": "ops@example.com,boss@example.com",
    }
    answer = notify_test(tmp_path, "--kind", "escalation", "--receiver", "mail:ops@example.com", **mail)
    assert answer.output == "mail:ops@example.com  mail ops@example.com  escalation  SMTP 250\n"
    assert answer.exit_code == 0
    assert len(box.mails) == 1


def test_the_mailboxes_of_the_people_on_call_are_tried_too(tmp_path: Path, box: Box, plain: int) -> None:
    oncall = tmp_path / "oncall.yml"
    oncall.write_text(
        "people: {wang: {mail: wang@example.com}}\nrotation: {start: 2026-11-23 09:00, order: [wang]}\n",
        encoding="utf-8",
    )
    mail = {
        "REMEDIATOR_SMTP_HOST": "localhost",
        "REMEDIATOR_SMTP_PORT": str(plain),
        "REMEDIATOR_MAIL_FROM": "remediator@control.example",
        "REMEDIATOR_MAIL_TO": "ops@example.com",
        "REMEDIATOR_ONCALL_FILE": str(oncall),
    }
    answer = notify_test(tmp_path, "--kind", "escalation", **mail)
    assert "duty:wang  mail wang@example.com  escalation  SMTP 250" in answer.output.splitlines()


def test_without_a_channel_it_says_which_settings_to_make(tmp_path: Path) -> None:
    answer = notify_test(tmp_path)
    assert answer.exit_code == 2
    assert "wecom_robot_urls_file" in answer.output
