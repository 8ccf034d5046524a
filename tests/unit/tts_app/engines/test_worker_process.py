"""Real processes that misbehave: small Python programs in the worker's place."""

import os
import sys

import pytest

from tts_app.engines import worker_process
from tts_app.engines.worker_process import WorkerGone, WorkerProcess, WorkerTimeout, describe_exit
from tts_app.glm_worker.protocol import Garbage

PATIENCE_S = 240.0
READ_ONE = """
import json, os, sys, time
request = json.loads(sys.stdin.readline())
def say(**message): print(json.dumps(message), flush=True)
"""


@pytest.fixture
def start():
    """Start a worker that runs `code` after reading one request; killed at the end."""
    started = []

    def begin(code, op="speak"):
        worker = WorkerProcess([sys.executable, "-c", READ_ONE + code], os.environ)
        started.append(worker)
        return worker, worker.send({"op": op})

    yield begin
    for worker in started:
        worker.kill()


def test_progress_is_passed_on_and_the_final_answer_returned(start):
    code = "for n in (1, 2): say(event='progress', id=1, done=n, total=2)\nsay(event='spoken', id=1)"
    worker, number = start(code)
    seen = []
    answer = worker.wait(number, PATIENCE_S, on_event=lambda event: seen.append(event["done"]))
    assert (answer["event"], seen) == ("spoken", [1, 2])


def test_answers_to_older_requests_are_passed_over(start):
    worker, number = start("say(event='spoken', id=99); say(event='spoken', id=1, mine=True)")
    assert worker.wait(number, PATIENCE_S)["mine"]


def test_a_segmentation_fault_is_named_and_its_stack_kept(start):
    worker, number = start("import ctypes, faulthandler; faulthandler.enable(); ctypes.string_at(0)")
    with pytest.raises(WorkerGone, match="Segmentation fault") as caught:
        worker.wait(number, PATIENCE_S)
    assert any("Fatal Python error: Segmentation fault" in line for line in caught.value.last_words)


def test_an_exit_is_noticed_at_once_and_stays_noticed(start):
    worker, number = start("os._exit(3)")
    for _ in range(2):
        with pytest.raises(WorkerGone, match="exit status 3"):
            worker.wait(number, PATIENCE_S)
    assert not worker.alive()


def test_sending_to_a_worker_that_is_gone_is_the_same_error(start):
    worker, number = start("os._exit(3)")
    with pytest.raises(WorkerGone):
        worker.wait(number, PATIENCE_S)
    with pytest.raises(WorkerGone):
        worker.send({"op": "speak"})


def test_a_worker_that_hangs_is_a_timeout_and_can_be_killed(start):
    worker, number = start("time.sleep(3600)")
    with pytest.raises(WorkerTimeout):
        worker.wait(number, 0.05)
    assert worker.kill() == -9
    assert not worker.alive()


def test_a_worker_that_does_not_read_is_a_timeout_too(monkeypatch):
    monkeypatch.setattr(worker_process, "_WRITE_TIMEOUT_S", 0.05)
    worker = WorkerProcess([sys.executable, "-c", "import time; time.sleep(3600)"], os.environ)
    with pytest.raises(WorkerTimeout):
        worker.send({"op": "speak", "samples": "A" * 1_000_000})
    assert worker.kill() == -9


def test_a_large_request_arrives_whole(start):
    worker, _ = start(
        "big = json.loads(sys.stdin.readline()); say(event='spoken', id=2, length=len(big['samples']))"
    )
    assert worker.wait(worker.send({"samples": "A" * 3_000_000}), PATIENCE_S)["length"] == 3_000_000


def test_a_line_that_is_no_message_is_garbage(start):
    worker, number = start("print('Downloading weights...', flush=True)")
    with pytest.raises(Garbage):
        worker.wait(number, PATIENCE_S)


NOISE = """
sys.stderr.write("Processing: 用户的文本 about CUDA error: x\\nRuntimeError: CUDA error: x\\n")
sys.stderr.flush()
os._exit(1)
"""


def test_once_a_text_was_sent_only_lines_about_faults_are_kept_from_standard_error(start):
    worker, number = start(NOISE)
    with pytest.raises(WorkerGone) as caught:
        worker.wait(number, PATIENCE_S)
    assert caught.value.last_words == ("RuntimeError: CUDA error: x",)


def test_while_it_only_loads_its_last_words_are_kept_whole_and_bounded(start):
    code = "sys.stderr.write('line\\n' * 999 + 'ld.so: cannot find libfoo\\n'); sys.stderr.flush(); os._exit(127)"
    worker = start(code, op="load")[0]
    with pytest.raises(WorkerGone, match="exit status 127"):
        worker.wait(1, PATIENCE_S)
    assert worker.last_words()[-1] == "ld.so: cannot find libfoo"
    assert len(worker.last_words()) == 40


def test_a_flood_on_standard_error_blocks_nobody(start):
    # F8: onnxruntime-gpu complains about cuDNN and goes on; so do we.
    worker, number = start(
        "sys.stderr.write('libcudnn.so.9: cannot open\\n' * 50000); say(event='spoken', id=1)"
    )
    assert worker.wait(number, PATIENCE_S)["event"] == "spoken"


def test_a_cancelled_wait_tells_the_worker_once_and_waits_for_its_answer(start):
    worker, number = start(
        "cancel = json.loads(sys.stdin.readline()); say(event='failed', id=1, told=cancel)"
    )
    answer = worker.wait(number, PATIENCE_S, cancelled=lambda: True)
    assert answer["told"] == {"op": "cancel", "id": number}


def test_the_worker_ends_when_the_service_does():
    worker = WorkerProcess([sys.executable, "-c", "import sys; sys.stdin.read()"], os.environ)
    worker._process.stdin.close()
    assert worker._process.wait(PATIENCE_S) == 0
    worker.kill()


@pytest.mark.parametrize(
    ("returncode", "words"),
    [(-11, "Segmentation fault"), (-9, "killed by SIGKILL"), (-6, "SIGABRT"), (3, "exit status 3")],
)
def test_describe_exit(returncode, words):
    assert words in describe_exit(returncode)
