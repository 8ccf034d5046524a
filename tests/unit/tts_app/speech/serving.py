"""What tests of the speech service share: asking it, holding its engine, its clock and timers."""

import threading

from tests.unit.tts_app.fakes import WAIT_S
from tts_app import health
from tts_app.engines.base import SpeechRequest
from tts_app.observe import Observer


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Timers:
    """Stands for threading.Timer; the test fires."""

    def __init__(self):
        self.made = []

    def __call__(self, seconds, action):
        timer = threading.Timer(seconds, action)
        timer.start = lambda: None  # type: ignore[method-assign]
        self.made.append(timer)
        return timer

    def fire_latest(self):
        self.made[-1].function()


class Heard(Observer):
    def __init__(self):
        self.outcomes = []

    def ended(self, request, outcome, *, took_s, audio_s=0.0):
        self.outcomes.append(outcome)


def ask(service, text="hello", **options):
    return service.submit(SpeechRequest(text), **options)


def occupied(service, engine, text="first"):
    """Submit a job and wait until the engine holds it."""
    engine.hold()
    job = ask(service, text)
    assert engine.entered.wait(WAIT_S)
    return job


def reason(service):
    return health.not_ready(service.snapshot().facts)
