"""The generic webhook: signed, with an id that duplicates share."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
import requests

from remediator.errors import NotifyError
from remediator.notify.webhook import Webhook
from remediator.notify.wording import compose
from tests.unit.remediator.notify.kit import NOW, message, reader

URL = "https://calls.example/in?token=SECRET"


def send(status: int = 200, error: Exception | None = None) -> tuple[str, dict[str, Any]]:
    asked: dict[str, Any] = {}

    def post(url: str, **options: Any) -> requests.Response:
        asked.update(options, url=url)
        if error is not None:
            raise error
        answer = requests.Response()
        answer.status_code = status
        return answer

    said = Webhook(URL, "key", clock=lambda: NOW, post=post).send(compose(message(), reader()))
    return said, asked


def test_the_body_is_signed_with_its_time() -> None:
    said, asked = send()
    stamp = asked["headers"]["X-Voicekeeper-Timestamp"]
    expected = hmac.new(b"key", stamp.encode() + b"." + asked["data"], hashlib.sha256).hexdigest()
    assert said == "HTTP 200"
    assert stamp == str(int(NOW.timestamp()))
    assert asked["headers"]["X-Voicekeeper-Signature"] == f"sha256={expected}"


def test_the_body_says_what_happened() -> None:
    body = json.loads(send()[1]["data"])
    assert body["id"] == "msg-1"
    assert body["headline"] == "gpu01:7860 服务停止：已恢复"
    assert body["urgent"] is False


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(500, False), (503, False), (429, False), (408, False), (404, True), (400, True), (302, True)],
)
def test_only_what_cannot_get_better_is_given_up(status: int, permanent: bool) -> None:
    with pytest.raises(NotifyError) as caught:
        send(status)
    assert caught.value.permanent is permanent


def test_an_error_never_names_the_address() -> None:
    with pytest.raises(NotifyError) as caught:
        send(error=requests.ConnectionError(URL))
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
