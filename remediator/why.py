"""Explains an incident: what was found, what was decided, and every gate with its value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection

from remediator.model import Run
from remediator.proved import proved
from remediator.store import alerts, incidents, records, runs
from remediator.store.incidents import Incident

WORDS = {
    "en": {
        "incident": "Incident", "on": "on", "since": "since", "alerts": "Alerts", "found": "Found",
        "also": "also found", "plan": "Plan", "none": "nothing on the host", "verdict": "Verdict",
        "gates": "Gates", "limit": "limit", "runs": "Runs", "proof": "Proof", "sent": "times",
        "held": "held by", "no_decision": "Nothing has been decided yet.", "took": "took", "closed": "closed",
    },
    "zh": {
        "incident": "事件", "on": "主机", "since": "开始于", "alerts": "告警", "found": "发现",
        "also": "同时发现", "plan": "计划", "none": "不在主机上操作", "verdict": "判定",
        "gates": "检查项", "limit": "限制", "runs": "执行", "proof": "验证", "sent": "次",
        "held": "由人接管", "no_decision": "尚未作出判断。", "took": "耗时", "closed": "关闭于",
    },
}  # fmt: skip
STAMP = "%Y-%m-%d %H:%M:%SZ"


def why(db: Connection, incident_id: str, language: str = "en") -> str:
    """Return the explanation as plain text. Raises UnknownItem."""
    words = WORDS["zh" if language == "zh" else "en"]
    mine = incidents.get(db, incident_id)
    lines = [*_head(mine, words, "zh" if language == "zh" else "en"), "", f"{words['alerts']}:"]
    for one in alerts.of_incident(db, incident_id):
        alert, sent = one.alert, f"{one.hits} {words['sent']}"
        lines.append(f"  {alert.starts_at:{STAMP}} {alert.status} {alert.name} ({alert.sender}, {sent})")
    decisions = records.decisions_of(db, incident_id)
    if not decisions:
        lines += ["", words["no_decision"]]
    for decision in decisions:
        lines += ["", *_decision(decision, words, language)]
    lines += _runs(runs.of_incident(db, incident_id), words)
    return "\n".join(lines)


def _head(mine: Incident, words: Mapping[str, str], tongue: str) -> list[str]:
    place = f"{mine.host}:{mine.instance}" if mine.instance else mine.host
    lines = [f"{words['incident']} {mine.id}: {mine.state}, {mine.fault or '?'} {words['on']} {place}"]
    times = f"{words['since']} {mine.opened_at:{STAMP}}"
    if mine.closed_at is not None:
        times += f", {words['closed']} {mine.closed_at:{STAMP}}"
    lines.append(times)
    if mine.held_by:
        lines.append(f"{words['held']} {mine.held_by}")
    if mine.proof:
        lines.append(f"{words['proof']}: {getattr(proved(mine.proof), tongue)}")
    return lines


def _decision(decision: Mapping[str, Any], words: Mapping[str, str], language: str) -> Iterable[str]:
    first, *others = decision["findings"]
    tongue = "zh" if language == "zh" else "en"
    yield f"{decision['at']:{STAMP}}"
    yield f"  {words['found']}: {first['fault']}: {first[f'reason_{tongue}']}"
    for other in others:
        yield f"    {words['also']}: {other['fault']}: {other[f'reason_{tongue}']}"
    where = f" {decision['host']}:{decision['instance']}" if decision["instance"] else f" {decision['host']}"
    yield f"  {words['plan']}: " + (f"{decision['remedy']}{where}" if decision["remedy"] else words["none"])
    gate = f" ({decision['gate']})" if decision["gate"] else ""
    yield f"  {words['verdict']}: {decision['verdict']}{gate}: {decision['reason'][tongue]}"
    if decision["gates"]:
        yield f"  {words['gates']}:"
    for row in decision["gates"]:
        yield f"    {row['kind']:<6} {row['name']}: {row['value']} ({words['limit']}: {row['limit']})"


def _runs(history: Iterable[Run], words: Mapping[str, str]) -> list[str]:
    lines = []
    for run in history:
        ended = run.ended_at if run.started_at else None
        took = f"{(ended - run.started_at).total_seconds():.1f} s" if ended and run.started_at else "-"
        failed = f", {run.failed_task}" if run.failed_task else ""
        where = f"{run.host}:{run.instance}" if run.instance else run.host
        lines.append(f"  {run.id} {run.remedy} {where} {run.state}, {words['took']} {took}{failed}")
    return ["", f"{words['runs']}:", *lines] if lines else []
