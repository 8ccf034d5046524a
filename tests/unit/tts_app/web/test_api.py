"""The public API: what comes back, and what is refused with which words."""

import asyncio
import base64
import io
import json

import numpy as np
import pytest
import soundfile

from tests.unit.tts_app.fakes import WAIT_S
from tts_app import logs
from tts_app.engines.base import SpeechRequest
from tts_app.errors import ContextDead, EngineError, EngineStuck, LoadFailed, OutOfMemory
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


BAD_BODIES = [
    pytest.param({"input": None}, "input", id="text null"),
    pytest.param({"input": 5}, "input", id="text a number"),
    pytest.param({"input": ["a"]}, "input", id="text a list"),
    pytest.param({"input": {"a": 1}}, "input", id="text an object"),
    pytest.param({"input": True}, "input", id="text a truth value"),
    pytest.param({"input": ""}, "input", id="text empty"),
    pytest.param({"input": " \t\n"}, "input", id="text only blanks"),
    pytest.param({"input": "😀🎉"}, "input", id="text only emoji"),
    pytest.param({"input": "…！？。"}, "input", id="text only punctuation"),
    pytest.param({"input": "\u202e\u2066\u2069"}, "input", id="text only bidi marks"),
    pytest.param({"input": "a\u0000b"}, "input", id="NUL in the text"),
    pytest.param({"input": "字" * 5001}, "input", id="text one too long"),
    pytest.param({"input": "x" * 900_000}, "input", id="text huge"),
    pytest.param({"voice": "nobody"}, "voice", id="voice unknown"),
    pytest.param({"voice": "../../etc/passwd"}, "voice", id="voice a path"),
    pytest.param({"voice": "v" * 101}, "voice", id="voice too long"),
    pytest.param({"voice": 3}, "voice", id="voice a number"),
    pytest.param({"voice": {"id": 3}}, "voice", id="voice object with a number"),
    pytest.param({"voice": {}}, "voice", id="voice object empty"),
    pytest.param({"response_format": "aac"}, "response_format", id="format not offered"),
    pytest.param({"response_format": ""}, "response_format", id="format empty"),
    pytest.param({"response_format": None}, "response_format", id="format null"),
    pytest.param({"response_format": "w" * 41}, "response_format", id="format too long"),
    pytest.param({"speed": 0.2}, "speed", id="too slow"),
    pytest.param({"speed": 4.1}, "speed", id="too fast"),
    pytest.param({"speed": "fast"}, "speed", id="speed a word"),
    pytest.param({"speed": None}, "speed", id="speed null"),
    pytest.param({"sample_rate": 8000}, "sample_rate", id="rate not offered"),
    pytest.param({"sample_rate": "24000"}, "sample_rate", id="rate a string"),
    pytest.param({"sample_rate": 24000.5}, "sample_rate", id="rate a fraction"),
    pytest.param({"sample_rate": 10**30}, "sample_rate", id="rate huge"),
    pytest.param({"sample_rate": 32000, "response_format": "opus"}, "sample_rate", id="opus at 32 kHz"),
    pytest.param({"seed": -1}, "seed", id="seed negative"),
    pytest.param({"seed": 2**32}, "seed", id="seed too large"),
    pytest.param({"seed": 1.5}, "seed", id="seed a fraction"),
    pytest.param({"model": 1}, "model", id="model a number"),
    pytest.param({"ref_audio": "%%%"}, "ref_audio", id="recording no base64"),
    pytest.param({"ref_audio": ""}, "ref_audio", id="recording empty"),
    pytest.param({"ref_audio": "aGVsbG8="}, "ref_audio", id="recording no sound"),
    pytest.param({"ref_audio": "UklGRv////9XQVZFZm10IA=="}, "ref_audio", id="recording whose header lies"),
    pytest.param({"ref_audio": 5}, "ref_audio", id="recording a number"),
    pytest.param({"ref_audio": "data:audio/wav;base64"}, "ref_audio", id="data URL without data"),
    pytest.param({"ref_text": "x" * 1001}, "ref_text", id="transcript too long"),
    pytest.param({"stream_format": "sse"}, "stream_format", id="streaming not offered"),
]


@pytest.mark.parametrize(("body", "field"), BAD_BODIES)
def test_a_bad_field_is_named_in_both_languages_and_the_service_still_speaks(client, body, field):
    answer = speak(client, **body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"].split(".")[0] == field
    assert error["message_en"]
    assert any("\u4e00" <= c <= "\u9fff" for c in error["message_zh"])
    assert error["fix"]
    assert error["request_id"] == answer.headers["x-request-id"]
    assert speak(client).status_code == 200


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b'\xff\xfe{"input":"a"}', id="not UTF-8"),
        pytest.param(b'{"input":"\\ud800"}', id="half a surrogate pair"),
        pytest.param(b'{"input":NaN}', id="NaN"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(b"\x00" * 100, id="NUL bytes"),
        pytest.param(b"input=hello", id="a form"),
    ],
)
def test_a_body_that_is_no_request_is_refused(client, content):
    answer = client.post("/v1/audio/speech", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message_zh"]
    assert speak(client).status_code == 200


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


def test_draining_is_503_with_retry_after(client):
    client.context.service.drain()
    answer = speak(client)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_one_client_too_fast_is_429_and_others_are_not(make_client):
    client = make_client(per_minute=6, keys=KEYS)
    alice = {"authorization": "Bearer alice-key-0123456789"}
    bob = {"authorization": "Bearer bob-key-0123456789"}
    assert client.get("/v1/voices", headers=alice).status_code == 200
    refused = client.get("/v1/voices", headers=alice)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 10
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
