"""Talk to an instance on the loopback address: bounded time, bounded answers."""

from __future__ import annotations

import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any, NamedTuple

from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError

LARGEST_STATUS = 16 << 10
LARGEST_AUDIO = 32 << 20


class Reply(NamedTuple):
    """An HTTP answer, or why there is none: ok, http_error, timeout, refused or error."""

    outcome: str
    status: int | None
    took_s: float
    body: bytes

    def json(self) -> Any:
        """The body as JSON, None when it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def ask(
    port: int,
    method: str,
    path: str,
    timeout_s: float,
    *,
    token: str = "",
    body: object = None,
    form: tuple[str, bytes] | None = None,
    largest: int = LARGEST_STATUS,
) -> Reply:
    """Send one request to 127.0.0.1:port. Never raises: the outcome tells.

    `body` is sent as JSON, `form` (content type, bytes) as it is.
    """
    kind = form[0] if form else "application/json"
    headers = {"Content-Type": kind, "Host": f"127.0.0.1:{port}"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = form[1] if form else json.dumps(body).encode() if body is not None else None
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request(method, path, body=data, headers=headers)
        answer = connection.getresponse()
        content = answer.read(largest)
        outcome = "ok" if 200 <= answer.status < 300 else "http_error"
        return Reply(outcome, answer.status, _since(began), content)
    except socket.timeout:
        return Reply("timeout", None, _since(began), b"")
    except ConnectionRefusedError:
        return Reply("refused", None, _since(began), b"")
    except (OSError, http.client.HTTPException) as error:
        return Reply("error", None, _since(began), type(error).__name__.encode())
    finally:
        connection.close()


def status_evidence(port: int, path: str, timeout_s: float) -> dict[str, object]:
    """Ask a status page and return the answer as the evidence shows it."""
    reply = ask(port, "GET", path, timeout_s)
    body = reply.json()
    return {
        "outcome": reply.outcome,
        "http_status": reply.status,
        "took_s": reply.took_s,
        "body": body if isinstance(body, dict) else None,
    }


def admin(
    config: Config,
    instance: Instance,
    path: str,
    timeout_s: float,
    body: object = None,
    largest: int = LARGEST_STATUS,
) -> Reply:
    """POST to an admin route with the host's own token. Raises HelperError unless the answer is 2xx."""
    try:
        token = Path(config.admin_token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise HelperError(f"the admin token cannot be read: {error.strerror}") from None
    reply = ask(instance.port, "POST", path, timeout_s, token=token, body=body or {}, largest=largest)
    if reply.outcome != "ok":
        said = reply.body[:300].decode("utf-8", "replace")
        raise HelperError(
            f"{path} on port {instance.port}: {reply.outcome} {reply.status or ''} {said}".strip(),
            outcome=reply.outcome,
            http_status=reply.status,
        )
    return reply


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
