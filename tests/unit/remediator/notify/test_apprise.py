"""Apprise, the real package, against a server of our own; without the package these are skipped.

In an environment that has it: `pip install -r remediator/requirements-apprise.txt`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError, NotifyError
from remediator.notify.apprise_extra import Apprise
from remediator.notify.build import receivers_of
from remediator.notify.wording import compose
from remediator.settings import Settings
from tests.sim.web import Dropped, Reply, Server
from tests.unit.remediator.notify.kit import Clock, message, reader
from tests.unit.remediator.notify.world import World

pytest.importorskip("apprise", reason="the optional package apprise is not installed")
LETTER = compose(message(), reader())


class Endpoint:
    """Takes what is posted to it; `status` is what it answers, 0 drops the connection."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[dict[str, Any]] = []

    def answer(self, _call: str, _query: dict[str, str], body: bytes) -> Reply:
        if self.status == 0:
            raise Dropped
        if self.status == 200:
            self.got.append(json.loads(body))
        return Reply({}, self.status)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def url(endpoint: Endpoint) -> Iterator[str]:
    with Server(endpoint.answer) as server:
        yield f"json://voice:SECRET@127.0.0.1:{server.port}/in"


def test_a_message_arrives_with_its_headline_text_and_id(endpoint: Endpoint, url: str) -> None:
    assert Apprise(url, "1").send(LETTER) == "Apprise says yes"
    (got,) = endpoint.got
    assert got["title"] == LETTER.headline
    assert "glm-tts@7860.service" in got["message"]
    assert LETTER.message_id in got["message"]


@pytest.mark.parametrize("status", [0, 400, 404, 500])
def test_a_no_is_tried_again_whatever_its_reason(endpoint: Endpoint, url: str, status: int) -> None:
    endpoint.status = status
    with pytest.raises(NotifyError, match="Apprise says no") as caught:
        Apprise(url, "1").send(LETTER)
    assert not caught.value.permanent


def test_an_address_it_does_not_understand_is_named_by_its_line_only() -> None:
    with pytest.raises(ConfigError, match="line 3 is not understood") as caught:
        Apprise("nosuchservice://SECRET", "3")
    assert "SECRET" not in str(caught.value)


def test_its_own_log_gives_no_address_away(
    endpoint: Endpoint, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    endpoint.status = 500
    with pytest.raises(NotifyError):
        Apprise(url, "1").send(LETTER)
    assert "SECRET" not in caplog.text


def test_the_outbox_delivers_through_it_when_the_server_is_back(
    endpoint: Endpoint, url: str, tmp_path: Path
) -> None:
    (tmp_path / "addresses").write_text(f"# one a line\n{url}\n", encoding="utf-8")
    clock = Clock()
    world = World(*receivers_of(Settings(apprise_urls_file=tmp_path / "addresses"), clock), clock=clock)
    endpoint.status = 500
    world.say()
    world.deliver()
    assert endpoint.got == []
    endpoint.status = 200
    world.run(120, step=20)
    assert len(endpoint.got) == 1
    assert world.states() == {"delivered": 1}
