"""The public API: what comes back, and what is refused with which words."""

import asyncio
import base64
import io
import json

import numpy as np
import pytest
import soundfile

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app import logs
from tts_app.engines.base import SpeechRequest
from tts_app.errors import ContextDead, EngineError, EngineStuck, LoadFailed, OutOfMemory
from tts_app.substitute import Substitute
from tts_app.web import encode
from tts_app.web.app import create_app, wrapped
from tts_app.web.auth import Keys

KEYS = Keys(api={"alice": b"alice-key-0123456789", "bob": b"bob-key-0123456789"})


def speak(client, **body):
    return client.post("/v1/audio/speech", json={"input": "hello world", "response_format": "wav"} | body)


@pytest.mark.parametrize(
    ("name", "media_type", "container"),
    [
        ("wav", "audio/wav", "WAV"),
        ("flac", "audio/flac", "FLAC"),
        ("mp3", "audio/mpeg", "MPEG"),
        ("opus", "audio/ogg", "OGG"),
    ],
)
def test_speech_comes_in_the_format_asked_for(client, name, media_type, container):
    answer = speak(client, response_format=name)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    with soundfile.SoundFile(io.BytesIO(answer.content)) as sound:
        assert sound.format in {container, "MP3"}
        assert sound.channels == 1
        samples = sound.read()
        assert len(samples) / sound.samplerate == pytest.approx(1.1, abs=0.1)
        assert np.sqrt(np.mean(samples**2)) > 0.05


def test_pcm_is_16_bit_samples_without_a_header(client):
    answer = speak(client, response_format="pcm")
    samples = np.frombuffer(answer.content, dtype="<i2")
    assert len(samples) == round(1.1 * 24000)
    assert answer.headers["x-sample-rate"] == "24000"


def test_32_khz_is_labelled_as_resampled(client):
    answer = speak(client, sample_rate=32000)
    assert answer.headers["x-resampled"] == "true"
    assert soundfile.info(io.BytesIO(answer.content)).samplerate == 32000


def test_a_format_that_no_library_here_writes_is_refused_and_not_recommended(client, engine, monkeypatch):
    monkeypatch.setattr(encode.soundfile, "check_format", lambda container, codec: container != "MP3")
    answer = speak(client, response_format="mp3")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "response_format")
    assert "wav, pcm, flac, opus" in answer.json()["error"]["fix"]
    assert engine.spoken == []
    assert speak(client, response_format="flac").status_code == 200


def test_mp3_is_the_default_as_with_openai(client):
    answer = client.post("/v1/audio/speech", json={"input": "hello", "model": "tts-1", "voice": "alloy"})
    assert answer.headers["content-type"] == "audio/mpeg"


@pytest.mark.parametrize("voice", ["alloy", None, {"id": "nova"}])
def test_openais_voices_mean_the_default_voice(client, engine, voice):
    assert speak(client, voice=voice).status_code == 200
    assert engine.spoken[-1].voice is None


def test_the_engines_voice_seed_and_speed_arrive(client, engine):
    speak(client, voice="am_test", seed=7, speed=1.5)
    request = engine.spoken[-1]
    assert (request.voice, request.seed, request.speed) == ("am_test", 7, 1.5)


def test_a_reference_recording_reaches_the_engine(client, engine):
    recording = speak(client, input="a recording of some five seconds, as a tone, for tests").content
    sent = "data:audio/wav;base64," + base64.b64encode(recording).decode()
    assert speak(client, ref_audio=sent, ref_text="what is said").status_code == 200
    assert engine.spoken[-1].reference.transcript == "what is said"


def test_a_cloning_engine_wants_the_transcript(client, engine):
    engine.clones_voices = True
    recording = base64.b64encode(speak(client, input="a recording of some five seconds, as a tone").content)
    answer = speak(client, ref_audio=recording.decode())
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "ref_text")


def test_what_was_sent_is_not_repeated(client):
    answer = speak(client, input=["a secret text"])
    assert "secret" not in answer.text


@pytest.mark.parametrize("declared", [True, False])
def test_a_huge_body_is_refused(make_client, declared):
    client = make_client(max_upload_mb=1)
    body = b"x" * 3_000_000
    content = body if declared else iter([body[:1_000_000]] * 3)
    answer = client.post("/v1/audio/speech", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["error"]["message_zh"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OutOfMemory("CUDA out of memory"), 503),
        (EngineStuck("slow"), 504),
        (ContextDead("assert"), 500),
        (LoadFailed("weights"), 503),
        (EngineError("odd"), 500),
        (ZeroDivisionError("division"), 500),
    ],
)
def test_the_engines_failures_are_the_servers_fault(client, engine, error, status):
    engine.next_errors = [error]
    answer = speak(client)
    assert answer.status_code == status
    assert answer.json()["error"]["message_zh"]


