"""What systemd knows about the services, and the few things the helper asks it to do."""

from __future__ import annotations

import time

from glmtts_remedy import commands, web
from glmtts_remedy.clock import utc_text
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError

PROPERTIES = (
    "Id,LoadState,ActiveState,SubState,Result,MainPID,ExecMainCode,ExecMainStatus,NRestarts,"
    "ExecMainStartTimestampMonotonic"
)
ANSWER_TIMEOUT_S = 5
PAUSE_S = 0.5
EXEC_CODES = {"1": "exited", "2": "killed", "3": "dumped"}


def states(units: list[str], timeout_s: float = 5) -> dict[str, dict[str, object]]:
    """Return the state of each unit, as the evidence shows it."""
    text = commands.must(["systemctl", "show", "-p", PROPERTIES, "--", *units], timeout_s)
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in text.split("\n\n")]
    return {block["Id"]: _state(block) for block in blocks if "Id" in block}


def _state(shown: dict[str, str]) -> dict[str, object]:
    code = EXEC_CODES.get(shown.get("ExecMainCode", ""))
    return {
        "load": shown.get("LoadState", ""),
        "active": shown.get("ActiveState", ""),
        "sub": shown.get("SubState", ""),
        "result": shown.get("Result", ""),
        "main_pid": int(shown.get("MainPID") or 0) or None,
        "exec_code": code,
        "exec_status": int(shown.get("ExecMainStatus") or 0) if code else None,
        "n_restarts": int(shown.get("NRestarts") or 0),
        "started_at": _started_at(int(shown.get("ExecMainStartTimestampMonotonic") or 0)),
    }


def _started_at(monotonic_us: int) -> str | None:
    """Turn systemd's monotonic microseconds into a time; they need no time zone and no parsing."""
    if monotonic_us == 0:
        return None
    age_s = time.clock_gettime(time.CLOCK_MONOTONIC) - monotonic_us / 1e6
    return utc_text(time.time() - age_s)


def start(config: Config, instance: Instance) -> dict[str, object]:
    """Start the instance and wait until it says it is ready. Clears a start limit first."""
    return _act("start", instance, config.start_timeout_s, clear=True)


def restart(config: Config, instance: Instance) -> dict[str, object]:
    """Restart the instance and wait until it says it is ready. Clears a start limit first.

    Manual starts count towards StartLimitBurst, so a repair could otherwise run into the limit itself.
    """
    return _act("restart", instance, config.start_timeout_s + config.stop_timeout_s, clear=True)


def stop(config: Config, instance: Instance) -> dict[str, object]:
    """Stop the instance; a process that ignores SIGTERM is killed by systemd's own TimeoutStopSec."""
    return _act("stop", instance, config.stop_timeout_s, clear=False)


def _act(verb: str, instance: Instance, timeout_s: float, *, clear: bool) -> dict[str, object]:
    began = time.monotonic()
    if clear:
        commands.run(["systemctl", "reset-failed", instance.unit], 10)
    commands.must(["systemctl", verb, instance.unit], timeout_s)
    if instance.adopted and verb != "stop":
        await_answer(instance, began + timeout_s)
    state = states([instance.unit])[instance.unit]
    return {
        "unit": instance.unit,
        "active": state["active"],
        "main_pid": state["main_pid"],
        "took_s": round(time.monotonic() - began, 2),
    }


def await_answer(instance: Instance, end: float) -> None:
    """Wait until a service that tells systemd nothing answers. Raises HelperError at `end` (monotonic)."""
    while True:
        reply = web.ask(instance.port, "GET", instance.health_path, ANSWER_TIMEOUT_S)
        if reply.outcome == "ok":
            return
        if time.monotonic() >= end:
            said = f"{reply.outcome} {reply.status or ''}".strip()
            raise HelperError(f"{instance.unit} runs, but {instance.health_path} does not answer: {said}")
        time.sleep(PAUSE_S)
