"""Run the suites and say how long each took: `python -m tests.suites [--slow] [NAME ...]`.

Suites run beside each other where none needs what another makes: most of them wait for hosts most of the time.
The output of each is shown when it ends. Every suite runs, whatever became of the others; the last lines say
which failed and how to repeat it.
Failed tests get a second try: nobody hides behind it, so every test that needed it is named at the end.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from tests.lab.paths import cache_dir

ROOT = Path(__file__).parents[1]
BIN = ROOT / ".venv" / "bin"
ARTEFACTS = ROOT / "var" / "artefacts"
OUTPUT = threading.Lock()


@dataclass(frozen=True)
class Suite:
    """One suite: its commands, in order. It begins when the suite `after` has ended; `nice` is for pure work."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    after: str = ""
    nice: int = 0


@dataclass
class Outcome:
    """How one suite ended; `flaky` names the tests that only passed at the second try."""

    name: str
    ok: bool
    took_s: float
    flaky: list[str] = field(default_factory=list)


def suites(slow: bool) -> tuple[Suite, ...]:
    """Name every suite, in order."""
    marks = ("-m", "not slow") if not slow else ()
    tests = ("pytest", "-q", "--timeout=1200", "--durations=5", *marks)
    lab = (*tests, "-rs", "--ignore=tests/lab/test_deploy.py")
    first = "test_deploy_again or (test_faults and gpu01)"
    return (
        Suite(
            "lint",
            (
                ("ruff", "check", "."),
                ("ruff", "format", "--check", "."),
                ("mypy",),
                ("ansible-lint", "--offline", "--profile", "production", "-q", "playbooks", "deploy.yml"),
                ("shellcheck", ".ci/run", "tests/debian_packages.sh", "tests/lab/keeper.sh"),
            ),
            nice=10,
        ),
        Suite("unit", ((*tests, "tests/unit"),), nice=10),
        Suite("playbooks", ((*tests, "tests/playbooks"),), nice=10),
        Suite("e2e", ((*tests, "tests/e2e"),), after="lint"),
        # The first deployment of a content takes minutes; the two labs after it start from what it kept.
        Suite("deploy", ((*tests, "-rs", "tests/lab/test_deploy.py"),)),
        Suite("faults", ((*lab, "--lab-name=faults", "-k", first, "tests/lab"),), after="deploy"),
        Suite("chain", ((*lab, "--lab-name=chain", "-k", f"not ({first})", "tests/lab"),), after="deploy"),
        *([Suite("pythons", (("python", "-m", "tests.pythons"),), nice=10)] if slow else []),
    )


def run(suite: Suite, out: IO[str]) -> Outcome:
    """Run one suite, writing its output to `out` as it comes."""
    print(f"\n== {suite.name}", file=out, flush=True)
    started = time.monotonic()
    ok = True
    flaky: list[str] = []
    for command in suite.commands:
        code, again = _run_command(command, suite.nice, out)
        ok, flaky = ok and code == 0, flaky + again
    outcome = Outcome(suite.name, ok, time.monotonic() - started, flaky)
    print(f"== {suite.name}: {'ok' if ok else 'FAILED'} in {outcome.took_s:.0f} s", file=out, flush=True)
    return outcome


def run_all(chosen: list[Suite]) -> list[Outcome]:
    """Run the suites, each as soon as the one it comes after has ended; show each one's output when it ends."""
    ends: dict[str, Future[Outcome]] = {}
    with ThreadPoolExecutor(max_workers=len(chosen)) as pool:
        for suite in chosen:
            ends[suite.name] = pool.submit(_run_in_turn, suite, ends.get(suite.after))
        return [end.result() for end in ends.values()]


def _run_in_turn(suite: Suite, before: Future[Outcome] | None) -> Outcome:
    if before is not None:
        before.result()
    with tempfile.TemporaryFile("w+") as kept:
        _say(f"== {suite.name} begins\n")
        outcome = run(suite, kept)
        kept.seek(0)
        _say(kept.read())
    return outcome


def _say(text: str) -> None:
    """Write whole texts: suites end at the same time."""
    with OUTPUT:
        sys.stdout.write(text)
        sys.stdout.flush()


def _run_command(command: tuple[str, ...], nice: int, out: IO[str]) -> tuple[int, list[str]]:
    if command[0] != "pytest":
        return _call(command, nice, out), []
    with tempfile.TemporaryDirectory() as cache:
        kept = ("-o", f"cache_dir={cache}")
        code = _call((*command, *kept), nice, out)
        if code != 1:
            return code, []
        failed = _last_failed(Path(cache))
        print(f"== second try for {len(failed)} failed test(s)", file=out, flush=True)
        code = _call((*command, *kept, "--last-failed"), nice, out)
        return code, failed if code == 0 else []


def _call(command: tuple[str, ...], nice: int, out: IO[str]) -> int:
    environment = {
        **os.environ,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PYTHONUNBUFFERED": "1",
        "MYPY_CACHE_DIR": str(cache_dir() / "mypy"),  # what one checkout has checked, another need not
    }
    argv = ("nice", "-n", str(nice), str(BIN / command[0]), *command[1:])
    return subprocess.run(argv, cwd=ROOT, env=environment, stdout=out, stderr=out, check=False).returncode


def _last_failed(cache: Path) -> list[str]:
    found = cache / "v" / "cache" / "lastfailed"
    return [line.strip().split('"')[1] for line in found.read_text().splitlines() if '"' in line]


def main() -> int:
    """Run what was asked for; 0 when every suite is ok."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="suites to run, all without it")
    parser.add_argument("--slow", action="store_true", help="the slow tests too")
    asked = parser.parse_args()
    known = suites(asked.slow)
    unknown = set(asked.names) - {suite.name for suite in known}
    if unknown:
        parser.error(
            f"no such suite: {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in known)}"
        )
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    outcomes = run_all([suite for suite in known if not asked.names or suite.name in asked.names])
    print("\n== suites")
    for outcome in outcomes:
        print(f"{'ok    ' if outcome.ok else 'FAILED'} {outcome.took_s:6.0f} s  {outcome.name}")
        for test in outcome.flaky:
            print(f"         passed only at the second try: {test}")
    failed = [outcome.name for outcome in outcomes if not outcome.ok]
    if failed:
        print(f"repeat with: .venv/bin/python -m tests.suites {' '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
