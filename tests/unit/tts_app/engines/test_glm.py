"""The service's side of GLM-TTS, with a scripted worker in the process's place."""

import contextlib
import threading

import numpy as np
import pytest

from tts_app.engines.base import Reference, SpeechRequest
from tts_app.engines.glm import GlmEngine, offered_rates, worker_environment
from tts_app.engines.glm_supervisor import GlmSupervisor
from tts_app.engines.worker_process import WorkerGone, WorkerTimeout
from tts_app.errors import (
    BadRequest,
    Cancelled,
    ContextDead,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.glm_worker.protocol import Garbage, pack, unpack

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


def engine(*scripts, **kwargs):
    fleet = Fleet(*scripts)
    supervisor = GlmSupervisor(fleet, **kwargs)
    return GlmEngine(supervisor), fleet


def restarts(speaks):
    return dict(speaks.status().worker_restarts)


def test_it_loads_once_and_speaks():
    speaks, fleet = engine()
    speaks.load()
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0
    speaks.synthesize(SpeechRequest("你好世界", sample_rate=32000))  # F2: another rate loads nothing
    assert [w.ops() for w in fleet.started] == [["load", "speak", "speak"]]


def test_a_task_carries_sound_not_paths_at_the_rates_the_model_needs():
    speaks, fleet = engine()
    reference = Reference(np.full(44100, 0.1, np.float32), 44100, "参考")
    speaks.synthesize(SpeechRequest("你好世界", seed=5, reference=reference, sample_rate=32000))
    task = fleet.started[0].sent[-1]
    assert {rate: len(unpack(text)) for rate, text in task["prompt"].items()} == {
        16000: 16000,
        32000: 32000,
    }  # F9
    assert (task["seed"], task["prompt_text"]) == (5, "参考")


def test_a_transcript_is_one_line_so_that_nothing_of_it_can_look_like_a_line_of_the_log():
    speaks, fleet = engine()
    reference = Reference(np.full(16000, 0.1, np.float32), 16000, "你好\nCUDA error: x\n")
    speaks.synthesize(SpeechRequest("你好世界", reference=reference))
    assert fleet.started[0].sent[-1]["prompt_text"] == "你好 CUDA error: x"


def test_long_texts_are_cut_before_they_are_sent():
    speaks, fleet = engine([spoken(20)])
    speaks.synthesize(SpeechRequest(" ".join(["internationalization"] * 29)))  # F4
    task = fleet.started[0].sent[-1]
    assert len(task["pieces"]) > 1 and all(units <= 60 for units in task["units"])


def test_without_a_reference_a_built_in_one_is_used():
    speaks, fleet = engine()
    speaks.synthesize(SpeechRequest("你好世界"))
    assert fleet.started[0].sent[-1]["prompt_text"]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (SpeechRequest("。。"), "text"),
        (SpeechRequest("你好", voice="nobody"), "voice"),
        (SpeechRequest("你好", speed=1.5), "speed"),
        (SpeechRequest("你好", reference=Reference(np.zeros(9, np.float32), 16000, " ")), "prompt_text"),
        (SpeechRequest("你好", reference=Reference(np.zeros(9, np.float32), 16000, "。…")), "prompt_text"),
    ],
)
def test_what_it_cannot_do_is_refused_before_the_worker_starts(request_, field):
    speaks, fleet = engine()
    with pytest.raises(BadRequest) as caught:
        speaks.synthesize(request_)
    assert caught.value.field == field
    assert fleet.started == []


def test_the_rates_a_checkout_offers_are_known_before_it_is_loaded(tmp_path):
    assert offered_rates(tmp_path) == (24000,)
    (tmp_path / "ckpt" / "vocos2d").mkdir(parents=True)
    (tmp_path / "ckpt" / "vocos2d" / "generator_jit.ckpt").touch()
    assert offered_rates(tmp_path) == (24000, 32000)


