"""Batches as HTML: what the check found, line by line, and how each task went. Everything is escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from tts_app.batch.preflight import Preflight, Verdict
from tts_app.batch.progress import clock_time
from tts_app.batch.status import BatchStatus
from tts_app.web.page.words import MESSAGES, say

MAX_ROWS = 300
VERDICT_BOX = {Verdict.GO: "good", Verdict.SPLIT: "warning", Verdict.REFUSED: "error"}


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f'<div class="vk-table"><table><tr>{head}</tr>{body}</table></div>' if body else ""


def preflight(found: Preflight, *, chinese: bool) -> str:
    """Return the verdict, the estimate and every problem with its line."""
    need = found.estimate
    line = say(
        f"verdict_{found.verdict}",
        chinese,
        tasks=need.tasks,
        chars=need.chars,
        audio=clock_time(need.audio_s),
        time=clock_time(need.time_s),
        disk=f"{need.disk_mb:.1f}",
    )
    box = f'<div class="vk-{VERDICT_BOX[found.verdict]}">{escape(line)}</div>'
    rows = [(p.line or "-", p.field or "-", p.sentences()[chinese]) for p in found.problems[:MAX_ROWS]]
    return (
        box + _table(_heads(chinese, "line", "field", "problem"), rows) + _more(len(found.problems), chinese)
    )


def status(batch: BatchStatus, *, chinese: bool) -> str:
    """Return the bar, the numbers and a row per task."""
    ended = batch.ok + batch.failed
    eta = "" if batch.eta_s is None else say("eta", chinese, left=clock_time(batch.eta_s))
    line = say(
        "batch_line",
        chinese,
        state=say(f"batch_{batch.state}", chinese) + _why(batch.reason, chinese),
        ended=ended,
        total=batch.total,
        failed=batch.failed,
        eta=eta,
    )
    bar = f'<progress max="{max(batch.total, 1)}" value="{ended}" style="width:100%;height:16px"></progress>'
    rows = [_row(item, batch.current, chinese) for item in in_sight(batch.items)]
    link = ""
    if batch.has_result:
        link = (
            f'<p><a class="vk-download" download href="page/batches/{escape(batch.batch_id)}.zip">'
            f"{escape(say('download', chinese))}</a></p>"
        )
    table = _table(_heads(chinese, "line", "name", "status", "detail"), rows)
    return f'<div class="vk-good">{escape(line)}{bar}</div>{link}{table}{_more(len(batch.items), chinese)}'


def _why(reason: str | None, chinese: bool) -> str:
    """Return why a batch is paused; a rare reason as the log names it."""
    if reason is None:
        return ""
    key = f"why_{reason}"
    return say("why", chinese, why=say(key, chinese) if key in MESSAGES else reason)


def in_sight(items: Sequence[dict[str, Any]], limit: int = MAX_ROWS) -> list[dict[str, Any]]:
    """Return at most `limit` rows, in order: what runs, what failed, and what is nearest to the work."""
    if len(items) <= limit:
        return list(items)
    at = next((n for n, item in enumerate(items) if item["status"] in {"running", "waiting"}), len(items))
    first = {"running": 0, "failed": 1}
    nearest = sorted(range(len(items)), key=lambda n: (first.get(items[n]["status"], 2), abs(n - at)))
    return [items[n] for n in sorted(nearest[:limit])]


def _row(item: dict[str, Any], current: dict[str, Any] | None, chinese: bool) -> tuple[object, ...]:
    return item["line"], item["name"], say(f"item_{item['status']}", chinese), _detail(item, current, chinese)


def _detail(item: dict[str, Any], current: dict[str, Any] | None, chinese: bool) -> str:
    """Return the reason of a failure, the pieces of what is spoken, the length of what was."""
    if message := item.get("message"):
        return str(message["zh" if chinese else "en"])
    if item["status"] == "running" and current and current["pieces"]:
        return f"{current['pieces_done']}/{current['pieces']}"
    return "" if item.get("audio_s") is None else f"{item['audio_s']:.1f} s"


def _heads(chinese: bool, *keys: str) -> list[str]:
    return [say(f"head_{key}", chinese) for key in keys]


def _more(count: int, chinese: bool) -> str:
    return f"<p>{escape(say('more', chinese, count=count - MAX_ROWS))}</p>" if count > MAX_ROWS else ""