def test_a_full_queue_is_429_with_retry_after(client, engine):
    engine.hold()
    service = client.context.service
    service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    service.submit(SpeechRequest("waiting")), service.submit(SpeechRequest("waiting"))
    answer = speak(client)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1
    assert rejected(client, "full") == 1


def rejected(client, reason):
    return client.context.metrics.rejected.labels(reason)._value.get()


def test_draining_is_503_with_retry_after(client):
    client.context.service.drain()
    answer = speak(client)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert rejected(client, "draining") == 1


@pytest.mark.parametrize("configured", [None, "zf_test"])
def test_who_names_no_voice_hears_the_substitute_labelled_while_the_model_cannot_be_loaded(
    make_client, engine, configured
):
    engine.load_error = LoadFailed("no weights")
    client = make_client(substitute=Substitute(FakeEngine()), voice=configured)
    answer = speak(client)
    assert (answer.status_code, answer.headers["x-spoken-by"]) == (200, "fake")
    assert speak(client, voice="zf_test").status_code == 503


def test_one_client_too_fast_is_429_and_others_are_not(make_client):
    client = make_client(per_minute=6, keys=KEYS)
    alice = {"authorization": "Bearer alice-key-0123456789"}
    bob = {"authorization": "Bearer bob-key-0123456789"}
    assert client.get("/v1/voices", headers=alice).status_code == 200
    refused = client.get("/v1/voices", headers=alice)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 10
    assert rejected(client, "rate") == 1
    assert client.get("/v1/voices", headers=bob).status_code == 200


@pytest.mark.parametrize(
    "header",
    [None, "Bearer", "Bearer ", "Bearer wrong", "Basic alice-key-0123456789", "Bearer alice-key-01234567890"],
)
def test_without_a_key_nothing_is_spoken_where_keys_are_set(make_client, header):
    client = make_client(keys=KEYS)
    headers = {} if header is None else {"authorization": header}
    answer = client.post("/v1/audio/speech", json={"input": "hello"}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert client.get("/healthz").status_code == 200


def test_voices_are_listed(client):
    answer = client.get("/v1/voices").json()
    assert (answer["engine"], answer["clones_voices"]) == ("fake", False)
    assert answer["voices"][0] == {
        "id": "zf_test",
        "language": "zh",
        "name_en": "Test (female)",
        "name_zh": "测试女声",
        "preset": True,
    }


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-123", True), ("a" * 64, True), ("a" * 65, False), ("a b", False), ("", False)]
)
def test_a_request_id_is_kept_when_it_is_harmless(client, sent, kept):
    answer = client.get("/healthz", headers={"x-request-id": sent})
    assert (answer.headers["x-request-id"] == sent) is kept
    assert answer.headers["x-request-id"]


def test_a_client_that_goes_away_gives_its_work_up(make_context, engine):
    context = make_context()
    app = wrapped(create_app(context, with_page=False), context)
    engine.hold()
    body = json.dumps({"input": "nobody will hear this"}).encode()
    answered = []

    async def go_away():
        messages = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive():
            for message in messages:
                return message
            await asyncio.to_thread(engine.entered.wait, WAIT_S)
            return {"type": "http.disconnect"}

        async def send(message):
            answered.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "path": "/v1/audio/speech", "raw_path": b"/v1/audio/speech", "query_string": b"",
            "headers": [(b"content-type", b"application/json")], "client": ("127.0.0.1", 5), "scheme": "http",
            "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        await app(scope, receive, send)

    asyncio.run(asyncio.wait_for(go_away(), WAIT_S))
    engine.release()
    assert context.service.wait_until_idle(WAIT_S)
    assert engine.spoken == []


def test_the_engines_failure_is_logged_under_the_requests_id(client, engine, caplog):
    caplog.handler.addFilter(_keep_request_id)
    engine.next_errors = [OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB")]
    client.post("/v1/audio/speech", json={"input": "private words"}, headers={"x-request-id": "find-me"})
    records = [record for record in caplog.records if "CUDA out of memory" in record.getMessage()]
    assert [record.request for record in records] == ["find-me"]
    assert "private words" not in caplog.text


def _keep_request_id(record):
    record.request = logs.request_id.get()
    return True