def test_a_rate_the_checkout_has_no_vocoder_for_is_refused():
    speaks, _ = engine([{**LOADED, "sample_rates": [24000], "at_load": True}])
    with pytest.raises(BadRequest, match="32000"):
        speaks.synthesize(SpeechRequest("你好", sample_rate=32000))


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        (failed("context_dead", "CUDA error: device-side assert triggered"), ContextDead, "context_dead"),
        (WorkerGone(-11, ("Fatal Python error: Segmentation fault",)), EngineError, "segfault"),
        (WorkerGone(3, ()), EngineError, "died"),
        (WorkerTimeout("no answer"), EngineStuck, "stuck"),
        (Garbage("7 bytes that are no JSON"), EngineError, "protocol"),
        ({"event": "spoken", "samples": "AAA"}, EngineError, "protocol"),
        ({"event": "spoken"}, EngineError, "protocol"),
    ],
)
def test_a_broken_worker_is_killed_replaced_and_counted_and_the_next_text_is_spoken(answer, error, reason):
    speaks, fleet = engine([answer])
    with pytest.raises(error):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert fleet.started[0].killed
    assert restarts(speaks) == {reason: 1}
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0
    assert len(fleet.started) == 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (
            failed("out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"),
            OutOfMemory,
        ),
        (failed("bad_token", "1 speech tokens outside"), EngineError),
        (failed("runaway", "960 speech tokens"), EngineError),
        (failed("failed", "IndexError: list index"), EngineError),
        (failed("cancelled", "cancelled"), Cancelled),
        (spoken(level=0.0), EngineError),
        (spoken(seconds=60), EngineError),
    ],
)
def test_a_failed_task_leaves_the_worker_alone(answer, error):
    speaks, fleet = engine([answer])
    with pytest.raises(error):
        speaks.synthesize(SpeechRequest("你好世界"))
    speaks.synthesize(SpeechRequest("你好世界"))
    assert len(fleet.started) == 1 and restarts(speaks) == {}


def test_out_of_memory_keeps_the_words_people_search_for():
    speaks, _ = engine(
        [failed("out_of_memory", "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")]
    )
    with pytest.raises(OutOfMemory, match="CUDA out of memory"):
        speaks.synthesize(SpeechRequest("你好世界"))


def test_clearing_keeps_the_model_when_emptying_the_cache_is_enough():
    speaks, fleet = engine([{"event": "cleared", "after": {"kind": "rss", "rss_mb": 110.0}}])
    speaks.load()
    report = speaks.clear_memory()
    assert (report.after_mb, report.still_loaded) == (110.0, True)
    assert not fleet.started[0].killed


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            [failed("out_of_memory", "CUDA out of memory"), None], id="after an out-of-memory error"
        ),
        pytest.param(
            [spoken(), {"event": "cleared", "after": {"kind": "rss", "rss_mb": 126.0}}], id="memory stays up"
        ),
        pytest.param([spoken(), WorkerTimeout("hangs")], id="the worker does not answer"),
    ],
)
def test_clearing_replaces_a_worker_that_cannot_give_memory_back(script):
    script = [entry if entry is not None else {"event": "cleared", "after": {}} for entry in script]
    speaks, fleet = engine(script)
    with contextlib.suppress(OutOfMemory):
        speaks.synthesize(SpeechRequest("你好世界"))
    report = speaks.clear_memory()
    assert (report.after_mb, report.still_loaded) == (0.0, False)
    assert fleet.started[0].killed and restarts(speaks) == {"memory": 1}
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0


def test_clearing_before_loading_is_harmless():
    speaks, fleet = engine()
    assert speaks.clear_memory().freed_mb == 0
    assert fleet.started == []


# F13: host memory is only given back by the end of a process.
@pytest.mark.parametrize(
    ("limits", "texts", "workers"),
    [
        ({"recycle_tasks": 2}, 1, 1),
        ({"recycle_tasks": 2}, 2, 2),
        ({"recycle_tasks": 2}, 5, 3),
        ({"recycle_tasks": 0, "recycle_rss_mb": 0}, 9, 1),
        ({"recycle_tasks": 0, "recycle_rss_mb": 99}, 1, 2),
        ({"recycle_tasks": 0, "recycle_rss_mb": 100}, 1, 1),
    ],
)
def test_a_worker_is_replaced_after_so_many_texts_or_at_such_a_size(limits, texts, workers):
    speaks, fleet = engine(**limits)
    for _ in range(texts):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert len(fleet.started) == workers
    assert restarts(speaks).get("recycled", 0) == workers - 1


