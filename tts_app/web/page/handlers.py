"""What happens when people type and click. Each handler gets plain values and returns plain values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from tts_app import health
from tts_app.engines.base import Reference, Speech, SpeechRequest
from tts_app.errors import Cancelled, TtsError
from tts_app.metrics import HIGH_RATE_HZ, rss_bytes
from tts_app.text.check import LONG_TEXT_CHARS
from tts_app.web.context import Context
from tts_app.web.page import boxes, speaking
from tts_app.web.page.admit import admit
from tts_app.web.page.reference import reference_advice
from tts_app.web.page.words import is_chinese, say
from tts_app.web.references import reference_of
from tts_app.web.requests import speech_request

CLEAR_TIMEOUT_S = 60.0
NO_AUDIO = None


class Handlers:
    """The page's handlers over one context."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def advise(
        self, text: str, rate: int, audio: str | None, transcript: str, request: gr.Request
    ) -> tuple[str, Any]:
        """Return warnings about what is typed so far, and whether to offer splitting."""
        chinese, limit = is_chinese(request.headers), self.context.settings.max_chars
        longest = max(len(part) for part in speaking.parts_of(text or ""))
        lines = []
        if len(text or "") > limit:
            lines.append(say("too_long", chinese, count=len(text), limit=limit))
        elif longest > LONG_TEXT_CHARS:
            lines.append(say("long", chinese, count=longest, limit=LONG_TEXT_CHARS))
        if rate >= HIGH_RATE_HZ:
            lines.append(say("slow_rate", chinese))
        lines += reference_advice(audio, transcript or "", chinese=chinese)
        return boxes.warnings(lines), gr.update(visible=longest > LONG_TEXT_CHARS)

    def split(self, text: str) -> str:
        """Return the text in short parts."""
        return speaking.split_for_people(text or "")

    def speak(
        self,
        text: str,
        voice: str,
        rate: int,
        seed: float,
        speed: float,
        audio: str | None,
        transcript: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, str]]:
        """Yield (audio or no change, message) until the speech is there."""
        chinese, began = is_chinese(request.headers), time.monotonic()
        try:
            owner = admit(self.context, request)
            reference = self._reference(audio, transcript or "")
            wanted = self._requests(text or "", voice, int(rate), int(seed or 0), float(speed), reference)
            for step in speaking.speak(self.context.service, wanted, owner=owner, chinese=chinese):
                if isinstance(step, Speech):
                    yield _playable(step), _told(step, chinese, time.monotonic() - began)
                else:
                    yield gr.skip(), boxes.good(step.line)
        except Cancelled:
            yield gr.skip(), boxes.good(say("stopped", chinese))
        except TtsError as error:
            yield NO_AUDIO, boxes.failure(error, chinese=chinese)

    def stopped(self, request: gr.Request) -> str:
        """Say that the work was given up."""
        return boxes.good(say("stopped", is_chinese(request.headers)))

    def clear(self, request: gr.Request) -> str:
        """Clear memory; say what it did."""
        chinese = is_chinese(request.headers)
        try:
            admit(self.context, request)
            line = speaking.clear(self.context.service, chinese=chinese, timeout_s=CLEAR_TIMEOUT_S)
        except TtsError as error:
            return boxes.failure(error, chinese=chinese)
        return boxes.good(line)

    def status(self, request: gr.Request) -> str:
        """Return the status line."""
        chinese, snapshot = is_chinese(request.headers), self.context.service.snapshot()
        state = health.not_ready(snapshot.facts)
        engine = self.context.service.engine
        line = say(
            "status",
            chinese,
            engine=escape(engine.name),
            state=say(state.value if state else "ready", chinese),
            depth=snapshot.facts.queued,
            limit=snapshot.facts.queue_limit,
            memory=f"{rss_bytes() / 1e6:.0f} MB",
            error=escape(snapshot.last_error or say("none", chinese)),
        )
        preset = "" if engine.status().clones_voices else f"<br>{say('preset', chinese)}"
        return f'<div class="vk-status">{line}{preset}</div>'

    def _reference(self, audio: str | None, transcript: str) -> Reference | None:
        if audio is None:
            return None
        clones = self.context.service.engine.status().clones_voices
        strict = self.context.settings.strict_reference
        return reference_of(Path(audio), transcript, strict=strict, clones=clones)

    def _requests(
        self, text: str, voice: str, rate: int, seed: int, speed: float, reference: Reference | None
    ) -> list[SpeechRequest]:
        settings = self.context.settings
        return [
            speech_request(
                self.context.service.engine,
                text=part,
                max_chars=settings.max_chars,
                voice=voice,
                default_voice=None if reference else settings.voice,
                sample_rate=rate,
                seed=seed,
                speed=speed,
                reference=reference,
            )
            for part in speaking.parts_of(text)
        ]


def _playable(speech: Speech) -> tuple[int, Any]:
    return speech.sample_rate, (np.clip(speech.samples, -1, 1) * 32767).astype(np.int16)


def _told(speech: Speech, chinese: bool, took_s: float) -> str:
    resampled = say("resampled", chinese) if speech.resampled else ""
    return boxes.good(
        say(
            "spoken",
            chinese,
            audio=speech.duration_s,
            rate=speech.sample_rate,
            resampled=resampled,
            took=took_s,
        )
    )
