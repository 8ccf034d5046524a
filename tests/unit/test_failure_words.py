"""The service's own log proves its faults: what it writes about a real failure is what the catalogue looks for."""

from __future__ import annotations

import io
import logging

import pytest

from remediator.catalogue import load
from remediator.signatures import Log, own_words
from tests.unit.tts_app.engines.test_glm import engine as glm_engine
from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app import logs
from tts_app.engines.base import SpeechRequest
from tts_app.engines.kokoro_model import joined_model
from tts_app.engines.worker_process import WorkerGone
from tts_app.errors import ContextDead, EngineError, LoadFailed, OutOfMemory
from tts_app.glm_worker.failures import kind_of, message_of
from tts_app.speech import SpeechService

TEXT = "CUDA error: device-side assert triggered, [Errno 28], FileNotFoundError: x JSONDecodeError: 我的密码 12345"


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


class AcceleratorError(RuntimeError):
    """As torch names it."""


@pytest.fixture
def written():
    """What the service writes to error.log, in its own form."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._Formatter())
    handler.addFilter(logs._with_request_id)
    root = logging.getLogger()
    root.addHandler(handler)
    yield stream
    root.removeHandler(handler)


def log_faults(text: str) -> set[str]:
    """Return the faults whose log pattern one of the lines shows."""
    return {
        fault.name
        for fault in load().faults.values()
        for condition in (c for proof in fault.proofs for c in proof if isinstance(c, Log))
        if any(condition.pattern.search(own_words(line)) for line in text.splitlines())
    }


def fail(engine: FakeEngine) -> None:
    """Let the engine fail once while the service runs."""
    service = SpeechService(engine)
    service.start()
    assert service.wait_until_settled(WAIT_S)
    try:
        if not engine.load_error:
            service.submit(SpeechRequest(TEXT)).exception(WAIT_S)
    finally:
        service.stop(timeout_s=WAIT_S)


OOM = OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB"
)
ASSERT = AcceleratorError(
    "CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"
)
ILLEGAL = RuntimeError("CUDA error: an illegal memory access was encountered")


OUR_OWN = {"gpu_foreign_process"}  # needs other people's memory on the card as well


@pytest.mark.parametrize(
    ("error", "kind", "faults"),
    [
        (OOM, OutOfMemory, {"cuda_oom"}),
        (ASSERT, ContextDead, {"cuda_context_dead"}),
        (ILLEGAL, ContextDead, {"cuda_context_dead"}),
        (OSError(28, "No space left on device"), EngineError, {"disk_full"}),
        (ValueError(f"cannot speak {TEXT}"), EngineError, set()),
        (ValueError(f"cannot speak {TEXT.replace('12345', '一二三四五')}"), EngineError, set()),
    ],
)
def test_a_failure_in_the_worker_proves_its_fault_and_no_other(written, error, kind, faults):
    engine = FakeEngine()
    assert (kind_of(error, private=(TEXT,)) == "failed") is (kind is EngineError)
    engine.next_errors = [kind(message_of(error, private=(TEXT,)))]
    fail(engine)
    assert log_faults(written.getvalue()) - OUR_OWN == faults
    assert "密码" not in written.getvalue()


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file or directory", "ckpt/llm/config.json")])
def test_a_missing_file_of_the_worker_is_one_of_the_installation(written, error):
    engine = FakeEngine()
    engine.load_error = LoadFailed(message_of(error))
    fail(engine)
    assert "missing_file" in log_faults(written.getvalue())


def test_a_missing_voice_model_is_a_missing_file(written):
    engine = FakeEngine()
    engine.load = lambda: joined_model(("kokoro_no_such_part",), "0")
    engine.load_error = LoadFailed("as joined_model raises it")
    fail(engine)
    assert "missing_file" in log_faults(written.getvalue())


def test_a_workers_segmentation_fault_is_in_the_log_as_the_interpreter_says_it(written):
    said = (
        "Fatal Python error: Segmentation fault",
        '  File "/opt/GLM-TTS/llm/glmtts.py", line 118 in inference',
    )
    engine, _ = glm_engine([WorkerGone(-11, said)])
    with pytest.raises(EngineError):
        engine.synthesize(SpeechRequest("你好世界"))
    errors = [line for line in written.getvalue().splitlines() if " ERROR " in line]
    assert [line.partition("glm_supervisor: ")[2] for line in errors] == list(said)
