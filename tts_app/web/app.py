"""Put one ASGI app together. Tests pass their own context; nothing is global."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from tts_app import __version__
from tts_app.web import admin, api, batches, health, metrics, problems
from tts_app.web.context import Context
from tts_app.web.middleware import Envelope

ENVELOPE_BYTES = 1_000_000  # form fields and boundaries around an upload


def create_app(
    context: Context, *, with_page: bool = True, on_started: Callable[[], None] | None = None
) -> FastAPI:
    """Return the app. `on_started` is called once the app is about to answer."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if on_started:
            on_started()
        yield

    app = FastAPI(title="Speech", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan)
    app.state.context = context
    problems.install(app)
    for module in (health, metrics, api, batches, admin):
        app.include_router(module.router)
    if with_page:
        from tts_app.web.mount import mount_page

        app.include_router(batches.page_router)
        app = mount_page(app, context)
    _describe_real_errors(app)
    return app


def wrapped(app: FastAPI, context: Context) -> ASGIApp:
    """Return `app` inside its envelope (ids, access log, body limit)."""
    return Envelope(app, max_body_bytes=context.settings.max_upload_mb * 1_000_000 + ENVELOPE_BYTES)


def _describe_real_errors(app: FastAPI) -> None:
    """Take FastAPI's 422 out of the description: invalid input is answered with 400 here."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        schema = original()
        for path in schema["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        return schema

    app.openapi = openapi  # type: ignore[method-assign]
