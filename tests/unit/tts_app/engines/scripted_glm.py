"""A GLM engine whose worker answers from a script, in the process's place."""

import numpy as np

from tts_app.engines.glm import GlmEngine
from tts_app.engines.glm_supervisor import GlmSupervisor
from tts_app.glm_worker.protocol import pack

LOADED = {
    "event": "loaded",
    "device": "cpu",
    "sample_rates": [24000, 32000],
    "memory": {"kind": "rss", "rss_mb": 100.0},
}


def spoken(seconds=1.0, level=0.1, rss_mb=100.0):
    samples = np.full(int(seconds * 24000), level, np.float32)
    return {"event": "spoken", "samples": pack(samples), "memory": {"kind": "rss", "rss_mb": rss_mb}}


def failed(kind, message):
    return {"event": "failed", "kind": kind, "message": message}


class AtLoad:
    """What happens while the worker loads."""

    def __init__(self, error):
        self.error = error


class Worker:
    """Answers from a script; an exception in it is raised. Without a script it speaks."""

    pid = 1
    said = ()  # on standard error

    def __init__(self, script=()):
        self.script, self.sent, self.killed = list(script), [], False

    def alive(self):
        return not self.killed

    def send(self, message):
        self.sent.append(message)
        return len(self.sent)

    def wait(self, number, timeout_s, *, on_event=None, cancelled=None):
        op = self.sent[number - 1]["op"]
        if op == "load" and not (
            self.script and self.script[0] is not None and self._for_load(self.script[0])
        ):
            return LOADED
        answer = self.script.pop(0) if self.script else spoken()
        answer = answer.error if isinstance(answer, AtLoad) else answer
        if isinstance(answer, Exception):
            raise answer
        return answer

    @staticmethod
    def _for_load(answer):
        return isinstance(answer, AtLoad) or (isinstance(answer, dict) and answer.get("at_load"))

    def kill(self):
        self.killed = True
        return -9

    def last_words(self):
        return self.said if self.killed else ()  # before its end they may be incomplete

    def ops(self):
        return [message["op"] for message in self.sent]


class Fleet:
    """Hands out workers one after another and remembers them."""

    def __init__(self, *scripts):
        self.scripts, self.started = list(scripts), []

    def __call__(self):
        self.started.append(Worker(self.scripts.pop(0) if self.scripts else ()))
        return self.started[-1]


def engine(*scripts, default_voice=None, **kwargs):
    fleet = Fleet(*scripts)
    supervisor = GlmSupervisor(fleet, **kwargs)
    return GlmEngine(supervisor, default_voice=default_voice), fleet


def restarts(speaks):
    return dict(speaks.status().worker_restarts)
