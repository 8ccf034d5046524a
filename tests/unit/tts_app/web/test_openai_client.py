"""The real `openai` package talks to the API."""

import io

import httpx
import openai
import pytest
import soundfile

from tests.unit.tts_app.fakes import WAIT_S
from tts_app.web.auth import Keys

KEY = "sk-test-0123456789abcdef"


class _ToTheApp(httpx.BaseTransport):
    """Carries httpx requests into the test client, so that no port is needed."""

    def __init__(self, client):
        self._client = client

    def handle_request(self, request):
        answer = self._client.request(
            request.method, request.url.path, content=request.read(), headers=dict(request.headers)
        )
        return httpx.Response(answer.status_code, headers=dict(answer.headers), content=answer.content)


@pytest.fixture
def connect(make_client):
    def make(key=KEY, **options):
        client = make_client(keys=Keys(api={"us": KEY.encode()}), **options)
        http = httpx.Client(transport=_ToTheApp(client))
        api = openai.OpenAI(api_key=key, base_url="http://speech.test/v1", http_client=http, max_retries=0)
        return api, client

    return make


@pytest.mark.parametrize("name", ["wav", "mp3", "opus", "flac"])
def test_files_come_back_playable(connect, name):
    api, _ = connect()
    answer = api.audio.speech.create(model="tts-1", voice="alloy", input="hello world", response_format=name)
    info = soundfile.info(io.BytesIO(answer.content))
    assert info.duration == pytest.approx(1.1, abs=0.1)


def test_pcm_comes_back_raw(connect):
    api, _ = connect()
    answer = api.audio.speech.create(model="tts-1", voice="alloy", input="hello world", response_format="pcm")
    assert len(answer.content) == 2 * round(1.1 * 24000)


def test_streaming_to_a_file_works(connect, tmp_path):
    api, _ = connect()
    with api.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="nova", input="hello", response_format="wav"
    ) as answer:
        answer.stream_to_file(tmp_path / "out.wav")
    assert soundfile.info(tmp_path / "out.wav").samplerate == 24000


def test_a_format_not_offered_is_its_bad_request(connect):
    api, _ = connect()
    with pytest.raises(openai.BadRequestError) as raised:
        api.audio.speech.create(model="tts-1", voice="alloy", input="hello", response_format="aac")
    assert raised.value.param == "response_format"
    assert "wav, pcm, mp3" in raised.value.body["fix"]


def test_a_wrong_key_is_its_authentication_error(connect):
    api, _ = connect(key="sk-wrong-0123456789abcdef")
    with pytest.raises(openai.AuthenticationError):
        api.audio.speech.create(model="tts-1", voice="alloy", input="hello")


def test_a_full_queue_is_its_rate_limit_error(connect, engine):
    api, client = connect()
    engine.hold()
    from tts_app.engines.base import SpeechRequest

    service = client.context.service
    service.submit(SpeechRequest("working"))
    assert engine.entered.wait(WAIT_S)
    service.submit(SpeechRequest("waiting")), service.submit(SpeechRequest("waiting"))
    with pytest.raises(openai.RateLimitError) as raised:
        api.audio.speech.create(model="tts-1", voice="alloy", input="hello")
    assert int(raised.value.response.headers["retry-after"]) >= 1
