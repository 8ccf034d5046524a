"""The public API, compatible with OpenAI's /v1/audio/speech."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr
from starlette.exceptions import HTTPException

from tts_app.engines.base import Reference, Speech
from tts_app.web.auth import bearer_of
from tts_app.web.context import Context, context_of
from tts_app.web.encode import FORMATS, check_format, encode
from tts_app.web.references import MAX_TRANSCRIPT, decode_base64, reference_of
from tts_app.web.refusals import TooFast
from tts_app.web.requests import speech_request
from tts_app.web.waiting import result_or_gone

router = APIRouter(prefix="/v1", tags=["speech"])

ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"description": "The request can never work; `error.param` and `error.fix` say why"},
    401: {"description": "A key is needed"},
    413: {"description": "Too large"},
    429: {"description": "Too much work; wait for Retry-After seconds"},
    500: {"description": "The engine failed"},
    503: {"description": "Draining or not able to speak; wait for Retry-After seconds"},
    504: {"description": "No result within the time limit"},
}
AUDIO: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            f.media_type: {"schema": {"type": "string", "format": "binary"}} for f in FORMATS.values()
        }
    }
}


class VoiceId(BaseModel):
    """The object form of a voice that newer OpenAI clients send."""

    id: StrictStr = Field(max_length=100)


class SpeechBody(BaseModel):
    """What /v1/audio/speech takes; more than OpenAI's fields only where marked."""

    model_config = ConfigDict(extra="ignore")

    input: StrictStr = Field(min_length=1, description="The text to speak")
    model: StrictStr = Field("tts-1", max_length=100, description="Accepted and ignored")
    voice: Annotated[StrictStr, Field(max_length=100)] | VoiceId | None = None
    response_format: StrictStr = Field("mp3", max_length=40, description=", ".join(FORMATS))
    speed: StrictFloat | StrictInt = Field(1.0, ge=0.25, le=4.0)
    sample_rate: StrictInt = Field(24000, ge=1, le=1_000_000, description="Extra field: 24000 or 32000 Hz")
    seed: StrictInt = Field(42, ge=0, le=2**32 - 1, description="Extra field")
    ref_audio: StrictStr | None = Field(None, description="Extra field: recording as base64 or data: URL")
    ref_text: StrictStr | None = Field(
        None, max_length=MAX_TRANSCRIPT, description="Extra field: what it says"
    )
    stream_format: Literal["audio"] | None = None


def client_of(request: Request, context: Annotated[Context, Depends(context_of)]) -> str:
    """Return who calls. Answers 401 without a key where keys are set, 429 when asked too often."""
    client = f"address {request.client.host if request.client else '-'}"
    if context.keys.api:
        name = context.keys.api_client(bearer_of(request.headers.get("authorization")))
        if name is None:
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})
        client = f"key {name}"
    if wait_s := context.limiter.wait_s(client):
        raise TooFast(
            int(wait_s) + 1, "too many requests from this client", "该客户端请求过于频繁，请稍后再试"
        )
    return client


Client = Annotated[str, Depends(client_of)]


@router.post("/audio/speech", response_class=Response, responses=ERRORS | AUDIO)
async def speech(
    body: SpeechBody, request: Request, client: Client, context: Annotated[Context, Depends(context_of)]
) -> Response:
    """Speak `input`. The work is given up when the caller disconnects."""
    format_ = check_format(body.response_format, body.sample_rate)
    wanted = speech_request(
        context.service.engine,
        text=body.input,
        max_chars=context.settings.max_chars,
        voice=body.voice.id if isinstance(body.voice, VoiceId) else body.voice,
        sample_rate=body.sample_rate,
        seed=body.seed,
        speed=float(body.speed),
        reference=await run_in_threadpool(_reference, body, context),
        text_field="input",
    )
    job = context.service.submit(wanted, owner=client, substitute=True)
    spoken: Speech = await result_or_gone(job, request)
    content = await run_in_threadpool(encode, spoken, body.response_format)
    headers = {"X-Sample-Rate": str(spoken.sample_rate), "X-Resampled": str(spoken.resampled).lower()}
    if spoken.spoken_by:
        headers["X-Spoken-By"] = spoken.spoken_by
    return Response(content, media_type=format_.media_type, headers=headers)


def _reference(body: SpeechBody, context: Context) -> Reference | None:
    if body.ref_audio is None:
        return None
    content = decode_base64(body.ref_audio, field="ref_audio")
    return reference_of(
        content,
        body.ref_text or "",
        strict=context.settings.strict_reference,
        clones=context.service.engine.status().clones_voices,
        fields=("ref_audio", "ref_text"),
    )


@router.get("/voices", responses={k: v for k, v in ERRORS.items() if k in {401, 429}})
def voices(client: Client, context: Annotated[Context, Depends(context_of)]) -> dict[str, Any]:
    """List the voices a request may name; the first is the default."""
    engine = context.service.engine
    return {
        "engine": engine.name,
        "clones_voices": engine.status().clones_voices,
        "voices": [
            {
                "id": v.id,
                "language": v.language,
                "name_en": v.name_en,
                "name_zh": v.name_zh,
                "preset": v.preset,
            }
            for v in engine.voices()
        ],
    }
