"""Messages between the service and its GLM worker: one JSON object per line, both ways.

Requests (service to worker)             Answers (each with the request's id)
  {"op": "load", "id"}                   loaded {"device", "sample_rates", "memory"}
  {"op": "speak", "id", "pieces", ...}   progress {"done", "total"} ..., then spoken {"samples", ...}
  {"op": "clear", "id"}                  cleared {"before", "after"}
  {"op": "cancel", "id"}                 none of its own: the speak fails as "cancelled"
Any request may end with failed {"kind", "message"}; the kinds are in failures.py.
Samples travel as base64 of little-endian float32, mono.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np

Message = dict[str, Any]
LOAD = "load"  # the one op that carries nobody's text
MAX_LINE_BYTES = 256 * 1024 * 1024  # ten minutes of sound are 77 MB


class Garbage(ValueError):
    """A line that is no message."""


def encode(message: Message) -> bytes:
    """Return `message` as one line."""
    return json.dumps(message, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def decode(line: bytes) -> Message:
    """Return the message in `line`. Raises Garbage."""
    try:
        message = json.loads(line)
    except ValueError as error:
        raise Garbage(f"{len(line)} bytes that are no JSON") from error
    if not isinstance(message, dict):
        raise Garbage(f"a JSON {type(message).__name__} where an object was expected")
    return message


def pack(samples: np.ndarray) -> str:  # any float array, one dimension
    """Return samples as text."""
    return base64.b64encode(np.ascontiguousarray(samples, dtype="<f4").tobytes()).decode("ascii")


def unpack(text: object) -> np.ndarray:  # float32, one dimension
    """Return the samples in `text`. Raises Garbage."""
    if not isinstance(text, str):
        raise Garbage("samples are missing")
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Garbage("samples are no base64") from error
    if len(raw) % 4:
        raise Garbage("samples are cut")
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)
