"""What a batch and its worker process say to each other: a JSON line, then as many bytes as it says."""

from __future__ import annotations

import json
import os
import selectors
import time
from typing import Any

import numpy as np

from tts_app import errors
from tts_app.engines.base import Reference, Samples, Speech, SpeechRequest
from tts_app.errors import BadRequest, Busy, EngineError, LoadFailed, TtsError

Message = dict[str, Any]
CHUNK = 1 << 20
ENGINE_ERRORS = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, EngineError)
}


class Closed(Exception):
    """The other side is gone."""


class TooLate(Exception):
    """The other side said nothing in time."""


def frame(message: Message, payload: bytes = b"") -> bytes:
    """Return a message ready to be sent."""
    return json.dumps({**message, "bytes": len(payload)}).encode() + b"\n" + payload


def send(handle: int, data: bytes) -> None:
    """Write all of `data`. Raises Closed."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(handle, view) :]
    except OSError as error:
        raise Closed from error


def send_within(handle: int, data: bytes, timeout_s: float) -> None:
    """Write all of `data` to a non-blocking pipe whose reader may hang. Raises Closed, TooLate."""
    deadline, view = time.monotonic() + timeout_s, memoryview(data)
    with selectors.DefaultSelector() as selector:
        selector.register(handle, selectors.EVENT_WRITE)
        while view:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TooLate
            try:
                view = view[os.write(handle, view) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise Closed from error


class Receiver:
    """Reads messages from a pipe."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(handle, selectors.EVENT_READ)

    def receive(self, timeout_s: float | None = None) -> tuple[Message, bytes]:
        """Return the next message and its bytes. Raises Closed, TooLate."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (end := self._buffer.find(b"\n")) < 0:
            self._fill(deadline)
        message: Message = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        size = int(message["bytes"])
        while len(self._buffer) < size:
            self._fill(deadline)
        payload = bytes(self._buffer[:size])
        del self._buffer[:size]
        return message, payload

    def _fill(self, deadline: float | None) -> None:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not self._selector.select(remaining):
            raise TooLate
        chunk = os.read(self._handle, CHUNK)
        if not chunk:
            raise Closed
        self._buffer += chunk

    def close(self) -> None:
        """Forget the pipe; its owner closes it."""
        self._selector.close()


def pack_request(request: SpeechRequest) -> bytes:
    """Return the frame that asks for `request`."""
    reference = request.reference
    message: Message = {
        "text": request.text,
        "sample_rate": request.sample_rate,
        "voice": request.voice,
        "seed": request.seed,
        "speed": request.speed,
        "reference": reference and {"sample_rate": reference.sample_rate, "transcript": reference.transcript},
    }
    return frame(message, b"" if reference is None else _to_bytes(reference.samples))


def unpack_request(message: Message, payload: bytes) -> SpeechRequest:
    """Return the request in a frame."""
    values = {name: message[name] for name in ("text", "sample_rate", "voice", "seed", "speed")}
    reference = message["reference"]
    if reference is not None:
        reference = Reference(_to_samples(payload), reference["sample_rate"], reference["transcript"])
    return SpeechRequest(**values, reference=reference)


def pack_speech(speech: Speech) -> bytes:
    """Return the frame that answers with `speech`."""
    message = {
        "event": "speech",
        "sample_rate": speech.sample_rate,
        "resampled": speech.resampled,
        "pieces": speech.pieces,
    }
    return frame(message, _to_bytes(speech.samples))


def unpack_speech(message: Message, payload: bytes) -> Speech:
    """Return the speech in a frame."""
    return Speech(_to_samples(payload), message["sample_rate"], message["resampled"], message["pieces"])


def pack_error(error: Exception) -> bytes:
    """Return the frame that answers with `error`."""
    message: Message = {"event": "error", "kind": type(error).__name__}
    if isinstance(error, TtsError):
        message |= {"en": error.message_en, "zh": error.message_zh}
    else:
        message |= {"en": f"{type(error).__name__}: {error}", "zh": f"语音引擎出错：{type(error).__name__}"}
    if isinstance(error, Busy):
        message |= {"retry_after_s": error.retry_after_s}
    if isinstance(error, BadRequest):
        message |= {"field": error.field, "fix": error.fix, "fix_zh": error.fix_zh}
    return frame(message)


def unpack_error(message: Message) -> TtsError:
    """Return the error in a frame, of the kind it was where that kind is ours."""
    if message["kind"] == "BadRequest":
        return BadRequest(
            message["field"], message["en"], message["zh"], message["fix"], fix_zh=message["fix_zh"]
        )
    if message["kind"] == "Busy":
        return Busy(message["retry_after_s"], message["en"], message["zh"])
    kind = ENGINE_ERRORS.get(message["kind"], EngineError)
    return kind(message["en"], message["zh"])


def unpack_load_failure(message: Message) -> LoadFailed:
    """Return why the worker could not load its engine."""
    return LoadFailed(message["en"], message["zh"])


def _to_bytes(samples: Samples) -> bytes:
    return np.ascontiguousarray(samples, dtype="<f4").tobytes()


def _to_samples(payload: bytes) -> Samples:
    return np.frombuffer(payload, "<f4").astype(np.float32)
