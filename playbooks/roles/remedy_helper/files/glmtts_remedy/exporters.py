"""Monitoring that keeps the card open: stopped gently around a reset, and started again whatever happened.

Gently, because killing an exporter in the middle of a query has frozen cards until the next reboot. Our own collector
is one of them on every host: its timer is stopped, and a pass that has begun is waited for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glmtts_remedy import commands, units
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError

EACH_TIMEOUT_S = 60
OWN_TIMER, OWN_PASS = "glmtts-metrics.timer", "glmtts-metrics.service"
PASS_TIMEOUT_S = 30  # three programs of 8 s at most
PAUSE_S = 1.0
RUNNING = {"active", "activating", "reloading"}  # a oneshot is "activating" for as long as it works


def stop(config: Config, sleep: Callable[[float], None] = time.sleep) -> dict[str, Any]:
    """Stop the exporters that run, remember which, and name them."""
    found = units.states(_known(config))
    running = [unit for unit, state in found.items() if state["active"] in RUNNING]
    _memory(config).parent.mkdir(parents=True, exist_ok=True)
    _memory(config).write_text(json.dumps(sorted({*running, *remembered(config)})), encoding="utf-8")
    for unit in running:
        commands.must(["systemctl", "stop", "--", unit], EACH_TIMEOUT_S)
    _await_pass(sleep)
    return {"stopped": running}


def _await_pass(sleep: Callable[[float], None]) -> None:
    """Let the collector's pass end by itself; one that hangs is for the next step to name as a holder."""
    for _ in range(int(PASS_TIMEOUT_S / PAUSE_S)):
        if units.states([OWN_PASS]).get(OWN_PASS, {}).get("active") not in RUNNING:
            return
        sleep(PAUSE_S)


def start(config: Config) -> dict[str, Any]:
    """Start what was stopped; every one is tried before a failure is told."""
    stopped = remembered(config)
    failed = {}
    for unit in stopped:
        result = commands.run(["systemctl", "start", "--", unit], EACH_TIMEOUT_S)
        if result.rc != 0:
            failed[unit] = result.said
    if failed:
        raise HelperError(f"not started again: {', '.join(sorted(failed))}", failed=failed)
    _memory(config).unlink(missing_ok=True)
    return {"started": stopped}


def _known(config: Config) -> list[str]:
    return [OWN_TIMER, *config.exporters]


def _memory(config: Config) -> Path:
    return Path(config.state_dir) / "exporters_stopped.json"


def remembered(config: Config) -> list[str]:
    """What was stopped and not started again; only our timer and units this host's settings name."""
    try:
        names = json.loads(_memory(config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if name in _known(config)]
