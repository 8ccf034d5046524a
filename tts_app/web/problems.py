"""Errors as HTTP answers, shaped as OpenAI clients expect them, in English and Chinese."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tts_app import logs
from tts_app.batch.surroundings import UnknownBatch
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    Draining,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
    TtsError,
)
from tts_app.web import refusals
from tts_app.web.validation import bad_request

log = logging.getLogger(__name__)

DRAIN_RETRY_S = 30
STATUS: tuple[tuple[type[TtsError], int], ...] = (  # the first that fits
    (UnknownBatch, 404),
    (BadRequest, 400),
    (Busy, 429),
    (Draining, 503),
    (Cancelled, 503),
    (LoadFailed, 503),
    (OutOfMemory, 503),
    (EngineStuck, 504),
)
BODY_FIX = "Compare with /openapi.json. / 请对照 /openapi.json。"
WORDS = {
    400: ("the body can't be read as what its content-type says", "请求体与 content-type 不符，无法解析"),
    401: ("a valid key is needed", "需要有效的密钥"),
    403: ("not allowed", "不允许"),
    404: ("no such thing here", "没有这个地址或对象"),
    405: ("this method is not offered here", "不支持这个方法"),
    413: ("the request is too large", "请求体过大"),
    503: ("too many requests are open at the moment", "当前打开的请求过多，请稍后再试"),
}


def status_of(error: TtsError) -> int:
    """Return the HTTP status that says what the caller can do about `error`."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def body(
    status: int, en: str, zh: str, *, kind: str, field: str | None = None, fix: str = ""
) -> dict[str, Any]:
    """Return the JSON every error answer has."""
    error = {"message": f"{en} / {zh}", "message_en": en, "message_zh": zh, "type": kind, "param": field}
    return {"error": error | {"code": status, "fix": fix, "request_id": logs.request_id.get()}}


def answer(error: TtsError) -> JSONResponse:
    """Return the HTTP answer for `error`."""
    status = status_of(error)
    headers = {}
    if isinstance(error, Busy):
        headers["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        headers["Retry-After"] = str(DRAIN_RETRY_S)
    field, fix = (error.field, _fix(error)) if isinstance(error, BadRequest) else (None, "")
    kind = "invalid_request_error" if isinstance(error, BadRequest) else type(error).__name__
    content = body(status, error.message_en, error.message_zh, kind=kind, field=field, fix=fix)
    return JSONResponse(content, status, headers)


def _fix(error: BadRequest) -> str:
    return f"{error.fix} / {error.fix_zh}" if error.fix else ""


def install(app: FastAPI) -> None:
    """Let `app` answer every error in this shape."""
    app.add_exception_handler(TtsError, _tts_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


async def _tts_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TtsError)  # noqa: S101 - the handler is registered for this type alone
    refusals.count(request.app.state.context.metrics, error)
    return answer(error)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return answer(bad_request(error.errors()))


async def _http_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    en, zh = WORDS.get(error.status_code, (str(error.detail), str(error.detail)))
    field, fix = ("body", BODY_FIX) if error.status_code == 400 else (None, "")
    content = body(error.status_code, en, zh, kind="http_error", field=field, fix=fix)
    return JSONResponse(content, error.status_code, error.headers)


async def _unexpected(_request: Request, error: Exception) -> JSONResponse:
    log.error("request failed", exc_info=error)
    content = body(
        500,
        "internal error; the request id finds it in error.log",
        "内部错误，可凭请求编号在 error.log 中查找",
        kind="internal_error",
    )
    return JSONResponse(content, 500)
