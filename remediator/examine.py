"""Stage 3 of 7: one read-only look at a host. Three ways to learn nothing are told apart.

Only a host that does not answer ssh is unreachable; one that lets us in and gives no evidence is not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from remediator.evidence import Unexaminable
from remediator.helper import HELPER, parse, why
from remediator.model import Evidence, Unreachable
from remediator.redact import redacted_json
from remediator.ssh import Address, Answer, Ssh, SshFailed, SshTimedOut, SshTooMuch

TIMEOUT_S = 20.0  # ssh gives a dead host up after 11 s; the helper's own probes end within 10 s
MAX_BYTES = 512 * 1024


@dataclass(frozen=True)
class HelperFailed(Unexaminable):
    """The host let us in, but its helper did not do its work: missing, refused by sudo, stuck or crashed."""


@dataclass(frozen=True)
class BadAnswer(Unexaminable):
    """The helper answered with something that is no evidence about this host."""


class Examiner:
    """Looks at hosts over the warm connection."""

    def __init__(self, ssh: Ssh, address_of: Callable[[str], Address]) -> None:
        self._ssh, self._address_of = ssh, address_of

    def __call__(self, host: str) -> Evidence | Unreachable:
        """Return the evidence, or why there is none: Unreachable, HelperFailed or BadAnswer."""
        command = (*HELPER, "examine")
        try:
            answer = self._ssh.run(self._address_of(host), command, timeout_s=TIMEOUT_S, max_bytes=MAX_BYTES)
        except SshFailed as error:
            return Unreachable(host, f"no ssh: {error}")
        except SshTimedOut:
            return HelperFailed(host, f"glmtts-remedy examine did not end within {TIMEOUT_S:g} s")
        except SshTooMuch as error:
            return BadAnswer(host, f"glmtts-remedy examine wrote {error}")
        if answer.status != 0:
            return HelperFailed(host, f"glmtts-remedy examine ended with {answer.status}: {why(answer)}")
        return _evidence(host, answer)


def _evidence(host: str, answer: Answer) -> Evidence | Unreachable:
    data = parse(answer.stdout)
    if data is None:
        return BadAnswer(host, "glmtts-remedy examine wrote no JSON object")
    if data.get("schema") != 1:
        return BadAnswer(host, f"evidence schema {data.get('schema')!r} is not known; deploy the host again")
    if data.get("host") != host:
        return BadAnswer(host, f"it calls itself {str(data.get('host'))[:60]!r}: is the address right?")
    return Evidence.from_json(redacted_json(data))
