"""GET /metrics for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from tts_app.web.context import Context, context_of

router = APIRouter(tags=["health"])


@router.get("/metrics", response_class=Response)
def metrics(context: Annotated[Context, Depends(context_of)]) -> Response:
    """All metrics, in Prometheus' text format."""
    return Response(generate_latest(context.metrics.registry), media_type=CONTENT_TYPE_LATEST)
