"""Mail: one thread per incident, two parts, refusals judged, nothing of the login in errors."""

from __future__ import annotations

import email
import smtplib
from email import policy
from email.message import EmailMessage
from typing import Any, Self

import pytest

from remediator.errors import NotifyError
from remediator.notify import mail
from remediator.notify.mail import Mailbox, Server, build
from remediator.notify.wording import compose
from tests.unit.remediator.notify.kit import NOW, message, reader

SENDER = "remediator@control.example"


class FakeSmtp:
    """Stands for a connection; `error` is raised when the mail is handed over."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls: list[str] = []
        self.mails: list[EmailMessage] = []

    def __call__(self, host: str, port: int, **_options: Any) -> FakeSmtp:
        self.calls.append(f"connect {host}:{port}")
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.calls.append("quit")

    def starttls(self, **_options: Any) -> None:
        self.calls.append("starttls")

    def login(self, user: str, _password: str) -> None:
        self.calls.append(f"login {user}")

    def close(self) -> None:
        self.calls.append("close")

    def send_message(self, made: EmailMessage) -> None:
        if self.error is not None:
            raise self.error
        self.mails.append(made)


def letter(message_id: str = "msg-1", **changes: Any) -> mail.Letter:
    return compose(message(message_id, **changes), reader())


def mailbox(smtp: FakeSmtp, **server: Any) -> Mailbox:
    where = Server("mail.example", 25, **server)
    return Mailbox(where, SENDER, "ops@example.com", clock=lambda: NOW, plain=smtp, tls=smtp)  # type: ignore[arg-type]


def test_a_mail_has_a_text_and_an_html_part_that_say_the_same() -> None:
    made = email.message_from_bytes(
        build(letter(), SENDER, "ops@example.com", NOW).as_bytes(), policy=policy.default
    )
    plain, html = (part.get_content() for part in made.iter_parts())
    for words in ("gpu01:7860 服务停止：已恢复", "被信号 9 杀死", "msg-1"):
        assert words in plain
        assert words in html


def test_all_mails_of_an_incident_are_one_thread() -> None:
    first = build(letter("msg-1"), SENDER, "ops@example.com", NOW)
    second = build(letter("msg-2", state="escalated"), SENDER, "ops@example.com", NOW)
    assert first["References"] == second["References"]
    assert first["Subject"] == second["Subject"]
    assert first["Message-ID"] != second["Message-ID"]


def test_a_duplicate_carries_the_same_message_id() -> None:
    assert build(letter(), SENDER, "a@b.c", NOW)["Message-ID"] == "<msg-1@control.example>"


def test_machines_can_tell_that_a_machine_wrote_it() -> None:
    made = build(letter(), SENDER, "ops@example.com", NOW)
    assert made["Auto-Submitted"] == "auto-generated"
    assert "<voicekeeper.control.example>" in made["List-Id"]


def test_markup_and_line_breaks_in_a_log_line_stay_text() -> None:
    made = build(letter(found="<script>alert(1)</script>\r\nBcc: x@y.z"), SENDER, "ops@example.com", NOW)
    html = made.get_payload()[1].get_content()  # type: ignore[index, union-attr]
    assert "<script>" not in html
    assert made["Bcc"] is None


def test_starttls_comes_before_the_login() -> None:
    smtp = FakeSmtp()
    mailbox(smtp, security="starttls", user="me", password="secret").send(letter())
    assert smtp.calls == ["connect mail.example:25", "starttls", "login me", "quit"]


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        pytest.param(smtplib.SMTPDataError(451, b"later"), False, id="temporary"),
        pytest.param(smtplib.SMTPDataError(554, b"no"), True, id="refused for good"),
        pytest.param(
            smtplib.SMTPRecipientsRefused({"ops@example.com": (450, b"grey")}), False, id="greylisted"
        ),
        pytest.param(
            smtplib.SMTPRecipientsRefused({"ops@example.com": (550, b"who")}), True, id="nobody there"
        ),
        pytest.param(smtplib.SMTPServerDisconnected("gone"), False, id="dropped in the middle"),
        pytest.param(ConnectionRefusedError("no"), False, id="no server"),
        pytest.param(TimeoutError("slow"), False, id="slow"),
        pytest.param(
            smtplib.SMTPAuthenticationError(535, b"secret wrong"), False, id="a login people can repair"
        ),
    ],
)
def test_a_refusal_is_permanent_only_when_the_server_says_so(error: Exception, permanent: bool) -> None:
    with pytest.raises(NotifyError) as caught:
        mailbox(FakeSmtp(error)).send(letter())
    assert caught.value.permanent is permanent
    assert "secret" not in str(caught.value)


def test_the_server_is_printed_without_its_password() -> None:
    assert "secret" not in repr(Server("mail.example", 25, "tls", "me", "secret"))
