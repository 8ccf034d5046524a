"""What happens when people type and click. Each handler gets plain values and returns plain values."""

from __future__ import annotations

import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from tts_app import errors, health
from tts_app.engines.base import Reference, Speech, SpeechRequest
from tts_app.errors import Cancelled, TtsError
from tts_app.metrics import HIGH_RATE_HZ, rss_bytes
from tts_app.text.check import LONG_TEXT_CHARS
from tts_app.web import refusals
from tts_app.web.context import Context
from tts_app.web.page import boxes, fields, speaking
from tts_app.web.page.admit import admit
from tts_app.web.page.clearing import Clearing
from tts_app.web.page.language import is_chinese
from tts_app.web.page.once import Once
from tts_app.web.page.reference import reference_advice
from tts_app.web.page.words import say
from tts_app.web.references import reference_of
from tts_app.web.requests import speech_request

CLEAR_TIMEOUT_S = 60.0
NO_AUDIO = None


class Handlers:
    """The page's handlers over one context."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._clearing, self._once = Clearing(context.service), Once()

    def advise(
        self, text: str, rate: int | None, audio: str | None, transcript: str, request: gr.Request
    ) -> tuple[str, Any]:
        """Return warnings about what is typed so far, and whether to offer splitting."""
        chinese, limit = is_chinese(request.headers), self.context.settings.max_chars
        count, longest, lines = fields.length_of(text or ""), 0, []
        if count > limit:
            lines.append(say("too_long", chinese, count=count, limit=limit))
        elif (longest := max(map(len, fields.parts_of(text or "")))) > LONG_TEXT_CHARS:
            lines.append(say("long", chinese, count=longest, limit=LONG_TEXT_CHARS))
        if (rate or 0) >= HIGH_RATE_HZ:
            lines.append(say("slow_rate", chinese))
        lines += reference_advice(audio, transcript or "", chinese=chinese)
        return boxes.warnings(lines), gr.update(visible=longest > LONG_TEXT_CHARS)

    def split(self, text: str) -> str:
        """Return the text in short parts; one over the limit as it is: its advice says so."""
        too_long = fields.length_of(text or "") > self.context.settings.max_chars
        return text if too_long else speaking.split_for_people(text or "")

    def speak(
        self,
        text: str,
        voice: object,
        rate: object,
        seed: object,
        speed: object,
        audio: str | None,
        transcript: str,
        request: gr.Request,
    ) -> Iterator[tuple[Any, str]]:
        """Yield (audio or no change, message) until the speech is there; nothing for a further click."""
        sent = fields.Sent(text or "", voice, rate, seed, speed, audio, transcript or "")
        with self._once.only(request) as first:
            if first:
                yield from self._speak(sent, request)

    def _speak(self, sent: fields.Sent, request: gr.Request) -> Iterator[tuple[Any, str]]:
        chinese, began = is_chinese(request.headers), time.monotonic()
        try:
            owner = admit(self.context, request)
            wanted = self._requests(sent, self._reference(sent.audio, sent.transcript))
            for step in speaking.speak(self.context.service, wanted, owner=owner, chinese=chinese):
                if isinstance(step, Speech):
                    yield _playable(step), _told(step, chinese, time.monotonic() - began)
                else:
                    yield gr.skip(), boxes.good(step.line)
        except Cancelled:
            yield gr.skip(), boxes.good(say("stopped", chinese))
        except TtsError as error:
            yield NO_AUDIO, self._failure(error, chinese)

    def stopped(self, request: gr.Request) -> str:
        """Say that the work was given up."""
        return boxes.good(say("stopped", is_chinese(request.headers)))

    def clear(self, request: gr.Request) -> str:
        """Clear memory; say what it did."""
        chinese = is_chinese(request.headers)
        try:
            admit(self.context, request)
            line = self._clearing.clear(chinese=chinese, timeout_s=CLEAR_TIMEOUT_S)
        except TtsError as error:
            return self._failure(error, chinese)
        return boxes.good(line)

    def status(self, request: gr.Request) -> str:
        """Return the status line."""
        chinese, snapshot = is_chinese(request.headers), self.context.service.snapshot()
        state = health.not_ready(snapshot.facts)
        engine = self.context.service.engine
        facts = engine.status()
        line = say(
            "status",
            chinese,
            engine=escape(engine.name),
            state=say(state.value if state else "ready", chinese),
            depth=snapshot.facts.queued,
            limit=snapshot.facts.queue_limit,
            memory=round(rss_bytes() / 1e6 if facts.memory_mb is None else facts.memory_mb),
            kind=facts.memory_kind,
            error=escape(_error_name(snapshot.last_error, chinese)),
        )
        if name := self.context.service.substituted_by:
            line += escape(say("spoken_by", chinese, name=name))
        preset = "" if facts.clones_voices else f"<br>{say('preset', chinese)}"
        return f'<div class="vk-status">{line}{preset}</div>'

    def _failure(self, error: TtsError, chinese: bool) -> str:
        refusals.count(self.context.metrics, error)
        return boxes.failure(error, chinese=chinese)

    def _reference(self, audio: str | None, transcript: str) -> Reference | None:
        if audio is None:
            return None
        clones = self.context.service.engine.status().clones_voices
        strict = self.context.settings.strict_reference
        return reference_of(Path(audio), transcript, strict=strict, clones=clones)

    def _requests(self, sent: fields.Sent, reference: Reference | None) -> list[SpeechRequest]:
        settings = self.context.settings
        rate_hz = fields.whole_number(sent.rate, "sample_rate")
        voice = fields.name_of(sent.voice, "voice")
        chosen_seed, chosen_speed = fields.seed_of(sent.seed), fields.number(sent.speed, "speed")
        return [
            speech_request(
                self.context.service.engine,
                text=part,
                max_chars=settings.max_chars,
                voice=voice,
                sample_rate=rate_hz,
                seed=chosen_seed,
                speed=chosen_speed,
                reference=reference,
            )
            for part in fields.checked_parts(sent.text, max_chars=settings.max_chars)
        ]


def _error_name(kind: str | None, chinese: bool) -> str:
    if kind is None:
        return say("none", chinese)
    known = getattr(errors, kind, TtsError)
    return f"{known.zh}（{kind}）" if chinese else kind


def _playable(speech: Speech) -> tuple[int, Any]:
    return speech.sample_rate, (np.clip(speech.samples, -1, 1) * 32767).astype(np.int16)


def _told(speech: Speech, chinese: bool, took_s: float) -> str:
    resampled = say("resampled", chinese) if speech.resampled else ""
    by = say("spoken_by", chinese, name=speech.spoken_by) if speech.spoken_by else ""
    return boxes.good(
        say(
            "spoken",
            chinese,
            audio=speech.duration_s,
            rate=speech.sample_rate,
            resampled=resampled,
            took=took_s,
        )
        + by
    )
