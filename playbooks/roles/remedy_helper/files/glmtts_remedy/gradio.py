"""Let somebody else's Gradio page speak, by the API that every such page has.

Inputs are handed over as they stand in the inventory, with two exceptions: in a text, `{text}` is what is to be
said; `{"upload": PATH}` is a file of this host, such as the voice to imitate, which is uploaded first.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

from glmtts_remedy import web
from glmtts_remedy.errors import HelperError

LARGEST_PAGE = 8 << 20
LARGEST_UPLOAD = 16 << 20
ASK_TIMEOUT_S = 20


def speak(port: int, api: str, inputs: tuple[Any, ...], text: str, timeout_s: float) -> bytes:
    """Return the sound that the page answers with. Raises HelperError that tells which step failed."""
    prefix = _prefix(port)
    given = [_input(port, prefix, item, text) for item in inputs]
    job = _object(web.ask(port, "POST", f"{prefix}/call/{api}", ASK_TIMEOUT_S, body={"data": given}), api)
    event = str(job.get("event_id", ""))
    told = web.ask(
        port, "GET", f"{prefix}/call/{api}/{quote(event, safe='')}", timeout_s, largest=LARGEST_PAGE
    )
    path = sound_in(outcome(told.body.decode("utf-8", "replace"), api))
    if path is None:
        raise HelperError(f"{api} of the page gave no sound file", spoken=False)
    got = web.ask(
        port, "GET", f"{prefix}/file={quote(path, safe='/')}", ASK_TIMEOUT_S, largest=web.LARGEST_AUDIO
    )
    if got.outcome != "ok":
        raise HelperError(f"the page does not hand out its sound: {got.outcome} {got.status or ''}".strip())
    return got.body


def outcome(stream: str, api: str) -> Any:
    """Return the data of the stream's last event. Raises HelperError unless it says `complete`."""
    event, data = "", ""
    for line in stream.splitlines():
        name, _, value = line.partition(":")
        event = value.strip() if name == "event" else event
        data = value.strip() if name == "data" else data
    if event != "complete":
        raise HelperError(
            f"{api} of the page failed: {event or 'no answer'} {data[:200]}".strip(), spoken=False
        )
    try:
        return json.loads(data)
    except ValueError:
        raise HelperError(f"{api} of the page answered no JSON", spoken=False) from None


def sound_in(value: Any) -> str | None:
    """Return the path of the first WAV file in an answer, however deep it lies."""
    if isinstance(value, dict):
        path = value.get("path")
        if isinstance(path, str) and path.lower().endswith(".wav"):
            return path
        value = list(value.values())
    if isinstance(value, list):
        return next((found for item in value if (found := sound_in(item)) is not None), None)
    return None


def _prefix(port: int) -> str:
    """Where the API lies: newer pages say so in /config, older ones have it at the top."""
    page = _object(web.ask(port, "GET", "/config", ASK_TIMEOUT_S, largest=LARGEST_PAGE), "/config")
    return str(page.get("api_prefix") or "")


def _input(port: int, prefix: str, item: Any, text: str) -> Any:
    if isinstance(item, str):
        return item.replace("{text}", text)
    if isinstance(item, dict) and set(item) == {"upload"}:
        return _upload(port, prefix, Path(str(item["upload"])))
    return item


def _upload(port: int, prefix: str, path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_UPLOAD)
    except OSError as error:
        raise HelperError(f"{path} cannot be read: {error.strerror}") from None
    mark = secrets.token_hex(16)
    head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{path.name}"\r\n'
    head += "Content-Type: application/octet-stream\r\n\r\n"
    data = head.encode() + content + f"\r\n--{mark}--\r\n".encode()
    form = (f"multipart/form-data; boundary={mark}", data)
    reply = web.ask(port, "POST", f"{prefix}/upload", ASK_TIMEOUT_S, form=form)
    stored = reply.json()
    if reply.outcome != "ok" or not isinstance(stored, list) or not stored:
        raise HelperError(f"the page takes no file: {reply.outcome} {reply.status or ''}".strip())
    return {"path": str(stored[0]), "orig_name": path.name, "meta": {"_type": "gradio.FileData"}}


def _object(reply: web.Reply, what: str) -> dict[str, Any]:
    body = reply.json()
    if reply.outcome != "ok" or not isinstance(body, dict):
        said = reply.body[:200].decode("utf-8", "replace")
        raise HelperError(
            f"{what} of the page: {reply.outcome} {reply.status or ''} {said}".strip(), spoken=False
        )
    return body
