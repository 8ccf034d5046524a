"""Admin endpoints: only from this machine, only with the token. The remedy helper uses them."""

import ipaddress
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field, StrictInt, StrictStr
from starlette.exceptions import HTTPException

from tts_app.engines.base import MemoryReport, Speech
from tts_app.web.auth import bearer_of
from tts_app.web.context import Context, context_of
from tts_app.web.encode import encode
from tts_app.web.requests import speech_request
from tts_app.web.waiting import result_or_gone

FORWARDED = ("x-forwarded-for", "x-real-ip", "forwarded")  # a proxy speaks for someone else


def require_admin(request: Request, context: Annotated[Context, Depends(context_of)]) -> None:
    """Answer 403 to other machines and where no token is set, 401 without the right token."""
    host = request.client.host if request.client else ""
    if not _is_loopback(host) or any(name in request.headers for name in FORWARDED):
        raise HTTPException(403)
    if context.keys.admin is None:
        raise HTTPException(403)
    if not context.keys.is_admin(bearer_of(request.headers.get("authorization"))):
        raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


router = APIRouter(prefix="/admin", dependencies=[Depends(require_admin)], include_in_schema=False)


class SpeakBody(BaseModel):
    """What to say as a proof of life."""

    text: StrictStr = Field("你好，世界", min_length=1, max_length=500)
    sample_rate: StrictInt = 24000


@router.post("/speak")
async def speak(
    body: SpeakBody, request: Request, context: Annotated[Context, Depends(context_of)]
) -> Response:
    """Speak through the reserved slot, also while full or draining; audio/wav."""
    wanted = speech_request(
        context.service.engine, text=body.text, max_chars=500, sample_rate=body.sample_rate
    )
    job = context.service.submit(wanted, reserved=True, owner="admin")
    spoken: Speech = await result_or_gone(job, request)
    return Response(await run_in_threadpool(encode, spoken, "wav"), media_type="audio/wav")


@router.post("/clear-memory")
async def clear_memory(request: Request, context: Annotated[Context, Depends(context_of)]) -> dict[str, Any]:
    """Give back what the engine can give back; MB before and after."""
    report: MemoryReport = await result_or_gone(context.service.clear_memory(), request)
    return {
        "before_mb": report.before_mb,
        "after_mb": report.after_mb,
        "freed_mb": report.freed_mb,
        "kind": report.kind,
        "still_loaded": report.still_loaded,
    }


@router.post("/drain")
async def drain(context: Annotated[Context, Depends(context_of)]) -> dict[str, Any]:
    """Take no new work."""
    context.service.drain()
    return _draining(context)


@router.post("/undrain")
async def undrain(context: Annotated[Context, Depends(context_of)]) -> dict[str, Any]:
    """Take work again."""
    context.service.undrain()
    context.batches.wake()
    return _draining(context)


def _draining(context: Context) -> dict[str, Any]:
    snapshot = context.service.snapshot()
    return {
        "draining": snapshot.facts.draining,
        "in_flight": snapshot.in_flight + snapshot.facts.queued,
    }
