"""/v1/batches: submit a tasks file, watch, cancel, fetch the archive."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from fastapi.responses import FileResponse, JSONResponse

from tts_app.batch.jsonl import MAX_FILE_BYTES
from tts_app.batch.surroundings import BatchRefused
from tts_app.web import problems
from tts_app.web.api import ERRORS, client_of
from tts_app.web.context import Context, context_of

router = APIRouter(prefix="/v1/batches", tags=["batches"])
page_router = APIRouter(include_in_schema=False)

Ctx = Annotated[Context, Depends(context_of)]
Client = Annotated[str, Depends(client_of)]
BatchErrors: dict[int | str, dict[str, Any]] = {404: {"description": "No such batch"}}
FORM_FIELDS = {"zip_bad": "audio", "owner_bad": "owner"}  # problem -> field of the form; all others: tasks
BatchErrors |= {code: ERRORS[code] for code in (400, 401, 413, 429, 503)}


def owner_of(client: str) -> str | None:
    """Return whose batches `client` may see: its own where keys are set, else those whose id it knows."""
    kind, _, name = client.partition(" ")
    return name if kind == "key" else None


@router.post("", status_code=202, responses=BatchErrors | {200: {"description": "What the check found"}})
def submit(
    request: Request,
    client: Client,
    context: Ctx,
    tasks: Annotated[UploadFile, File(description="JSONL, one task a line")],
    audio: Annotated[UploadFile | None, File(description="zip of reference recordings")] = None,
    owner: Annotated[str, Form(max_length=64, description="who is told; a key's name goes before")] = "api",
    skip_bad: Annotated[bool, Form(description="run the good lines of a file with bad ones")] = False,
    check: Annotated[bool, Form(description="only check, run nothing")] = False,
) -> JSONResponse:
    """Check a tasks file and queue it. 202 with its status; 400 with every line's trouble."""
    content = tasks.file.read(MAX_FILE_BYTES + 1)
    recordings = audio.file if audio is not None else None
    name = owner_of(client) or owner
    if check:
        return JSONResponse(context.batches.check(content, recordings, owner=name).to_json(), 200)
    try:
        status = context.batches.submit(content, recordings, owner=name, skip_bad=skip_bad)
    except BatchRefused as refused:
        return _refused(refused)
    return JSONResponse(status.to_json(), 202, {"Location": f"/v1/batches/{status.batch_id}"})


def _refused(refused: BatchRefused) -> JSONResponse:
    """Answer with the first problem, which tells the field of the form, and with all of them."""
    first = refused.preflight.errors[0]
    answer = problems.body(
        400,
        refused.message_en,
        refused.message_zh,
        kind="invalid_request_error",
        field=FORM_FIELDS.get(first.code, "tasks"),
        fix=f"{first.fix_en} / {first.fix_zh}",
    )
    return JSONResponse(answer | {"preflight": refused.preflight.to_json()}, 400)


@router.get("", responses=BatchErrors)
def list_batches(client: Client, context: Ctx) -> dict[str, Any]:
    """List the caller's batches, newest first; nothing without API keys: an id is the key to a batch then."""
    owner = owner_of(client)
    found = context.batches.list(owner) if owner else []
    return {"batches": [status.to_json() for status in found]}


@router.get("/{batch_id}", responses=BatchErrors)
def status(batch_id: str, client: Client, context: Ctx) -> dict[str, Any]:
    """How a batch is: counts, the item in hand, seconds left, every line with its state."""
    return context.batches.status(batch_id, owner_of(client)).to_json()


@router.post("/{batch_id}/cancel", responses=BatchErrors)
def cancel(batch_id: str, client: Client, context: Ctx) -> dict[str, Any]:
    """Give a batch up; harmless when it has ended."""
    return context.batches.cancel(batch_id, owner_of(client)).to_json()


@router.get(
    "/{batch_id}/result",
    response_class=FileResponse,
    responses=BatchErrors | {200: {"content": {"application/zip": {}}}},
)
def result(batch_id: str, client: Client, context: Ctx) -> FileResponse:
    """Fetch the zip with the wavs, the manifest and the report."""
    return _archive(context, batch_id, owner_of(client))


@page_router.get("/page/batches/{batch_id}.zip")
def result_for_page(batch_id: str, context: Ctx) -> FileResponse:
    """Fetch the zip from a link on the page; the id can't be guessed and is all that is needed."""
    return _archive(context, batch_id, None)


def _archive(context: Context, batch_id: str, owner: str | None) -> FileResponse:
    path = context.batches.result(batch_id, owner)
    return FileResponse(path, media_type="application/zip", filename=path.name)
