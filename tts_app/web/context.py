"""What the endpoints share; one per app, handed in, nothing global."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from fastapi import Request

from tts_app.batch.service import BatchService
from tts_app.metrics import Metrics
from tts_app.settings import Settings
from tts_app.speech import SpeechService
from tts_app.web.auth import Keys
from tts_app.web.ratelimit import RateLimit


@dataclass
class Context:
    """Everything an endpoint may use."""

    settings: Settings
    service: SpeechService
    metrics: Metrics
    keys: Keys
    limiter: RateLimit
    batches: BatchService
    started_at: float = field(default_factory=time.monotonic)


def context_of(request: Request) -> Context:
    """Return the app's context (a FastAPI dependency)."""
    context: Context = request.app.state.context
    return context
