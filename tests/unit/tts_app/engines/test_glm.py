"""The service's side of GLM-TTS, with a scripted worker in the process's place."""

import threading

import numpy as np
import pytest

from tests.unit.tts_app.engines.scripted_glm import LOADED, Worker, engine, spoken
from tts_app.audio.resample import resample
from tts_app.engines.base import Reference, SpeechRequest
from tts_app.engines.glm import offered_rates, worker_environment
from tts_app.errors import (
    BadRequest,
    Cancelled,
)
from tts_app.glm_worker.protocol import unpack
from tts_app.voices.references import REFERENCE_VOICES, built_in_reference


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


@pytest.mark.parametrize(("named", "used"), [(None, 1), (REFERENCE_VOICES[0].id, 0)])
def test_a_named_voice_goes_before_the_settings_voice_and_both_before_the_first(named, used):
    speaks, fleet = engine(default_voice=REFERENCE_VOICES[1].id)
    speaks.synthesize(SpeechRequest("你好世界", voice=named))
    reference = built_in_reference(REFERENCE_VOICES[used].id)
    expected = resample(reference.samples, reference.sample_rate, 16000)
    assert np.array_equal(unpack(fleet.started[0].sent[-1]["prompt"][16000]), expected)


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
