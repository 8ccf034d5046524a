"""What a stored proof says to people, in one sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from remediator.model import Text

NOT_BY_SPEECH = Text("it answers over HTTP (not proved by speech)", "HTTP 有应答（未经语音验证）")


def proved(proof: Mapping[str, Any]) -> Text:
    """Return what was heard, that an HTTP answer is all there is, or why there is no proof."""
    if not proof.get("ok"):
        return Text(str(proof.get("reason_en") or "?"), str(proof.get("reason_zh") or "?"))
    if proof.get("how") == "http":
        return NOT_BY_SPEECH
    length, rate = float(proof.get("duration_s") or 0), proof.get("sample_rate")
    return Text(f"it speaks: {length:.1f} s, {rate} Hz", f"已听到它说话：{length:.1f} 秒，{rate} Hz")
