"""Bad input to the API: named in both languages, nothing written elsewhere, and the service still speaks."""

import base64
import io
import json
import struct
import zipfile

import numpy as np
import pytest
import soundfile

from tests.unit.tts_app.web import writes


@pytest.fixture(autouse=True)
def nothing_is_written_elsewhere(tmp_path):
    with writes.noted() as written:
        yield
    assert writes.outside(written, tmp_path / "data") == []


def speak(client, **body):
    return client.post("/v1/audio/speech", json={"input": "hello world", "response_format": "wav"} | body)


def recording(seconds, rate=16000, level=0.3):
    """Return a tone as a WAV file."""
    out = io.BytesIO()
    tone = level * np.sin(np.arange(int(seconds * rate)) * 0.1)
    soundfile.write(out, tone, rate, format="WAV", subtype="PCM_16")
    return out.getvalue()


def lying(offset, form, value):
    """Return a WAV file whose header says something else at `offset`."""
    content = bytearray(recording(4))
    struct.pack_into(form, content, offset, value)
    return bytes(content)


def sent(content):
    return base64.b64encode(content).decode()


def assert_clear(error, field):
    """An answer names the field and the fix, in English and in Chinese, without pydantic's own sentences."""
    assert error["param"] == field
    assert error["message_en"] and error["fix"]
    for text in (error["message_zh"], error["fix"]):
        assert any("\u4e00" <= c <= "\u9fff" for c in text), text
    assert "should" not in error["message_zh"] + error["message_en"]
    assert "openapi" not in error["fix"]


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
    pytest.param({"input": "a\u202e\u0000"}, "input", id="NUL behind a bidi mark"),
    pytest.param({"input": "👨\u200d👩\u200d👧\u200d👦🏽🇨🇳"}, "input", id="text only joined emoji"),
    pytest.param({"voice": "zf_test\u0000"}, "voice", id="NUL in the voice"),
    pytest.param({"voice": "\u202ezf_test"}, "voice", id="bidi mark in the voice"),
    pytest.param({"response_format": "../wav"}, "response_format", id="format a path"),
    pytest.param({"response_format": "wav\u0000"}, "response_format", id="NUL in the format"),
    pytest.param({"speed": 10**300}, "speed", id="speed huge"),
    pytest.param({"speed": True}, "speed", id="speed a truth value"),
    pytest.param({"seed": True}, "seed", id="seed a truth value"),
    pytest.param({"seed": "42"}, "seed", id="seed a string"),
    pytest.param({"seed": [42]}, "seed", id="seed a list"),
    pytest.param({"sample_rate": 0}, "sample_rate", id="rate nothing"),
    pytest.param({"ref_audio": sent(b"")}, "ref_audio", id="recording of 0 bytes"),
    pytest.param({"ref_audio": sent(recording(0.5))}, "ref_audio", id="recording too short"),
    pytest.param({"ref_audio": sent(recording(35, 8000))}, "ref_audio", id="recording too long"),
    pytest.param({"ref_audio": sent(recording(4, level=0))}, "ref_audio", id="recording silent"),
    pytest.param({"ref_audio": sent(lying(22, "<H", 0))}, "ref_audio", id="header without channels"),
    pytest.param({"ref_audio": sent(lying(22, "<H", 65535))}, "ref_audio", id="header of 65535 channels"),
    pytest.param({"ref_audio": sent(lying(24, "<I", 0))}, "ref_audio", id="header of 0 Hz"),
    pytest.param({"ref_audio": sent(lying(24, "<I", 2**32 - 1))}, "ref_audio", id="header of 4 GHz"),
    pytest.param({"ref_audio": sent(b"RIFF" + b"x" * 5000)}, "ref_audio", id="noise called WAV"),
    pytest.param({"ref_audio": sent(b"PK\x03\x04" * 99)}, "ref_audio", id="recording a zip"),
    pytest.param({"ref_audio": "/etc/passwd"}, "ref_audio", id="recording a path"),
    pytest.param({"ref_audio": "http://127.0.0.1/a.wav"}, "ref_audio", id="recording an address"),
    pytest.param({"ref_audio": "字" * 100}, "ref_audio", id="recording not ASCII"),
    pytest.param(
        {"ref_audio": sent(recording(4)), "ref_text": "a\0"}, "ref_text", id="NUL in the transcript"
    ),
    pytest.param({"ref_audio": sent(recording(4)), "ref_text": "😀"}, "ref_text", id="transcript only emoji"),
    pytest.param({"ref_text": {"a": 1}}, "ref_text", id="transcript an object"),
    pytest.param({"model": "m" * 101}, "model", id="model too long"),
    pytest.param({"stream_format": 1}, "stream_format", id="stream format a number"),
]