def test_a_worker_that_died_while_idle_is_replaced_before_the_next_text():
    speaks, fleet = engine()
    speaks.load()
    fleet.started[0].killed = True
    assert not speaks.status().loaded
    assert speaks.synthesize(SpeechRequest("你好世界")).duration_s == 1.0
    assert restarts(speaks) == {"died": 1}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({**failed("load_failed", "FileNotFoundError: ckpt"), "at_load": True}, LoadFailed),
        ({**failed("out_of_memory", "CUDA out of memory: 3.0 GiB free"), "at_load": True}, OutOfMemory),
        ({**failed("failed", "x"), "at_load": True}, LoadFailed),
    ],
)
def test_a_failed_load_says_why_and_can_be_tried_again(answer, error):
    speaks, fleet = engine([answer])  # F2
    with pytest.raises(error):
        speaks.load()
    assert not speaks.status().loaded and fleet.started[0].killed
    speaks.load()
    assert speaks.status().loaded


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (AtLoad(WorkerGone(1, ("ImportError: libcuda.so.1: cannot open shared object file",))), "libcuda"),
        (AtLoad(WorkerGone(-11, ())), "Segmentation fault"),
        (AtLoad(WorkerTimeout("no answer")), "not loaded within 300 s"),
        (AtLoad(Garbage("7 bytes that are no JSON")), "7 bytes"),
        ({**failed("load_failed", "FileNotFoundError: ckpt"), "at_load": True}, "FileNotFoundError: ckpt"),
    ],
)
def test_a_failed_load_carries_the_workers_last_words(answer, says, monkeypatch):
    monkeypatch.setattr(Worker, "said", ("loading llm", "OSError: flow.pt is cut"))
    speaks, fleet = engine([answer])
    with pytest.raises(LoadFailed, match=says) as caught:
        speaks.load()
    assert fleet.started[0].killed
    assert caught.value.__notes__ == ["The GLM worker said last:\nloading llm\nOSError: flow.pt is cut"]


def test_what_a_dying_worker_says_reaches_the_log_line_by_line(caplog):
    speaks, _ = engine(
        [WorkerGone(-11, ("Fatal Python error: Segmentation fault", '  File "x.py", line 1 in f'))]
    )
    with pytest.raises(EngineError, match="Segmentation fault"):
        speaks.synthesize(SpeechRequest("你好世界"))
    errors = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert errors == ["Fatal Python error: Segmentation fault", '  File "x.py", line 1 in f']


def test_the_log_says_why_and_where_a_worker_failed_and_was_replaced(caplog):
    where = ["/opt/GLM-TTS/llm.py:3 run", "/opt/GLM-TTS/flow.py:7 embed"]
    speaks, _ = engine([{**failed("context_dead", "CUDA error: x"), "where": where}])
    with pytest.raises(ContextDead):
        speaks.synthesize(SpeechRequest("你好世界"))
    assert "context_dead at /opt/GLM-TTS/flow.py:7 embed < /opt/GLM-TTS/llm.py:3 run" in caplog.text
    assert "worker replaced: context_dead" in caplog.text


def test_an_interpreter_that_is_not_there_is_a_failed_load():
    def start():
        raise FileNotFoundError(2, "No such file or directory", "/opt/glm/bin/python")

    with pytest.raises(LoadFailed, match="/opt/glm/bin/python"):
        GlmEngine(GlmSupervisor(start)).load()


def test_a_request_given_up_while_it_waited_is_not_sent():
    speaks, fleet = engine()
    with pytest.raises(Cancelled):
        speaks.synthesize(SpeechRequest("你好世界"), cancelled=lambda: True)
    assert fleet.started == []


def test_two_callers_are_served_one_after_the_other():
    speaks, _fleet = engine()  # F10: upstream seeds global generators
    inside, overlaps = threading.Semaphore(1), []
    real_wait = Worker.wait

    class Watched(Worker):
        def wait(self, *args, **kwargs):
            if not inside.acquire(blocking=False):
                overlaps.append(1)
            try:
                return real_wait(self, *args, **kwargs)
            finally:
                inside.release()

    speaks._supervisor._start = Watched
    threads = [
        threading.Thread(target=speaks.synthesize, args=(SpeechRequest("你好世界"),)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert overlaps == []


def test_unloading_ends_the_worker():
    speaks, fleet = engine()
    speaks.load()
    speaks.unload()
    assert fleet.started[0].killed
    assert not speaks.status().loaded


def test_the_worker_gets_no_settings_and_no_systemd_socket():
    env = worker_environment(
        {
            "PATH": "/bin",
            "TTS_ADMIN_TOKEN_FILE": "/x",
            "NOTIFY_SOCKET": "/run/x",
            "WATCHDOG_USEC": "1",
            "PYTHONPATH": "/y",
        }
    )
    assert not {"TTS_ADMIN_TOKEN_FILE", "NOTIFY_SOCKET", "WATCHDOG_USEC"} & env.keys()
    assert env["PATH"] == "/bin" and env["PYTHONPATH"] != "/y" and env["HF_HUB_OFFLINE"] == "1"
