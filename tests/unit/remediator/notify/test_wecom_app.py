"""The app API: one token for two hours, buttons that come back signed, nothing secret in errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError, NotifyError
from remediator.notify.wecom_app import App, load_app
from remediator.notify.wecom_crypto import BadCallback, key_of, open_message, signature
from remediator.notify.wording import compose
from tests.unit.remediator.notify.kit import Clock, message, reader

# Published with WeChat Work's sample code.
TOKEN, NONCE, STAMP = "QDG6eK", "263014780", "1409659589"
AES_KEY, CORP = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7"
CLAIMED = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
ECHO = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
FILE = f"""
corpid: {CORP}
secret: SECRET
agentid: 1000002
to: [wang, li]
callback: {{token: {TOKEN}, aes_key: {AES_KEY}, operators: [wang]}}
"""


def opened(**changes: str) -> str:
    call = {"claimed": CLAIMED, "timestamp": STAMP, "nonce": NONCE, "encrypted": ECHO} | changes
    return open_message(
        TOKEN,
        key_of(AES_KEY),
        changes.pop("receiver", CORP),
        **{k: v for k, v in call.items() if k != "receiver"},
    )


def test_the_published_vector_opens() -> None:
    assert opened() == "1616140317555161061"


@pytest.mark.parametrize(
    "change",
    [
        {"claimed": "0" * 40},
        {"claimed": ""},
        {"claimed": "签名"},
        {"timestamp": "1409659590"},
        {"nonce": "1"},
        {"encrypted": ECHO[:-4] + "AAA="},
        {"receiver": "wx0"},
    ],
)
def test_anything_changed_on_the_way_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(BadCallback):
        opened(**change)


@pytest.mark.parametrize("junk", ["", "AAAA", "no base64!", "A" * 64, "A" * 63 + "="])
def test_junk_with_a_right_signature_is_refused(junk: str) -> None:
    claimed = signature(TOKEN, STAMP, NONCE, junk)
    with pytest.raises(BadCallback):
        opened(encrypted=junk, claimed=claimed)


class Server:
    """Stands for the API; `codes` are the errcodes of the next sends."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.tokens = list(codes), 0
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def get(self, _url: str, **options: Any) -> Any:
        assert options["params"] == {"corpid": CORP, "corpsecret": "SECRET"}
        self.tokens += 1
        return _Answer({"errcode": 0, "access_token": f"t{self.tokens}", "expires_in": 7200})

    def post(self, url: str, **options: Any) -> Any:
        self.sent.append((url.partition("access_token=")[2], options["json"]))
        return _Answer({"errcode": self.codes.pop(0) if self.codes else 0})


class _Answer:
    status_code = 200

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body

    def json(self) -> dict[str, Any]:
        return self._body


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.yml"
    path.write_text(FILE, encoding="utf-8")
    return path


def app(file: Path, server: Server, clock: Clock | None = None) -> App:
    return App(load_app(file), clock=clock or Clock(), get=server.get, post=server.post)


LETTER = compose(message(), reader())
ASK = compose(
    message(kind="decided", state="asking", approve={"id": "ask-1", "expires_at": "2026-11-27T01:30:00Z"}),
    reader(),
)


def test_the_token_is_fetched_once_for_its_lifetime(file: Path) -> None:
    server, clock = Server(), Clock()
    channel = app(file, server, clock)
    channel.send(LETTER)
    clock.tick(timedelta(minutes=114).total_seconds())
    channel.send(LETTER)
    clock.tick(timedelta(minutes=2).total_seconds())
    channel.send(LETTER)
    assert [token for token, _ in server.sent] == ["t1", "t1", "t2"]


def test_a_token_that_was_revoked_early_is_fetched_anew(file: Path) -> None:
    server = Server(42001, 0)
    assert app(file, server).send(LETTER) == "errcode 0"
    assert [token for token, _ in server.sent] == ["t1", "t2"]


def test_a_message_goes_to_the_people_named(file: Path) -> None:
    server = Server()
    app(file, server).send(LETTER)
    body = server.sent[0][1]
    assert (body["touser"], body["agentid"], body["msgtype"]) == ("wang|li", 1000002, "markdown")
    assert len(body["markdown"]["content"].encode()) <= 2048


def test_whom_a_message_mentions_gets_it_too_and_once(file: Path) -> None:
    server = Server()
    app(file, server).send(replace(LETTER, mentions=("zhao", "li")))
    body = server.sent[0][1]
    assert body["touser"] == "wang|li|zhao"
    assert "<@" not in body["markdown"]["content"]


def test_who_tells_everybody_tells_nobody_twice(file: Path) -> None:
    file.write_text(FILE.replace("[wang, li]", '"@all"', 1), encoding="utf-8")
    server = Server()
    app(file, server).send(replace(LETTER, mentions=("zhao",)))
    assert server.sent[0][1]["touser"] == "@all"


def test_a_long_message_keeps_its_id(file: Path) -> None:
    server = Server()
    long = message(found={"en": "x", "zh": "显存不足" * 900})
    app(file, server).send(compose(long, reader()))
    content = server.sent[0][1]["markdown"]["content"]
    assert len(content.encode()) <= 2048
    assert long.id in content


def test_a_question_has_two_buttons(file: Path) -> None:
    server = Server()
    app(file, server).send(ASK)
    card = server.sent[0][1]["template_card"]
    assert [button["key"] for button in card["button_list"]] == ["approve ask-1", "deny ask-1"]


def test_without_a_callback_a_question_has_no_buttons(file: Path) -> None:
    file.write_text(FILE.partition("callback")[0], encoding="utf-8")
    server = Server()
    app(file, server).send(ASK)
    assert server.sent[0][1]["msgtype"] == "markdown"


def test_a_refusal_is_judged_like_a_robots(file: Path) -> None:
    with pytest.raises(NotifyError) as caught:
        app(file, Server(45009)).send(LETTER)
    assert not caught.value.permanent


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ((f"corpid: {CORP}", ""), "corpid: is missing"),
        (("agentid: 1000002", "agentid: x"), "agentid: must be a number"),
        ((AES_KEY, "short"), "callback.aes_key"),
        (("operators: [wang]", "operators: []"), "needs token and operators"),
    ],
)
def test_a_mistake_in_the_file_is_named_and_nothing_quoted(
    file: Path, change: tuple[str, str], problem: str
) -> None:
    file.write_text(FILE.replace(*change), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_app(file)
    assert problem in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_the_config_is_printed_without_its_secret(file: Path) -> None:
    assert "SECRET" not in repr(load_app(file))
