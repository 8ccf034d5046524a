import types

import pytest

from tts_app.glm_worker.failures import BAD_TOKEN, CANCELLED, RUNAWAY, WorkerError
from tts_app.glm_worker.guards import check_tokens, forget_mel_cache, guarded_forward


# F3: upstream only prints a warning, and its check misses negative numbers and 32768 itself.
@pytest.mark.parametrize(
    ("tokens", "ok"),
    [([0], True), ([32767], True), ([32768], False), ([-1], False), ([5, 32769, 6], False), ([], False)],
)
def test_only_tokens_of_the_codebook_reach_the_flow(tokens, ok):
    if ok:
        assert check_tokens(tokens, units=5) == tokens
    else:
        with pytest.raises(WorkerError) as caught:
            check_tokens(tokens, units=5)
        assert caught.value.kind == BAD_TOKEN


# F6
@pytest.mark.parametrize(("units", "most"), [(2, 250), (10, 250), (40, 1000)])
def test_more_speech_than_the_text_can_have_is_a_runaway(units, most):
    check_tokens([1] * most, units)
    with pytest.raises(WorkerError) as caught:
        check_tokens([1] * (most + 1), units)
    assert caught.value.kind == RUNAWAY


def test_the_guard_passes_arguments_through_and_looks_at_the_result():
    calls = []

    def forward(llm, *, sample_method):
        calls.append((llm, sample_method))
        return [1, 2, 40000]

    with pytest.raises(WorkerError, match="40000"):
        guarded_forward(forward, units=5, cancelled=lambda: False)("llm", sample_method="ras")
    assert calls == [("llm", "ras")]


def test_a_cancelled_task_ends_before_the_next_piece_is_computed():
    with pytest.raises(WorkerError) as caught:
        guarded_forward(lambda: pytest.fail("computed"), units=5, cancelled=lambda: True)()
    assert caught.value.kind == CANCELLED


def test_the_mel_caches_are_emptied_and_a_commit_without_them_is_fine():
    audio = types.SimpleNamespace(mel_basis={"8000_cuda": 1}, hann_window={"cuda": 1})  # F1
    forget_mel_cache(audio)
    assert audio.mel_basis == {} and audio.hann_window == {}
    forget_mel_cache(types.SimpleNamespace())
