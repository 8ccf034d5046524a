"""What looks like a secret in other programs' texts is not stored, shown or sent."""

from __future__ import annotations

import pytest

from remediator.normalize import from_alertmanager
from remediator.redact import redacted, redacted_json
from tests.unit.remediator.world import NOW


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [removed]"),
        ("authorization: basic dXNlcjpwYXNz x", "authorization: basic [removed] x"),
        ("curl -H 'bearer T0P'", "curl -H 'bearer [removed]'"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=693a-11&x=1",
         "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=[removed]&x=1"),
        ("gettoken?corpid=ww1&corpsecret=S3 failed", "gettoken?corpid=ww1&corpsecret=[removed] failed"),
        ('{"password": "hunter2", "a": 1}', '{"password": "[removed]", "a": 1}'),
        ("--token=T0P --port 7860", "--token=[removed] --port 7860"),
        ("API_KEY: k1", "API_KEY: [removed]"),
        ("postgresql://voice:hunter2@db/x refused", "postgresql://[removed]@db/x refused"),
        ("model hf_abcdefghijklmnopqrstuv", "model [removed]"),
        ("client sk-proj-abcdefghijklmnop1234", "client [removed]"),
        ("CUDA out of memory. Tried to allocate 2 GiB", "CUDA out of memory. Tried to allocate 2 GiB"),
        ("batch=b owner=li file=books.jsonl line=3 field=- fault=F2 half a line",
         "batch=b owner=li file=books.jsonl line=3 field=- fault=F2 half a line"),
        ("http://127.0.0.1:7860/healthz", "http://127.0.0.1:7860/healthz"),
    ],
)  # fmt: skip
def test_what_is_blacked_out(text: str, kept: str) -> None:
    assert redacted(text) == kept


def test_every_text_of_an_answer_is_looked_at_and_nothing_else_changes() -> None:
    raw = {"a": [{"text": "token=T0P"}, 7, None, True], "n": 1.5}
    assert redacted_json(raw) == {"a": [{"text": "token=[removed]"}, 7, None, True], "n": 1.5}


def test_an_alerts_text_is_redacted() -> None:
    alert = {
        "status": "firing", "fingerprint": "f1", "startsAt": NOW.isoformat(),
        "labels": {"alertname": "X", "host": "gpu01"}, "annotations": {"summary": "login with password=hunter2"},
    }  # fmt: skip
    found = from_alertmanager({"version": "4", "alerts": [alert]}, {"gpu01": ["7860"]}).alerts
    assert [one.summary for one in found] == ["login with password=[removed]"]
