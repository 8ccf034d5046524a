"""Proof that an instance speaks: it synthesizes a short text and the sound is judged."""

from __future__ import annotations

import array
import math
import struct
import sys
import time
from typing import NamedTuple

from glmtts_remedy import gradio, web
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError, UsageProblem

SHORTEST_S = 0.3
QUIETEST_RMS = 0.005
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE


class Sound(NamedTuple):
    """What a WAV file holds."""

    duration_s: float
    rms: float
    sample_rate: int


def speak(config: Config, instance: Instance, text: str | None, sample_rate: int | None) -> dict[str, object]:
    """Let the instance say `text` through its reserved slot. Raises HelperError if the sound is none."""
    words = text or config.speak_text
    if len(words) > 200:
        raise UsageProblem("--text is at most 200 characters")
    if instance.adopted and not instance.adopted.gradio_api:
        return answered(config, instance)
    began = time.monotonic()
    wav = _said(config, instance, words, sample_rate)
    took_s = round(time.monotonic() - began, 2)
    sound = measure(wav)
    judge(sound, None if instance.adopted else sample_rate)
    return {
        "spoken": True,
        "proof": "speech",
        "instance": str(instance.port),
        "duration_s": round(sound.duration_s, 3),
        "rms": round(sound.rms, 4),
        "sample_rate": sound.sample_rate,
        "took_s": took_s,
        "engine": _engine(instance),
    }


def answered(config: Config, instance: Instance) -> dict[str, object]:
    """Show that an adopted service answers, which is all it can be asked. Raises HelperError if it does not."""
    reply = web.ask(instance.port, "GET", instance.health_path, config.speak_timeout_s)
    if reply.outcome != "ok":
        said = f"{reply.outcome} {reply.status or ''}".strip()
        raise HelperError(f"{instance.health_path} on port {instance.port}: {said}", spoken=False)
    return {
        "spoken": False,
        "answered": True,
        "proof": "http",
        "note": "it answers over HTTP; not proved by speech",
        "instance": str(instance.port),
        "took_s": reply.took_s,
        "engine": instance.engine,
    }


def _said(config: Config, instance: Instance, words: str, sample_rate: int | None) -> bytes:
    if instance.adopted:
        inputs = instance.adopted.gradio_inputs
        return gradio.speak(instance.port, instance.adopted.gradio_api, inputs, words, config.speak_timeout_s)
    body: dict[str, object] = {"text": words}
    if sample_rate:
        body["sample_rate"] = sample_rate
    return web.admin(config, instance, "/admin/speak", config.speak_timeout_s, body, web.LARGEST_AUDIO).body


def judge(sound: Sound, sample_rate: int | None) -> None:
    """Raise HelperError when the sound is too short, silent, or not of the rate asked for."""
    facts = {"spoken": False, **sound._asdict()}
    if sound.duration_s < SHORTEST_S:
        raise HelperError(f"the sound is only {sound.duration_s:.2f} s long", **facts)
    if sound.rms < QUIETEST_RMS:
        raise HelperError(f"the sound is silent (rms {sound.rms:.4f})", **facts)
    if sample_rate and sound.sample_rate != sample_rate:
        raise HelperError(f"the sound has {sound.sample_rate} Hz instead of {sample_rate}", **facts)


def measure(wav: bytes) -> Sound:
    """Read a RIFF/WAVE file of 16-bit or float samples. Raises HelperError when it is no such file."""
    if wav[:4] != b"RIFF" or wav[8:12] != b"WAVE":
        raise HelperError("the answer is no WAV file")
    chunks = _chunks(wav)
    try:
        kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunks[b"fmt "])
        data = chunks[b"data"]
    except (KeyError, struct.error):
        raise HelperError("the WAV file has no format or no data") from None
    samples, full = _samples(kind, bits, data)
    if not samples or not channels or not rate:
        return Sound(0.0, 0.0, rate)
    rms = math.sqrt(math.fsum(value * value for value in samples) / len(samples)) / full
    return Sound(len(samples) / channels / rate, rms, rate)


def _samples(kind: int, bits: int, data: bytes) -> tuple[array.array[float] | array.array[int], float]:
    if kind in {PCM, EXTENSIBLE} and bits == 16:
        samples: array.array[float] | array.array[int] = array.array("h", data[: len(data) // 2 * 2])
        full = 32768.0
    elif kind in {FLOAT, EXTENSIBLE} and bits == 32:
        samples, full = array.array("f", data[: len(data) // 4 * 4]), 1.0
    else:
        raise HelperError(f"the WAV file has samples of an unknown kind ({kind}, {bits} bits)")
    if sys.byteorder == "big":
        samples.byteswap()
    return samples, full


def _chunks(wav: bytes) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    at = 12
    while at + 8 <= len(wav):
        name, size = wav[at : at + 4], int.from_bytes(wav[at + 4 : at + 8], "little")
        found.setdefault(name, wav[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _engine(instance: Instance) -> str:
    if instance.adopted:
        return instance.engine
    body = web.ask(instance.port, "GET", "/healthz", 3).json()
    return str(body.get("engine", instance.engine)) if isinstance(body, dict) else instance.engine
