"""One look at a host: evidence, or exactly why there is none."""

import json

import pytest

from remediator.examine import BadAnswer, Examiner, HelperFailed
from remediator.model import Evidence, Unreachable
from remediator.ssh import Address, Answer, SshFailed, SshTimedOut, SshTooMuch

EVIDENCE = {"schema": 1, "host": "gpu01", "boot_id": "b", "instances": {}, "disks": [], "gpus": None}


class Host:
    """Answers every command with what it was given."""

    def __init__(self, reply):
        self.reply, self.commands = reply, []

    def run(self, where, command, **limits):
        self.commands.append((where.host, tuple(command)))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply


def look(reply):
    return Examiner(Host(reply), lambda name: Address(name, name))("gpu01")


def answered(text, status=0, stderr=""):
    return Answer(status, text.encode(), stderr)


def test_evidence_is_read_from_the_helpers_answer():
    seen = look(answered(json.dumps(EVIDENCE)))
    assert isinstance(seen, Evidence)
    assert (seen.host, seen.boot_id) == ("gpu01", "b")


def test_the_helper_is_called_through_sudo_that_never_asks():
    host = Host(answered(json.dumps(EVIDENCE)))
    Examiner(host, lambda name: Address(name, name))("gpu01")
    assert host.commands == [("gpu01", ("sudo", "-n", "/usr/local/sbin/glmtts-remedy", "examine"))]


@pytest.mark.parametrize(
    ("reply", "kind", "word"),
    [
        pytest.param(SshFailed("No route to host"), Unreachable, "No route to host", id="no ssh"),
        pytest.param(SshTimedOut(), HelperFailed, "did not end", id="helper stuck"),
        pytest.param(SshTooMuch("more than 9 bytes"), BadAnswer, "more than 9 bytes", id="endless answer"),
        pytest.param(
            answered("", 1, "sudo: a password is required"), HelperFailed, "password", id="sudo refuses"
        ),
        pytest.param(
            answered('{"ok": false, "error": "no /proc"}', 1), HelperFailed, "no /proc", id="its own error"
        ),
        pytest.param(answered("", 127, "not found"), HelperFailed, "not found", id="helper missing"),
        pytest.param(answered("Traceback"), BadAnswer, "no JSON", id="no JSON"),
        pytest.param(answered("[1]"), BadAnswer, "no JSON", id="JSON, but no object"),
        pytest.param(answered("[" * 100_000), BadAnswer, "no JSON", id="JSON of endless depth"),
        pytest.param(answered('{"schema": 9}'), BadAnswer, "schema 9", id="another schema"),
        pytest.param(
            answered('{"schema": 1, "host": "gpu02"}'), BadAnswer, "calls itself 'gpu02'", id="another host"
        ),
        pytest.param(answered('{"schema": 1}'), BadAnswer, "calls itself 'None'", id="a host without a name"),
    ],
)
def test_no_evidence_says_why(reply, kind, word):
    seen = look(reply)
    assert type(seen) is kind
    assert word in seen.reason
    assert seen.host == "gpu01"
