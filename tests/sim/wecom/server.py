"""The robot behind HTTP: the real path to send, `/messages` for programs, `/` for people."""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from datetime import UTC, datetime

from ..web import Reply, Server
from .robot import Message, Robot

PAGE = """<!doctype html><html lang="zh"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>群机器人 · simulated WeChat robot</title>
<style>body{{font:15px/1.5 sans-serif;max-width:46rem;margin:1rem auto;padding:0 1rem;background:#ededed}}
article{{background:#fff;border-radius:8px;padding:.6rem 1rem;margin:.8rem 0;
white-space:pre-wrap;overflow-wrap:anywhere}}
time{{color:#888;font-size:12px;display:block}}</style>
<h1>群机器人 · simulated WeChat robot</h1><p>{count} messages, newest first.</p>{messages}</html>"""


def serve(robot: Robot, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Return a server for `robot`; enter it to start."""

    def route(call: str, query: dict[str, str], body: bytes) -> Reply:
        match call:
            case "POST /cgi-bin/webhook/send":
                return robot.send(query.get("key", ""), body)
            case "GET /messages":
                return Reply([asdict(message) for message in robot.messages])
            case "DELETE /messages":
                robot.clear()
                return Reply({"ok": True})
            case "POST /script":
                asked = json.loads(body)
                robot.script.add(asked["kind"], str(asked.get("value", "")), int(asked.get("times", 1)))
                return Reply({"ok": True})
            case "DELETE /script":
                robot.script.clear()
                return Reply({"ok": True})
            case "GET /":
                return Reply(page(robot.messages))
        return Reply({"error": "no such page"}, 404)

    return Server(route, host, port)


def page(messages: list[Message]) -> str:
    """Return the page with all messages, newest first."""
    shown = "".join(map(_article, reversed(messages)))
    return PAGE.format(count=len(messages), messages=shown)


def _article(message: Message) -> str:
    at = datetime.fromtimestamp(message.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    text = message.content or json.dumps(message.body, ensure_ascii=False, indent=1)
    return f"<article><time>{at} · {html.escape(message.msgtype)}</time>{html.escape(text)}</article>"
