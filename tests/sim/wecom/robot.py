"""What the robot answers. Sources of the rules: WeChat Work's developer pages 99110 and 90455."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..scripted import Script, Trouble
from ..web import Dropped, Reply

PER_MINUTE = 20
LONGEST_BYTES = {"text": 2048, "markdown": 4096, "markdown_v2": 4096}
WITHOUT_CONTENT = {"image", "news", "file", "voice", "template_card"}
WORDS = {
    -1: "system busy",
    0: "ok",
    40008: "invalid message type",
    40058: "invalid Parameter",
    45009: "api freq out of limit",
    47001: "data format error",
    93000: "invalid webhook url",
}


@dataclass(frozen=True)
class Message:
    """One accepted message; `body` is the JSON as it came."""

    at: float
    key: str
    msgtype: str
    content: str
    body: dict[str, Any]


class Robot:
    """All robots of the group: every key in `keys` is one (any key when `keys` is None)."""

    def __init__(
        self,
        keys: set[str] | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        journal: Path | None = None,
    ) -> None:
        self.script = Script()
        self._keys, self._clock, self._sleep, self._journal = keys, clock, sleep, journal
        self._lock = threading.Lock()
        self._messages = _read(journal)
        self._calls: dict[str, list[float]] = {}

    @property
    def messages(self) -> list[Message]:
        """What was accepted, oldest first."""
        with self._lock:
            return list(self._messages)

    def clear(self) -> None:
        """Forget every message."""
        with self._lock:
            self._messages.clear()
            if self._journal is not None:
                self._journal.unlink(missing_ok=True)

    def send(self, key: str, raw: bytes) -> Reply:
        """Answer one POST to /cgi-bin/webhook/send."""
        trouble = self.script.next()
        if trouble is not None:
            reply = self._in_trouble(trouble)
            if reply is not None:
                return reply
        code, message = self._judge(key, raw)
        if message is not None:
            self._keep(message)
        if trouble is not None and trouble.kind == "lost":
            raise Dropped  # the group has the message; its sender cannot know
        return answer(code)

    def _in_trouble(self, trouble: Trouble) -> Reply | None:
        match trouble.kind:
            case "errcode":
                return answer(int(trouble.value))
            case "reset":
                raise Dropped
            case "html":
                return Reply("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
            case "invalid_json":
                return Reply('{"errcode": 0, "errm', 200, "application/json")
            case "http":
                return Reply("", int(trouble.value))
            case "slow":
                self._sleep(float(trouble.value))
        return None

    def _judge(self, key: str, raw: bytes) -> tuple[int, Message | None]:
        if self._keys is not None and key not in self._keys:
            return 93000, None
        if self._too_often(key):
            return 45009, None
        try:
            body = json.loads(raw)
            kind = body["msgtype"]
        except (ValueError, KeyError, TypeError):
            return 47001, None
        if kind not in LONGEST_BYTES | dict.fromkeys(WITHOUT_CONTENT):
            return 40008, None
        part = body.get(kind)
        content = part.get("content", "") if isinstance(part, dict) else ""
        if kind in LONGEST_BYTES and not 0 < len(content.encode()) <= LONGEST_BYTES[kind]:
            return 40058, None
        return 0, Message(self._clock(), key, kind, content, body)

    def _too_often(self, key: str) -> bool:
        with self._lock:
            now = self._clock()
            recent = [at for at in self._calls.get(key, []) if at > now - 60]
            self._calls[key] = recent if len(recent) >= PER_MINUTE else [*recent, now]
            return len(recent) >= PER_MINUTE

    def _keep(self, message: Message) -> None:
        with self._lock:
            self._messages.append(message)
            if self._journal is not None:
                with self._journal.open("a") as journal:
                    journal.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")


def answer(code: int) -> Reply:
    """Return the robot's answer: HTTP 200 whatever the code."""
    return Reply({"errcode": code, "errmsg": WORDS.get(code, "error")})


def _read(journal: Path | None) -> list[Message]:
    if journal is None or not journal.exists():
        return []
    return [Message(**json.loads(line)) for line in journal.read_text().splitlines()]