@pytest.mark.parametrize(("body", "field"), BAD_BODIES)
def test_a_bad_field_is_named_in_both_languages_and_the_service_still_speaks(client, engine, body, field):
    engine.clones_voices = "ref_text" in body  # such an engine looks at the words first
    answer = speak(client, **body)
    assert answer.status_code == 400
    assert_clear(answer.json()["error"], field)
    assert answer.json()["error"]["request_id"] == answer.headers["x-request-id"]
    assert engine.spoken == []
    assert speak(client).status_code == 200


BAD_CONTENTS = [
    pytest.param(b"", "application/json", id="empty"),
    pytest.param(b"{", "application/json", id="half an object"),
    pytest.param(b"[]", "application/json", id="a list"),
    pytest.param(b'"text"', "application/json", id="a string"),
    pytest.param(b"null", "application/json", id="null"),
    pytest.param(b'\xff\xfe{"input":"a"}', "application/json", id="not UTF-8"),
    pytest.param(b'{"input":"\\ud800"}', "application/json", id="half a surrogate pair"),
    pytest.param(b'{"input":NaN}', "application/json", id="NaN"),
    pytest.param(b'{"seed":' + b"9" * 5000 + b"}", "application/json", id="a number of 5000 digits"),
    pytest.param(b"[" * 100_000, "application/json", id="deep nesting"),
    pytest.param(b"\x00" * 100, "application/json", id="NUL bytes"),
    pytest.param(b"input=hello", "application/json", id="a form"),
    pytest.param(b'{"input":"hello"}', "text/plain", id="JSON called text"),
    pytest.param(b"input=hello", "application/x-www-form-urlencoded", id="a form called a form"),
    pytest.param(b"--x\r\n\r\nhello", "multipart/form-data; boundary=x", id="half a multipart form"),
]


@pytest.mark.parametrize(("content", "kind"), BAD_CONTENTS)
def test_a_body_that_is_no_request_is_refused(client, content, kind):
    answer = client.post("/v1/audio/speech", content=content, headers={"content-type": kind})
    assert answer.status_code == 400
    assert answer.json()["error"]["message_zh"] and answer.json()["error"]["fix"]
    assert speak(client).status_code == 200


def zipped(name, content=b"x", *, mode=None):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo(name)
        if mode:
            info.external_attr = mode << 16
        archive.writestr(info, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


TASK = {"output_name": "a", "input_text": "你好", "voice": "zf_test"}
BAD_FORMS = [
    pytest.param({"data": {"owner": "me"}}, "tasks", id="no file"),
    pytest.param({"data": {"tasks": "text"}}, "tasks", id="a field instead of the file"),
    pytest.param({"tasks": b""}, "tasks", id="file of 0 bytes"),
    pytest.param({"data": {"owner": "x" * 65}}, "owner", id="owner too long"),
    pytest.param({"data": {"owner": "a\nb"}}, "owner", id="owner of two lines"),
    pytest.param({"data": {"owner": "a\0b"}}, "owner", id="NUL in the owner"),
    pytest.param({"data": {"skip_bad": "perhaps"}}, "skip_bad", id="no truth value"),
    pytest.param({"data": {"check": "2"}}, "check", id="check no truth value"),
    pytest.param({"audio": b""}, "audio", id="zip of 0 bytes"),
    pytest.param({"audio": b"no zip"}, "audio", id="no zip"),
    pytest.param({"audio": zipped("../../evil.wav")}, "audio", id="zip slip"),
    pytest.param({"audio": zipped("/etc/evil.wav")}, "audio", id="absolute name in the zip"),
    pytest.param(
        {"audio": zipped("link.wav", "/etc/passwd", mode=0o120777)}, "audio", id="symlink in the zip"
    ),
    pytest.param({"audio": zipped("big.wav", bytes(20_000_000))}, "audio", id="zip bomb"),
]


def submit(client, *, tasks=None, audio=None, data=None):
    tasks = json.dumps(TASK).encode() if tasks is None and "tasks" not in (data or {}) else tasks
    files = {"tasks": tasks} if tasks is not None else {}
    files |= {"audio": audio} if audio is not None else {}
    return client.post("/v1/batches", files={n: (f"../{n}", c) for n, c in files.items()}, data=data or {})


@pytest.mark.parametrize(("form", "field"), BAD_FORMS)
def test_a_bad_batch_form_is_named_and_starts_nothing(client, engine, form, field):
    if form == {"data": {"owner": "me"}}:
        answer = client.post("/v1/batches", data=form["data"])
    else:
        answer = submit(client, **form)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == field
    assert error["message_en"] and any("\u4e00" <= c <= "\u9fff" for c in error["message_zh"])
    assert error["fix"]
    assert engine.spoken == []
    assert speak(client).status_code == 200


def test_a_ten_hour_recording_is_refused_before_it_is_read(make_client):
    client = make_client(max_upload_mb=1)
    ten_hours = 10 * 3600 * 24000 * 2
    answer = client.post(
        "/v1/audio/speech",
        content=iter([b"x"]),
        headers={"content-type": "application/json", "content-length": str(ten_hours)},
    )
    assert answer.status_code == 413
    assert speak(client).status_code == 200
