"""Free a service's port from a stray process of that very service, and from nothing else."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from glmtts_remedy import proc
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError, Refused

OUR_COMMAND = "-m tts_app serve"
TERM_WAIT_S = 10.0
KILL_WAIT_S = 5.0


def free(config: Config, port: str, pid: int, start_time: int) -> dict[str, Any]:
    """End process `pid`, which started at `start_time`, if it is a stray of ours that holds `port`.

    The process is held by a descriptor before it is judged, so it cannot be another one when it is ended.
    """
    instance = config.instance(port)
    try:
        handle = os.pidfd_open(pid)
    except OSError as error:
        raise Refused(f"process {pid} is gone: {error.strerror}") from None
    try:
        facts = _require_stray(config, instance.port, pid, start_time)
        for number, wait_s in ((signal.SIGTERM, TERM_WAIT_S), (signal.SIGKILL, KILL_WAIT_S)):
            signal.pidfd_send_signal(handle, number)
            if _is_free_within(instance.port, pid, wait_s):
                return {"freed": True, "port": instance.port, "signal": signal.Signals(number).name, **facts}
    finally:
        os.close(handle)
    raise HelperError(f"port {port} is still held", **facts)


def is_stray(config: Config, pid: int) -> bool:
    """Whether the process is this very service, of its own user, outside every unit of it."""
    ours = proc.user_of(pid) == config.user and _is_our_command(config, proc.cmdline(pid))
    return ours and proc.instance_of(pid, config.units) is None


def _is_our_command(config: Config, cmdline: str) -> bool:
    taken = [item.adopted for item in config.instances.values() if item.adopted]
    return any(one.runs_as(cmdline) for one in taken) if taken else OUR_COMMAND in cmdline


def _require_stray(config: Config, port: int, pid: int, start_time: int) -> dict[str, Any]:
    facts: dict[str, Any] = {"pid": pid, "user": proc.user_of(pid), "cmdline": proc.cmdline(pid)}
    if proc.start_time(pid) != start_time:
        raise Refused(f"process {pid} is not the one that was seen", **facts)
    if pid not in proc.port_owners({port})[port]:
        raise Refused(f"process {pid} does not hold port {port}", **facts)
    inside = proc.instance_of(pid)
    if inside is not None:
        raise Refused(f"process {pid} belongs to instance {inside}: stop that instead", **facts)
    if not is_stray(config, pid):
        raise Refused(
            f"port {port} is held by another program: {facts['cmdline']} of {facts['user']}", **facts
        )
    return facts


def _is_free_within(port: int, pid: int, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while pid in proc.port_owners({port})[port]:
        if time.monotonic() >= end:
            return False
        time.sleep(0.1)
    return True
