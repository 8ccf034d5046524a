"""The mailbox is a real SMTP server: mails sent with smtplib arrive, refusals look real."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller

from tests.sim.mailbox.box import Mailbox
from tests.sim.mailbox.server import serve

NOW = 1_700_000_000.0


def mail(subject: str = "gpu01: service_down") -> EmailMessage:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "r@example.org", "oncall@example.org"
    message["Message-ID"], message["References"] = "<2@example.org>", "<1@example.org>"
    message.set_content("你好\n")
    message.add_alternative("<p>你好</p>", subtype="html")
    return message


class FreePort(Controller):
    """Listens on a port the system chose; `hostname` and `port` are known after the start."""

    def _create_server(self):
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listening)


@pytest.fixture
def box() -> Mailbox:
    return Mailbox(clock=lambda: NOW)


@pytest.fixture
def smtp(box: Mailbox) -> Iterator[int]:
    controller = FreePort(box, hostname="127.0.0.1", ready_timeout=30)
    controller.start()
    yield controller.port
    controller.stop()


def send(port: int, message: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=30) as client:
        client.send_message(message)


def test_a_mail_arrives_with_its_headers_text_and_html(box, smtp):
    send(smtp, mail())
    (kept,) = box.mails
    assert (kept.subject, kept.to, kept.at) == ("gpu01: service_down", ["oncall@example.org"], NOW)
    assert (kept.message_id, kept.references) == ("<2@example.org>", "<1@example.org>")
    assert (kept.text.strip(), kept.html.strip()) == ("你好", "<p>你好</p>")


@pytest.mark.parametrize(("kind", "code"), [("temporary", 451), ("permanent", 550)])
def test_a_scripted_refusal_has_its_code_and_keeps_nothing(box, smtp, kind, code):
    box.script.add(kind)
    with pytest.raises(smtplib.SMTPDataError) as caught:
        send(smtp, mail())
    assert caught.value.smtp_code == code
    assert box.mails == []
    send(smtp, mail())
    assert len(box.mails) == 1


def test_a_dropped_connection_is_no_answer(box, smtp):
    box.script.add("drop")
    with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
        send(smtp, mail())
    assert box.mails == []


def test_mails_survive_a_restart(tmp_path):
    journal = tmp_path / "mail.jsonl"
    Mailbox(journal, clock=lambda: NOW).receive("a@x", ["b@x"], mail().as_bytes())
    assert [m.subject for m in Mailbox(journal).mails] == ["gpu01: service_down"]


def test_the_page_lists_subjects_as_text(box):
    import urllib.request

    box.receive("a@x", ["b@x"], mail("<b>bold</b>").as_bytes())
    with (
        serve(box) as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/", timeout=30) as answer,
    ):
        page = answer.read().decode()
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    assert "<b>bold" not in page
