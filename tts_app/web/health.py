"""GET /healthz (alive?) and GET /readyz (may take traffic?). They answer while the engine works."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from tts_app import __version__, health
from tts_app.web.context import Context, context_of

router = APIRouter(tags=["health"])
SICK: dict[int | str, dict[str, Any]] = {503: {"description": "Sick, or not ready; `reason` says why"}}


@router.get("/healthz", responses=SICK)
async def healthz(context: Annotated[Context, Depends(context_of)]) -> JSONResponse:
    """200 while the service is alive; 503 when only a restart or people help."""
    reason = health.sickness(context.service.snapshot().facts)
    content = {
        "status": "sick" if reason else "ok",
        "engine": context.settings.engine,
        "version": __version__,
        "uptime_s": round(time.monotonic() - context.started_at, 1),
        **_wanted(context),
    }
    if reason:
        content["reason"] = reason
    return JSONResponse(content, 503 if reason else 200)


@router.get("/readyz", responses=SICK)
async def readyz(context: Annotated[Context, Depends(context_of)]) -> JSONResponse:
    """200 when traffic may come; 503 with the reason (loading, full, draining or a sickness).

    `engine_wanted` names the engine this host was meant to run and cannot, such as glm without its weights.
    `substitute` names the engine that speaks while the chosen one can't be loaded; /healthz stays sick meanwhile.
    """
    snapshot = context.service.snapshot()
    facts, reason = snapshot.facts, health.not_ready(snapshot.facts)
    content: dict[str, Any] = {
        "ready": reason is None,
        "reason": reason,
        "queue": {"depth": facts.queued, "limit": facts.queue_limit},
        "draining": facts.draining,
        "in_flight": snapshot.in_flight,
        **_wanted(context),
    }
    if name := context.service.substituted_by:
        content["substitute"] = name
    return JSONResponse(content, 503 if reason else 200)


def _wanted(context: Context) -> dict[str, str]:
    """Name the engine that this host was meant to run, where it runs another."""
    wanted = context.settings.engine_wanted
    return {"engine_wanted": wanted} if wanted else {}
