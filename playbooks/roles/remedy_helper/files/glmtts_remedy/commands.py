"""Run another program: fixed PATH and locale, bounded time, bounded output, no shell."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import NamedTuple

from glmtts_remedy.errors import HelperError, TimedOut

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_PAGER": "",
    "SYSTEMD_COLORS": "0",
}


class Result(NamedTuple):
    """What a program left: exit status and its two streams as text."""

    rc: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Both streams as one short line, for error messages."""
        return " ".join((self.out + " " + self.err).split())[:500]


def run(argv: list[str], timeout_s: float) -> Result:
    """Run `argv` and return its result whatever the exit status.

    Raises TimedOut after killing the program's whole process group, HelperError when it cannot start.
    """
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            start_new_session=True,
        )
    except OSError as error:
        raise HelperError(f"{argv[0]} cannot start: {error.strerror}") from None
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        _give_up(process)
        raise TimedOut(f"{argv[0]} gave no answer within {timeout_s:g} s") from None
    except BaseException:
        _give_up(process)
        raise
    return Result(process.returncode, _text(out), _text(err))


def must(argv: list[str], timeout_s: float) -> str:
    """Run `argv` and return its stdout. Raises HelperError with its words when it fails."""
    result = run(argv, timeout_s)
    if result.rc != 0:
        raise HelperError(f"{' '.join(argv[:3])} failed ({result.rc}): {result.said}", rc=result.rc)
    return result.out


def _give_up(process: subprocess.Popen[bytes]) -> None:
    """Kill the process group; a process in uninterruptible sleep is left to the kernel."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=0.5)
    except (OSError, subprocess.TimeoutExpired):
        pass
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
