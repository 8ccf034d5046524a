"""While the model can't be loaded another engine speaks, for those who agreed."""

import numpy as np
import pytest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tests.unit.tts_app.speech.serving import ask
from tts_app import health
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.errors import (
    EngineError,
    LoadFailed,
)
from tts_app.substitute import Substitute


@pytest.fixture
def substituted(make, engine):
    """Return a service whose engine can't be loaded, and the other engine that speaks instead."""
    other = FakeEngine()
    other.name = "espeak"
    engine.load_error = LoadFailed("no such file: ckpt")
    return make(substitute=Substitute(other)), other


def test_while_the_model_cannot_be_loaded_another_engine_speaks_and_says_so(substituted, engine):
    service, other = substituted
    speech = ask(service, "hello", substitute=True).result(WAIT_S)
    assert speech.spoken_by == service.substituted_by == "espeak"
    assert [request.text for request in other.spoken] == ["hello"] and engine.spoken == []


def test_the_service_stays_sick_meanwhile_and_takes_traffic(substituted):
    service, _ = substituted
    facts = service.snapshot().facts
    assert health.sickness(facts) is health.Sick.LOAD_FAILED
    assert health.not_ready(facts) is None


@pytest.mark.parametrize(
    ("request_", "options"),
    [
        pytest.param(SpeechRequest("hello"), {}, id="a batch, which never asked for it"),
        pytest.param(SpeechRequest("hello", voice="zf_test"), {"substitute": True}, id="a voice was chosen"),
        pytest.param(
            SpeechRequest("hello", reference=Reference(np.zeros(9, np.float32), 16000, "x")),
            {"substitute": True},
            id="a voice was recorded",
        ),
    ],
)
def test_nobody_gets_another_voice_who_did_not_agree(substituted, request_, options):
    service, other = substituted
    with pytest.raises(LoadFailed):
        service.submit(request_, **options)
    assert other.spoken == []


def test_a_proof_of_life_is_spoken_by_the_engine_itself_and_ends_the_substitution(substituted, engine):
    service, other = substituted
    engine.load_error = None
    assert ask(service, "proof", reserved=True).result(WAIT_S).spoken_by is None
    assert service.substituted_by is None
    ask(service, "hello", substitute=True).result(WAIT_S)
    assert [request.text for request in engine.spoken] == ["proof", "hello"] and other.spoken == []


def test_the_other_engines_failure_is_its_own(substituted):
    service, other = substituted
    other.next_errors = [EngineError("espeak-ng ended with status 1")]
    with pytest.raises(EngineError, match="status 1"):
        ask(service, substitute=True).result(WAIT_S)
    assert ask(service, substitute=True).result(WAIT_S)
