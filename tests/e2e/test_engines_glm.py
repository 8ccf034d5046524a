"""The real worker and the real supervisor, with real torch on the CPU; GLM-TTS itself is the stand-in."""

import threading

import numpy as np
import pytest

from tests.e2e.glm_lab import HELLO, LONG
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.errors import (
    BadRequest,
    Cancelled,
)


def test_both_rates_come_from_one_loaded_model_in_any_order(lab):
    engine = lab.ready()
    for rate in (24000, 32000, 24000, 32000):  # F1, F2: the stand-in has upstream's old mel cache
        speech = engine.synthesize(SpeechRequest("你好，世界。", sample_rate=rate))
        assert (speech.sample_rate, speech.resampled) == (rate, False)
        assert 0.5 < speech.duration_s < 5
    assert lab.seen()["loads"] == 0
    assert engine.status().sample_rates == (24000, 32000)


def test_a_long_text_is_spoken_in_pieces_with_progress(lab):
    done = []
    speech = lab.ready().synthesize(LONG, on_piece=lambda *p: done.append(p))
    assert speech.pieces == len(done) == lab.seen()["pieces"] > 1
    assert done[-1] == (speech.pieces, speech.pieces)


def test_an_english_sentence_that_crashes_upstreams_splitter_is_spoken(lab):
    sentence = " ".join(["internationalization"] * 29)  # F4
    assert lab.ready().synthesize(SpeechRequest(sentence)).pieces > 1


def test_the_same_seed_and_reference_give_the_same_length_and_the_reference_sets_the_pitch(lab):
    engine = lab.ready()
    quiet, loud = (Reference(np.full(64000, level, np.float32), 16000, "参考文本") for level in (0.01, 0.9))
    first, second = (engine.synthesize(SpeechRequest("你好，世界。", reference=r)) for r in (quiet, loud))
    assert len(first.samples) == len(second.samples)
    assert not np.allclose(first.samples, second.samples)


def test_cancelling_ends_a_text_between_pieces(lab):
    engine = lab.ready()
    engine.load()
    lab.order(slow_s=0.3)
    pieces, give_up = [], threading.Event()

    def on_piece(done, total):
        pieces.append((done, total))
        give_up.set()

    with pytest.raises(Cancelled):
        engine.synthesize(LONG, on_piece=on_piece, cancelled=give_up.is_set)
    assert len(pieces) < pieces[0][1]
    lab.heal()
    assert engine.synthesize(HELLO).duration_s > 0


def test_a_text_with_nothing_to_speak_never_reaches_the_worker(own):
    engine = own.engine()
    with pytest.raises(BadRequest):
        engine.synthesize(SpeechRequest("😀。。。"))  # F5
    assert not engine.status().loaded
