"""Buttons from chat: only signed, only fresh, only by operators, once."""

from __future__ import annotations

import base64
import os
import struct
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from flask.testing import FlaskClient

from remediator.errors import Conflict
from remediator.notify.wecom_app import AppConfig, Callback
from remediator.notify.wecom_crypto import key_of, signature
from tests.unit.remediator.web.kit import FakeDesk, app

KEY = key_of("jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
CONFIG = AppConfig("ww1", "secret", 7, "wang", Callback("token", KEY, frozenset({"wang"})))


def sealed(text: str, corp: str = "ww1") -> str:
    raw = text.encode()
    plain = os.urandom(16) + struct.pack(">I", len(raw)) + raw + corp.encode()
    padding = 32 - len(plain) % 32
    encryptor = Cipher(algorithms.AES(KEY), modes.CBC(KEY[:16])).encryptor()
    return base64.b64encode(
        encryptor.update(plain + bytes([padding]) * padding) + encryptor.finalize()
    ).decode()


@pytest.fixture
def desk() -> FakeDesk:
    return FakeDesk()


@pytest.fixture
def client(desk: FakeDesk) -> FlaskClient:
    made = app(desk)
    made.extensions.update(wecom_app=CONFIG, clock=lambda: NOW)
    return made.test_client()


def query(encrypted: str, age_s: int = 0, **changes: str) -> dict[str, str]:
    stamp = str(int(NOW.timestamp()) - age_s)
    signed = signature("token", stamp, "nonce", encrypted)
    return {"msg_signature": signed, "timestamp": stamp, "nonce": "nonce"} | changes


def press(
    client: FlaskClient, key: str = "approve ask-1", user: str = "wang", age_s: int = 0, **changes: str
):
    who = f"<FromUserName><![CDATA[{user}]]></FromUserName>"
    encrypted = sealed(f"<xml>{who}<Event>template_card_event</Event><EventKey>{key}</EventKey></xml>")
    body = f"<xml><Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    return client.post("/wecom/callback", query_string=query(encrypted, age_s, **changes), data=body)


def test_the_console_may_ask_whether_the_address_is_ours(client: FlaskClient) -> None:
    echo = sealed("1616140317555161061")
    answer = client.get("/wecom/callback", query_string={**query(echo), "echostr": echo})
    assert answer.get_data(as_text=True) == "1616140317555161061"


@pytest.mark.parametrize(("word", "approve"), [("approve", True), ("deny", False)])
def test_an_operators_button_decides(client: FlaskClient, desk: FakeDesk, word: str, approve: bool) -> None:
    assert press(client, f"{word} ask-1").status_code == 200
    assert desk.calls == [("decide", "ask-1", approve, "wecom:wang")]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param({"msg_signature": "0" * 40}, id="wrong signature"),
        pytest.param({"nonce": "other"}, id="other nonce"),
        pytest.param({"age_s": 301}, id="too old"),
        pytest.param({"age_s": -301}, id="from the future"),
        pytest.param({"timestamp": "soon"}, id="no time"),
    ],
)
def test_a_call_that_is_not_from_wechat_work_is_refused(
    client: FlaskClient, desk: FakeDesk, call: dict
) -> None:
    assert press(client, **call).status_code == 403
    assert desk.calls == []


@pytest.mark.parametrize(
    ("key", "user"),
    [("approve ask-1", "mallory"), ("reboot ask-1", "wang"), ("", "wang"), ("approve ask-1", "")],
)
def test_other_people_and_other_words_decide_nothing(
    client: FlaskClient, desk: FakeDesk, key: str, user: str
) -> None:
    assert press(client, key, user).status_code == 200
    assert desk.calls == []


def test_a_button_that_comes_twice_is_answered_and_changes_nothing(
    client: FlaskClient, desk: FakeDesk
) -> None:
    desk.error = Conflict("is already approved")
    assert press(client).status_code == 200


def test_without_an_app_there_is_no_such_route(desk: FakeDesk) -> None:
    assert app(desk).test_client().get("/wecom/callback").status_code == 404


def test_a_huge_body_is_refused(client: FlaskClient) -> None:
    assert client.post("/wecom/callback", data=b"x" * 70_000).status_code == 413
