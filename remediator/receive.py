"""Stage 0: the bytes that a sender posted become one JSON object, or a refusal that says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from remediator.errors import BadAlert

MAX_BODY_BYTES = 1_000_000


def receive(body: bytes) -> Mapping[str, Any]:
    """Return the payload. Raises BadAlert when it can never work."""
    if len(body) > MAX_BODY_BYTES:
        raise BadAlert("body", f"is larger than {MAX_BODY_BYTES} bytes", "group fewer alerts")
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        raise BadAlert("body", "is not JSON", "send the webhook's JSON") from None
    if not isinstance(payload, dict):
        raise BadAlert("body", "is not a JSON object", "send the webhook's JSON")
    return payload
