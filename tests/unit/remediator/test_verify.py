"""Speech is proved by length, loudness, sample rate and the right speaker; by nothing else."""

import json

import pytest

from remediator.ssh import Address, Answer, SshFailed, SshTimedOut, SshTooMuch
from remediator.verify import Verifier, judge

SPOKEN = {
    "ok": True,
    "spoken": True,
    "instance": "7860",
    "duration_s": 2.08,
    "rms": 0.07,
    "sample_rate": 24000,
    "took_s": 1.2,
    "engine": "kokoro",
}


def proof(status=0, **changes):
    data = {name: value for name, value in {**SPOKEN, **changes}.items() if value is not None}
    return judge("gpu01", "7860", Answer(status, json.dumps(data).encode(), ""))


def test_a_short_sentence_from_the_right_instance_is_proof():
    seen = proof()
    assert (seen.ok, seen.reason_en, seen.engine) == (True, "", "kokoro")
    assert (seen.duration_s, seen.rms, seen.sample_rate, seen.took_s) == (2.08, 0.07, 24000, 1.2)


@pytest.mark.parametrize(
    ("changes", "ok"),
    [
        pytest.param({"duration_s": 0.29}, False, id="a click is no speech"),
        pytest.param({"duration_s": 0.3}, True, id="shortest speech"),
        pytest.param({"duration_s": 30.0}, True, id="longest speech"),
        pytest.param({"duration_s": 30.1}, False, id="babble without end"),
        pytest.param({"rms": 0.0029}, False, id="silence"),
        pytest.param({"rms": 0.003}, True, id="very quiet speech"),
        pytest.param({"rms": float("nan")}, False, id="a broken measurement"),
        pytest.param({"sample_rate": 32000}, True, id="the other rate of the service"),
        pytest.param({"sample_rate": 8000}, False, id="a foreign rate"),
        pytest.param({"instance": "7861"}, False, id="the neighbour spoke"),
        pytest.param({"instance": None}, True, id="an older helper speaks for whom it was asked"),
        pytest.param({"spoken": False}, False, id="the helper says it did not speak"),
        pytest.param({"spoken": "yes"}, False, id="a word is no yes"),
        pytest.param({"duration_s": None}, False, id="no length"),
        pytest.param({"duration_s": True}, False, id="no number"),
    ],
)
def test_what_counts_as_speech(changes, ok):
    assert proof(**changes).ok is ok


def test_a_failed_helper_is_no_proof_even_if_it_says_so():
    assert not proof(status=1).ok


@pytest.mark.parametrize(
    ("failure", "word", "unreached"),
    [(SshFailed("refused"), "refused", 1), (SshTimedOut(), "150 s", 0), (SshTooMuch("x"), "too long", 0)],
)
def test_no_answer_is_no_proof_and_says_why_in_both_languages(failure, word, unreached):
    class Host:
        def run(self, where, command, **limits):
            raise failure

    seen = Verifier(Host(), lambda name: Address(name, name))("gpu01", "7860")
    assert not seen.ok
    assert word in seen.reason_en
    assert seen.reason_zh
    assert seen.unreached == unreached
