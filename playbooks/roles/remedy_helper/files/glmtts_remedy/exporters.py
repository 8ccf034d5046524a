"""Monitoring that keeps the card open: stopped gently around a reset, and started again whatever happened.

Gently, because killing an exporter in the middle of a query has frozen cards until the next reboot.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from glmtts_remedy import commands, units
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError

EACH_TIMEOUT_S = 60


def stop(config: Config) -> dict[str, Any]:
    """Stop the exporters that run, remember which, and name them."""
    if not config.exporters:
        return {"stopped": []}
    found = units.states(list(config.exporters))
    running = [unit for unit, state in found.items() if state["active"] == "active"]
    _memory(config).parent.mkdir(parents=True, exist_ok=True)
    _memory(config).write_text(json.dumps(sorted({*running, *remembered(config)})), encoding="utf-8")
    for unit in running:
        commands.must(["systemctl", "stop", "--", unit], EACH_TIMEOUT_S)
    return {"stopped": running}


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


def _memory(config: Config) -> Path:
    return Path(config.state_dir) / "exporters_stopped.json"


def remembered(config: Config) -> list[str]:
    """What was stopped and not started again; only units this host's settings name."""
    try:
        names = json.loads(_memory(config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if name in config.exporters]
