"""Run a program and say plainly what went wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


class LabError(Exception):
    """The lab could not do what was asked; the text says what to do about it."""


def call(
    argv: Sequence[str],
    *,
    timeout_s: float = 60,
    check: bool = True,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `argv` and return what it printed. Raises LabError when it fails, unless `check` is false."""
    try:
        done = subprocess.run(
            list(argv), input=text, capture_output=True, text=True, timeout=timeout_s, check=False, env=env
        )
    except FileNotFoundError:
        raise LabError(f"{argv[0]} is not installed; `make setup` installs it") from None
    except subprocess.TimeoutExpired:
        raise LabError(f"no answer after {timeout_s:.0f} s: {' '.join(argv)}") from None
    if check and done.returncode != 0:
        tail = (done.stderr or done.stdout).strip()[-2000:]
        raise LabError(f"{' '.join(argv)} ended with {done.returncode}: {tail}")
    return done
