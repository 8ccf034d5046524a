"""A generic webhook: the facts as JSON, signed, for voice-call services and the like.

The receiver checks `X-Voicekeeper-Signature: sha256=HEX`, the HMAC-SHA256 of `timestamp + "." + body` under the
shared key, and refuses old timestamps. `id` is the same when a message comes twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import requests

from remediator.errors import NotifyError
from remediator.notify.letter import Letter

TIMEOUT_S = (3, 10)
RETRYABLE = frozenset({408, 425, 429, *range(500, 600)})


class Webhook:
    """One address."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        clock: Callable[[], datetime],
        post: Callable[..., requests.Response] = requests.post,
    ) -> None:
        self._url, self._key, self._clock, self._post = url, key, clock, post
        self.name = "webhook"

    def send(self, letter: Letter) -> str:
        """Deliver `letter` and return the status. Raises NotifyError, which never names the address."""
        body = json.dumps(to_json(letter), ensure_ascii=False).encode()
        stamp = str(int(self._clock().timestamp()))
        headers = {
            "Content-Type": "application/json",
            "X-Voicekeeper-Timestamp": stamp,
            "X-Voicekeeper-Signature": signature(self._key, stamp, body),
        }
        try:
            answer = self._post(
                self._url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise NotifyError(type(error).__name__) from None
        if not 200 <= answer.status_code < 300:
            raise NotifyError(f"HTTP {answer.status_code}", permanent=answer.status_code not in RETRYABLE)
        return f"HTTP {answer.status_code}"


def signature(key: str, stamp: str, body: bytes) -> str:
    """Return what the header must hold."""
    return "sha256=" + hmac.new(key.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def to_json(letter: Letter) -> dict[str, Any]:
    """Return the letter as JSON values."""
    return {
        "id": letter.message_id,
        "incident": letter.thread or None,
        "headline": letter.headline,
        "urgent": letter.tone == "bad",
        "language": letter.language,
        "lines": [
            {"label": line.label, "text": line.text, "command": line.command or None} for line in letter.lines
        ],
        "links": {link.name: link.url for link in letter.links},
    }
