"""The mailbox behind HTTP: `/messages` for programs, `/` for people, `/script` for tests."""

from __future__ import annotations

import html
import json
from dataclasses import asdict
from datetime import UTC, datetime

from ..web import Reply, Server
from .box import Mail, Mailbox

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Mailbox</title>
<style>body{{font:15px/1.5 sans-serif;max-width:60rem;margin:1rem auto;padding:0 1rem}}
td,th{{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}}
iframe{{width:100%;height:32rem;border:1px solid #ccc}}
pre{{white-space:pre-wrap;background:#f6f6f6;padding:.6rem}}</style>{body}</html>"""


def serve(box: Mailbox, host: str = "127.0.0.1", port: int = 0) -> Server:
    """Return a server for `box`; enter it to start."""

    def route(call: str, query: dict[str, str], body: bytes) -> Reply:
        match call:
            case "GET /messages":
                return Reply([asdict(mail) for mail in box.mails])
            case "DELETE /messages":
                box.clear()
                return Reply({"ok": True})
            case "POST /script":
                asked = json.loads(body)
                box.script.add(asked["kind"], times=int(asked.get("times", 1)))
                return Reply({"ok": True})
            case "DELETE /script":
                box.script.clear()
                return Reply({"ok": True})
            case "GET /":
                return Reply(PAGE.format(body=_list(box.mails)))
        if call.startswith("GET /mail/"):
            return _one(box.mails, call.removeprefix("GET /mail/"))
        return Reply({"error": "no such page"}, 404)

    return Server(route, host, port)


def _list(mails: list[Mail]) -> str:
    rows = "".join(
        f"<tr><td>{_when(mail)}</td><td>{html.escape(', '.join(mail.to))}</td>"
        f'<td><a href="/mail/{number}">{html.escape(mail.subject)}</a></td></tr>'
        for number, mail in reversed(list(enumerate(mails)))
    )
    head = '<meta http-equiv="refresh" content="5"><h1>Mailbox</h1>'
    return f"{head}<p>{len(mails)} mails, newest first.</p><table>{rows}</table>"


def _one(mails: list[Mail], number: str) -> Reply:
    if not number.isdigit() or int(number) >= len(mails):
        return Reply({"error": "no such mail"}, 404)
    mail = mails[int(number)]
    lines = "".join(
        f"<tr><th>{html.escape(n)}</th><td>{html.escape(v)}</td></tr>" for n, v in mail.headers.items()
    )
    frame = f'<iframe sandbox srcdoc="{html.escape(mail.html)}"></iframe>' if mail.html else ""
    text = f"<pre>{html.escape(mail.text)}</pre>"
    return Reply(PAGE.format(body=f'<p><a href="/">all mails</a></p><table>{lines}</table>{frame}{text}'))


def _when(mail: Mail) -> str:
    return datetime.fromtimestamp(mail.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
