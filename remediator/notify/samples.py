"""One message of each kind, with invented facts: for `notify test` and the rendered examples. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from remediator.notify.message import Message, read_message

INCIDENT = "inc-20261127-010203-5a17e1"


def samples(now: datetime) -> dict[str, Message]:
    """Return the messages by kind, as if they happened at `now`."""
    later = (now + timedelta(minutes=30)).isoformat()
    found = {
        "opened": _facts(now, state="open", decided=None, run=None, proof=None, next={
            "en": "The host is being examined.", "zh": "正在检查主机。"}),
        "decided": _facts(now, state="repairing", run=None, proof=None, next={
            "en": "Afterwards the service must prove that it speaks.", "zh": "完成后将用实际语音验证。"}),
        "approval": _facts(now, kind="decided", state="asking", fault="gpu_needs_reset", run=None, proof=None,
            mode="propose", decided=_decided("gpu_reset", "ask", "this remedy needs a person's approval",
            "该措施需要人工批准"), next={"en": "Approve or deny within 30 minutes.", "zh": "请在 30 分钟内批准或否决。"},
            approve={"id": "ask-20261127-010203-77aa01", "expires_at": later}),
        "result": _facts(now, state="resolved", next={"en": "Nothing more to do.", "zh": "无需再处理。"}),
        "escalation": _facts(now, state="escalated", fault="unreachable", severity="critical", instance=None,
            found={"en": "ssh: connect to host gpu01 port 22: No route to host",
                   "zh": "ssh 连接 gpu01 失败：No route to host"},
            decided=_decided("", "refuse", "an unreachable host is left alone", "不可达的主机不做操作"),
            run=None, proof=None,
            next={"en": "Look at the host's network and power.", "zh": "请检查主机的网络和电源。"}),
        "digest": {"kind": "digest", "mode": "act", "count": 7, "items": [
            {"place": f"gpu{number:02}:7860", "fault": "service_down", "state": "open"} for number in range(1, 6)]
            + [{"place": "gpu09", "fault": "disk_full", "state": "resolved"}]},
        "daily": {"kind": "daily", "mode": "act", "date": f"{now:%Y-%m-%d}", "incidents": 4, "resolved": 3, "open": 1,
            "repair_s": {"median": 48.0, "longest": 312.0}, "faults": {"service_down": 3, "disk_full": 1},
            "gates": {"cooldown": 2, "mode": 1}, "unmatched": ["ValueError: unexpected tensor shape (3, 0)"]},
        "heartbeat": {"kind": "heartbeat", "mode": "act", "interval_s": 86400, "open": 1},
        "alarm": {"kind": "alarm", "mode": "act", "receiver": "mail:ops@example.com",
            "message": "msg-20261127-010203-000001", "error": "SMTP 550"},
        "test": {"kind": "test", "mode": "act"},
    }  # fmt: skip
    return {
        name: read_message(f"msg-{now:%Y%m%d-%H%M%S}-{place:06x}", facts["kind"], now, facts)
        for place, (name, facts) in enumerate(found.items(), start=1)
    }


def _facts(now: datetime, **changes: Any) -> dict[str, Any]:
    facts = {
        "kind": changes.get("kind") or ("result" if changes["state"] == "resolved" else _KIND[changes["state"]]),
        "incident_id": INCIDENT, "host": "gpu01", "instance": "7860", "fault": "service_down",
        "severity": "critical", "mode": "act",
        "found": {"en": "glm-tts@7860.service failed: killed by signal 9",
                  "zh": "glm-tts@7860.service 已失败：被信号 9 杀死"},
        "decided": _decided("restart", "go", "every guard agrees", "所有关卡均同意"),
        "run": {"id": "run-20261127-010211-9f3a2c", "remedy": "restart", "state": "ok", "took_s": 4.2},
        "proof": {"ok": True, "duration_s": 1.24, "took_s": 0.9},
        "opened_at": (now - timedelta(seconds=75)).isoformat(), "at": now.isoformat(), "approve": None,
    }  # fmt: skip
    return facts | changes


def _decided(remedy: str, verdict: str, en: str, zh: str) -> dict[str, Any]:
    return {"remedy": remedy, "verdict": verdict, "reason": {"en": en, "zh": zh}}


_KIND = {"open": "opened", "repairing": "decided", "asking": "decided", "escalated": "escalation"}
