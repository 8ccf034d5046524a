"""A crash or a hang of the worker costs one item; the next one is spoken by a new worker."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from tests.unit.tts_app.batch import worker_engine
from tests.unit.tts_app.batch.helpers import WAIT_S
from tts_app.batch.speak import StopBatch
from tts_app.batch.worker_speaker import WorkerDied, WorkerSpeaker
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.errors import BadRequest, Busy, ContextDead, EngineError, EngineStuck, OutOfMemory

COMMAND = (*worker_engine.COMMAND, worker_engine.FACTORY)


def speaker_with(task_timeout_s: float = WAIT_S, load_timeout_s: float = WAIT_S, **env: str) -> WorkerSpeaker:
    return WorkerSpeaker(
        task_timeout_s=task_timeout_s, load_timeout_s=load_timeout_s, command=COMMAND, env=os.environ | env
    )


@pytest.fixture(scope="module")
def speaker() -> Iterator[WorkerSpeaker]:
    """One for all tests that a worker survives, or that ask for the next one."""
    speaker = speaker_with()
    yield speaker
    speaker.close()


def say(speaker: WorkerSpeaker, text: str, **values):
    return speaker.speak(SpeechRequest(text, **values), lambda done, total: None)


def test_one_worker_speaks_all_items_and_tells_its_progress(speaker) -> None:
    speaker.ready()
    before, pieces = speaker.starts, []
    first = speaker.speak(SpeechRequest("hello"), lambda *piece: pieces.append(piece))
    second = say(speaker, "你好", sample_rate=32000)
    assert first.samples.dtype == np.float32
    assert len(first.samples) == 12000
    assert (second.sample_rate, second.resampled) == (32000, True)
    assert pieces == [(1, 1)]
    assert speaker.starts == before


def test_a_recording_reaches_the_engine(speaker) -> None:
    reference = Reference(np.linspace(-1, 1, 50_000, dtype=np.float32), 16000, "文字")
    assert say(speaker, "hello", reference=reference).duration_s == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "kind", "words", "new_workers"),
    [
        pytest.param("crash now", WorkerDied, "Segmentation fault", 1, id="segmentation fault"),
        pytest.param("quit now", WorkerDied, "status 3", 1, id="exit"),
        pytest.param("context now", ContextDead, "device-side assert", 0, id="context dead"),
        pytest.param("bug now", EngineError, "IndexError: list index", 0, id="a bug in the engine"),
        pytest.param("...", BadRequest, "nothing to speak", 0, id="refused"),
        pytest.param("memory now", OutOfMemory, "CUDA out of memory", 0, id="out of memory, twice"),
    ],
)
def test_a_trouble_costs_one_item(speaker, text, kind, words, new_workers) -> None:
    speaker.ready()
    before = speaker.starts
    with pytest.raises(kind, match=words):
        say(speaker, text)
    assert say(speaker, "hello").pieces == 1
    assert speaker.starts - before == new_workers


def test_a_bug_that_quotes_the_text_is_told_without_it(speaker) -> None:
    with pytest.raises(EngineError, match="KeyError") as told:
        say(speaker, "quote 我的银行密码是一二三四")
    assert "银行" not in told.value.both()


def test_a_busy_engine_names_its_time_through_the_pipe(speaker) -> None:
    with pytest.raises(Busy, match="the speech server is busy") as busy:
        say(speaker, "busy now")
    assert (busy.value.retry_after_s, busy.value.message_zh) == (7, "语音服务端繁忙")


def test_an_engine_that_is_gone_stops_the_batch_and_blames_no_item(speaker) -> None:
    with pytest.raises(StopBatch, match="can't be reached") as stop:
        say(speaker, "gone now")
    assert stop.value.reason == "engine"
    assert say(speaker, "hello").pieces == 1


def test_an_item_that_ran_out_of_memory_is_tried_again_after_clearing(tmp_path) -> None:
    calls = tmp_path / "calls"
    speaker = speaker_with(FAKE_CALLS=str(calls))
    assert say(speaker, "once too much memory").pieces == 1
    speaker.close()
    steps = [entry.split(" ", 1)[1] for entry in calls.read_text(encoding="utf-8").splitlines()]
    assert steps == ["once too much memory", "cleared", "once too much memory"]


def test_a_hang_ends_at_the_time_limit_and_costs_one_item() -> None:
    speaker = speaker_with(task_timeout_s=1.0)
    with pytest.raises(EngineStuck):
        say(speaker, "hang now")
    speaker._task_timeout_s = WAIT_S
    assert say(speaker, "hello").pieces == 1
    speaker.close()


@pytest.mark.parametrize(
    ("how", "limit_s", "words"),
    [
        pytest.param("fails", WAIT_S, "no model file", id="says so"),
        pytest.param("crashes", WAIT_S, "status 7", id="dies"),
        pytest.param("hangs", 2.0, "not ready", id="hangs"),
    ],
)
def test_an_engine_that_does_not_load_stops_the_batch_and_blames_no_item(how, limit_s, words) -> None:
    speaker = speaker_with(load_timeout_s=limit_s, FAKE_LOAD=how)
    with pytest.raises(StopBatch, match=words) as stop:
        say(speaker, "hello")
    assert stop.value.reason == "engine"
    speaker.close()


SAY = 'import sys, threading; tell = lambda m: print(m, flush=True); tell(\'{"event": "loaded", "bytes": 0}\'); '
PIECE = """sys.stdin.readline(); tell('{"event": "piece", "done": 1, "total": 9, "bytes": 0}'); """
WAIT = "threading.Event().wait()"
END = "sys.stdin.read()"  # ends well once its input is closed


def speaker_of(program: str, task_timeout_s: float) -> WorkerSpeaker:
    command = (sys.executable, "-S", "-c", program)
    return WorkerSpeaker(task_timeout_s=task_timeout_s, load_timeout_s=WAIT_S, command=command)


def test_a_worker_that_takes_no_request_counts_as_hung() -> None:
    speaker = speaker_of(SAY + WAIT, task_timeout_s=0.5)
    beyond_the_pipe = Reference(np.zeros(1_000_000, np.float32), 48_000, "文字")
    with pytest.raises(EngineStuck):
        say(speaker, "hello", reference=beyond_the_pipe)
    speaker.close()


def test_a_batch_that_ends_at_once_kills_the_worker_in_the_middle_of_a_text() -> None:
    speaker = speaker_of(SAY + PIECE + END, task_timeout_s=WAIT_S)
    process, _ = speaker._running()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        speaker.speak(SpeechRequest("hello"), interrupt)
    speaker.close()
    assert process.returncode == -signal.SIGKILL


def test_a_worker_that_can_not_be_started_stops_the_batch_and_blames_no_item(tmp_path) -> None:
    command = (str(tmp_path / "no-such-program"),)
    speaker = WorkerSpeaker(task_timeout_s=WAIT_S, load_timeout_s=WAIT_S, command=command)
    with pytest.raises(StopBatch, match="No such file"):
        speaker.ready()
    speaker.close()


def test_closing_twice_or_without_a_worker_is_harmless() -> None:
    speaker = speaker_with()
    speaker.close()
    speaker.close()
    assert speaker.starts == 0
