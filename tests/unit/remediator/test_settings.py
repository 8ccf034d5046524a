"""Settings: variables over file over defaults, every problem at once, no secret printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.settings import FIELDS, Settings, load


def problems(**env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load({f"REMEDIATOR_{name.upper()}": value for name, value in env.items()})
    return list(caught.value.problems)


def test_nothing_set_gives_the_defaults_and_they_observe() -> None:
    assert load({}) == Settings()
    assert load({}).mode == "observe"


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "remediator.yml"
    file.write_text("mode: propose\nprobe_interval_s: 60\nmail_to: [a@b.c, d@e.f]\n", encoding="utf-8")
    settings = load({"REMEDIATOR_CONFIG": str(file), "REMEDIATOR_MODE": "act"})
    assert (settings.mode, settings.probe_interval_s, settings.mail_to) == ("act", 60.0, ("a@b.c", "d@e.f"))


def test_values_become_their_types() -> None:
    settings = load(
        {
            "REMEDIATOR_SMTP_PORT": "465",
            "REMEDIATOR_STATE_DIR": "/srv/r",
            "REMEDIATOR_SSH_KEY": "",
            "REMEDIATOR_WECOM_HEADLINE_CARD": "yes",
            "REMEDIATOR_MAIL_TO": "a@b.c, d@e.f",
            "REMEDIATOR_LISTEN": "[::1]:8686",
        }
    )
    assert settings.smtp_port == 465
    assert settings.runs_dir == Path("/srv/r/runs")
    assert settings.ssh_key is None
    assert settings.wecom_headline_card is True
    assert settings.mail_to == ("a@b.c", "d@e.f")
    assert settings.listen_address == ("::1", 8686)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("mode", "destroy", "one of observe, propose, act"),
        ("probe_failures", "0", "at least 1"),
        ("probe_failures", "2.5", "whole number"),
        ("hold_down_s", "nan", "finite"),
        ("hold_down_s", "soon", "a number"),
        ("wecom_headline_card", "maybe", "true or false"),
        ("listen", "8686", "ADDRESS:PORT"),
        ("listen", "h:99999", "ADDRESS:PORT"),
        ("timezone", "Mars/Base", "IANA"),
        ("timezone", "/etc/passwd", "IANA"),
        ("public_url", "ftp://x", "http"),
        ("digest_at", "25:00", "HH:MM"),
        ("smtp_host", "mail", "mail_to"),
    ],
)
def test_a_wrong_value_is_named_with_the_fix(name: str, value: str, words: str) -> None:
    found = problems(**{name: value})
    assert any(words in problem for problem in found)


def test_every_problem_is_told_at_once() -> None:
    assert len(problems(mode="x", listen="x", probe_failures="x")) == 3


def test_a_login_without_protection_is_refused() -> None:
    found = problems(smtp_host="m", mail_to="a@b.c", smtp_user="me")
    assert {problem.partition(":")[0] for problem in found} == {"smtp_security", "smtp_password_file"}


@pytest.mark.parametrize("text", ["mode: [", "- a", "nonsense: 1", "mode: 7"])
def test_a_wrong_file_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "remediator.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load({"REMEDIATOR_CONFIG": str(file)})


def test_an_empty_file_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "remediator.yml"
    file.write_text("", encoding="utf-8")
    assert load({"REMEDIATOR_CONFIG": str(file)}) == Settings()


def test_printed_settings_give_no_password_away() -> None:
    settings = load({"REMEDIATOR_DATABASE_URL": "postgresql://me:secret@db/x"})
    assert "secret" not in repr(settings)


def test_every_setting_says_what_it_means() -> None:
    assert all(field.meaning for field in FIELDS.values())
