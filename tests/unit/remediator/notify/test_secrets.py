"""The channels' secrets are in no log, no exception, no page and no dump of the database, whatever goes wrong."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from remediator.errors import NotifyError
from remediator.notify import webhook, wecom, wecom_app
from remediator.notify.build import receivers_of
from remediator.notify.mail import Mailbox
from remediator.notify.outbox import Outbox
from remediator.notify.receivers import Receiver
from remediator.notify.wording import compose
from remediator.settings import Settings
from remediator.store import Store, notifications
from remediator.web import views
from tests.unit.remediator.notify.kit import Clock, message, payload, reader
from tests.unit.remediator.world import PATIENCE_S, migrated

SECRETS = (
    "R0B0T-KEY",
    "APP-S3CRET",
    "HOOK-T0KEN",
    "S1GN-KEY",
    "MAIL-PASSW0RD",
    "CALLBACK-T0K",
    "jWmYm7qr5nMoAUwZRjGt",
)
FILES = {
    "robots": "https://robot.example/send?key=R0B0T-KEY\n",
    "app": "{corpid: ww1, secret: APP-S3CRET, agentid: 7, callback: {token: CALLBACK-T0K, operators: [a], "
    "aes_key: jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C}}",
    "hook": "https://calls.example/in?token=HOOK-T0KEN\n",
    "sign": "S1GN-KEY\n",
    "password": "MAIL-PASSW0RD\n",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return Settings(
        wecom_robot_urls_file=tmp_path / "robots", wecom_app_file=tmp_path / "app", smtp_host="localhost",
        webhook_url_file=tmp_path / "hook", webhook_secret_file=tmp_path / "sign", smtp_user="voice",
        smtp_password_file=tmp_path / "password", smtp_security="tls", mail_to=("ops@example.com",), smtp_port=1,
    )  # fmt: skip


def refuses(url: str, *_: object, **options: object) -> object:
    """Fail as a library does that names all it was given."""
    raise requests.ConnectionError(f"{url} {options}")


def answers(url: str, *_: object, **options: object) -> object:
    """Refuse as a server does that repeats all it was sent."""
    found = requests.Response()
    found.status_code = 200 if "robot" in url or "qyapi" in url else 400
    found._content = f'{{"errcode": 40058, "errmsg": "{url} {options.get("params")}"}}'.replace(
        "'", ""
    ).encode()
    return found


@pytest.mark.parametrize("server", [refuses, answers])
def test_nothing_that_goes_wrong_gives_a_secret_away(
    settings: Settings,
    server: Callable[..., object],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("post", "get"):
        monkeypatch.setattr(requests, name, server)
    (tmp_path / "r.db").write_bytes(migrated())
    store, clock = Store(f"sqlite:///{tmp_path}/r.db", patience_s=PATIENCE_S), Clock()
    receivers = [wired(one, server) for one in receivers_of(settings, clock)]
    assert len(receivers) == 4
    outbox = Outbox(store, receivers, clock)
    store.write(lambda db: notifications.add(db, "result", payload(incident_id=""), clock.now))
    outbox.fan_out()
    for _ in range(3):
        for one in receivers:
            outbox.deliver(one)
        clock.tick(120)
    told = said(store)
    assert told.count('"failed"') + told.count('"due"') >= 4, "every channel failed"
    store.close()
    dump = b"".join(path.read_bytes() for path in tmp_path.glob("r.db*")).decode("utf-8", "replace")
    printed = " ".join(map(repr, [settings, receivers, *(one.pool.members[0].channel for one in receivers)]))
    for secret in SECRETS:
        assert secret not in dump
        assert secret not in caplog.text
        assert secret not in told
        assert secret not in printed


def wired(receiver: Receiver, server: Callable[..., object]) -> Receiver:
    """Let the receiver's channel reach `server` instead of the network."""
    channel = receiver.pool.members[0].channel
    if isinstance(channel, wecom.Robot | webhook.Webhook | wecom_app.App):
        channel._post = server  # type: ignore[assignment]
    if isinstance(channel, wecom_app.App):
        channel._get = server  # type: ignore[assignment]
    if isinstance(channel, Mailbox):
        channel._tls = no_server  # type: ignore[assignment]
    return replace(receiver)


def no_server(*words: object, **options: object) -> object:
    raise OSError(f"{words} {options} MAIL-PASSW0RD")


def said(store: Store) -> str:
    """Return what page and API show of the messages."""
    return json.dumps(store.read(lambda db: views.rows(db, "messages", 100)), default=str)


def test_an_exception_has_no_cause_that_would_be_printed_with_it(settings: Settings) -> None:
    (robot, *_) = receivers_of(settings, Clock())
    channel = robot.pool.members[0].channel
    channel._post = refuses  # type: ignore[attr-defined]
    with pytest.raises(NotifyError) as caught:
        channel.send(compose(message(), reader()))
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
