"""Read the command line, hold the rules every verb obeys, print one JSON object.

Exit codes: 0 done, 1 failed, 2 usage, 3 lease, 4 refused, 5 timeout (errors.py).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import syslog
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from glmtts_remedy.config import CONFIG_PATH, Config, load
from glmtts_remedy.errors import HelperError, Refused, TimedOut, UsageProblem
from glmtts_remedy.lease import LeaseFile
from glmtts_remedy.verbs import VERBS, Verb


class _Parser(argparse.ArgumentParser):
    """A parser that raises instead of writing to stderr and ending the process."""

    def error(self, message: str) -> NoReturn:
        raise UsageProblem(f"{self.prog}: {message}")


def parser() -> argparse.ArgumentParser:
    """Build the command line from the list of verbs."""
    top = _Parser(prog="glmtts-remedy", allow_abbrev=False, description=__doc__)
    below = top.add_subparsers(dest="verb", required=True, parser_class=_Parser)
    for name, verb in VERBS.items():
        sub = below.add_parser(name, allow_abbrev=False)
        verb.takes(sub)
        if verb.changes:
            sub.add_argument("--run", help="the run id or person that holds the host's lease")
    return top


def main(argv: list[str], config_path: Path = CONFIG_PATH) -> int:
    """Run one verb, print its answer and return the exit code."""
    name = argv[0] if argv else ""
    try:
        given = parser().parse_args(argv)
        config = load(config_path)
        answer, code = {"ok": True, **_act(config, VERBS[given.verb], given)}, 0
    except HelperError as error:
        answer, code = {**error.facts, "ok": False, "error": str(error)}, error.exit_code
    except OSError as error:
        answer, code = {"ok": False, "error": f"{type(error).__name__}: {error}"}, 1
    _record(name, argv, code, answer)
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.write(json.dumps(answer, ensure_ascii=True) + "\n")
        sys.stdout.flush()
    return code


def _act(config: Config, verb: Verb, given: argparse.Namespace) -> dict[str, Any]:
    if config.adopted and not verb.on_adopted:
        raise Refused(f"{given.verb}: not offered for a service that was adopted; only restart and purge are")
    with _deadline(verb.timeout_s(config)):
        if not verb.changes or _harmless(given):
            return verb.act(config, given)
        with LeaseFile(config.run_dir).changing(given.run):
            return verb.act(config, given)


def _harmless(given: argparse.Namespace) -> bool:
    """A purge that only lists, or that runs as the service user, which may delete its own files anyway."""
    return given.verb == "purge" and (given.dry_run or os.geteuid() != 0)


@contextlib.contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    """Raise TimedOut in the block after `seconds`."""

    def expire(signum: int, frame: object) -> NoReturn:
        raise TimedOut(f"not done within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _record(name: str, argv: list[str], code: int, answer: dict[str, Any]) -> None:
    """Leave one line in the host's journal for every call that changes something or is turned away."""
    if name in VERBS and not VERBS[name].changes and name != "lease" and code == 0:
        return
    by = os.environ.get("SUDO_USER", "")
    facts = {"argv": argv[:12], "by": by, "rc": code, "error": answer.get("error")}
    if "freed_b" in answer:
        facts["freed_b"] = answer["freed_b"]
    syslog.openlog("glmtts-remedy", 0, syslog.LOG_AUTHPRIV)
    syslog.syslog(syslog.LOG_INFO, json.dumps(facts)[:900])
