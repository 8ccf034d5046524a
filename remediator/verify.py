"""Stage 7 of 7: does it speak? Only this stage may say that a service is healthy.

The host synthesizes a short text through the instance's reserved slot and measures the sound; here the
figures are judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from remediator.helper import HELPER, parse, why
from remediator.inventory import Adoption
from remediator.model import SpeechProof, Text
from remediator.ssh import Address, Answer, Ssh, SshFailed, SshTimedOut, SshTooMuch

TIMEOUT_S = 150.0  # longer than the helper's own limit of 120 s for a cold engine on a busy host
MAX_BYTES = 64 * 1024
LENGTH_S = (0.3, 30.0)  # 你好 takes about a second in every voice
MIN_RMS = 0.003  # of full scale: -50 dB, far below any voice, far above dither
SAMPLE_RATES = (24000, 32000)


class Verifier:
    """Asks instances to speak and judges the answer."""

    def __init__(
        self,
        ssh: Ssh,
        address_of: Callable[[str], Address],
        adoption_of: Callable[[str, str], Adoption | None] = lambda host, instance: None,
    ) -> None:
        """`adoption_of` tells what is known of an instance that others deployed."""
        self._ssh, self._address_of, self._adoption_of = ssh, address_of, adoption_of

    def __call__(self, host: str, instance: str) -> SpeechProof:
        """Return the proof; when it isn't ok, it says in both languages what is missing."""
        command = (*HELPER, "speak", instance)
        try:
            answer = self._ssh.run(self._address_of(host), command, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
        except SshFailed as error:
            gone = Text(f"the host can't be reached: {error}", f"无法连接主机：{error}")
            return replace(_no(host, instance, gone), unreached=1)
        except SshTimedOut:
            return _no(
                host, instance, Text(f"no speech within {TIMEOUT_S:g} s", f"{TIMEOUT_S:g} 秒内没有合成出语音")
            )
        except SshTooMuch:
            return _no(host, instance, Text("the helper's answer is too long", "主机助手的回答过长"))
        adoption = self._adoption_of(host, instance)
        if adoption is None:
            return judge(host, instance, answer)
        return (
            judge(host, instance, answer, rates=None) if adoption.speaks else answers(host, instance, answer)
        )


def judge(
    host: str, instance: str, answer: Answer, *, rates: tuple[int, ...] | None = SAMPLE_RATES
) -> SpeechProof:
    """Return the proof that `answer` is speech of this very instance, or why it isn't; None: of any rate."""
    data = parse(answer.stdout)
    if answer.status != 0 or data is None or data.get("spoken") is not True:
        return _no(host, instance, Text(f"it did not speak: {why(answer)}", f"没有发声：{why(answer)}"))
    problem = _problem(data, instance, rates)
    return SpeechProof(
        ok=problem is None,
        host=host,
        instance=instance,
        reason_en=problem.en if problem else "",
        reason_zh=problem.zh if problem else "",
        duration_s=_number(data, "duration_s"),
        rms=_number(data, "rms"),
        sample_rate=int(_number(data, "sample_rate")),
        took_s=_number(data, "took_s"),
        engine=str(data.get("engine") or "")[:40],
    )


def answers(host: str, instance: str, answer: Answer) -> SpeechProof:
    """Return the proof that an instance of others answers over HTTP, which is all it can be asked."""
    data = parse(answer.stdout)
    if answer.status != 0 or data is None or data.get("answered") is not True:
        return _no(host, instance, Text(f"it does not answer: {why(answer)}", f"没有应答：{why(answer)}"))
    if str(data.get("instance")) != instance:
        said = str(data.get("instance"))[:20]
        return _no(host, instance, Text(f"{said} answered instead", f"应答的是 {said}"))
    return SpeechProof(ok=True, host=host, instance=instance, took_s=_number(data, "took_s"), how="http")


def _problem(data: Mapping[str, Any], instance: str, rates: tuple[int, ...] | None) -> Text | None:
    """Return the first thing that speaks against it."""
    spoke, length = str(data.get("instance", instance)), _number(data, "duration_s")
    rate, loudness = int(_number(data, "sample_rate")), _number(data, "rms")
    if spoke != instance:
        return Text(f"{spoke[:20]} spoke instead of {instance}", f"发声的是 {spoke[:20]}，而不是 {instance}")
    if not LENGTH_S[0] <= length <= LENGTH_S[1]:
        return Text(f"{length:g} s of sound is no short sentence", f"声音长 {length:g} 秒，不像一句短话")
    if loudness < MIN_RMS:
        return Text(f"the sound is silent (rms {loudness:g})", f"声音是静音（rms {loudness:g}）")
    if rates is not None and rate not in rates:
        return Text(f"wrong sample rate: {rate} Hz", f"采样率不对：{rate} Hz")
    return None


def _number(data: Mapping[str, Any], name: str) -> float:
    value = data.get(name)
    finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if finite and isinstance(value, int | float) else 0.0


def _no(host: str, instance: str, reason: Text) -> SpeechProof:
    return SpeechProof(ok=False, host=host, instance=instance, reason_en=reason.en, reason_zh=reason.zh)
