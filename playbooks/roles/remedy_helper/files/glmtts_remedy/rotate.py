"""Rotate the services' logs now instead of at the next hour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from glmtts_remedy import commands, disks
from glmtts_remedy.config import Config

ROTATE_TIMEOUT_S = 240


def rotate(config: Config) -> dict[str, Any]:
    """Rotate with the same rules as every hour; tell the logs' sizes before and after."""
    before, free_before = _sizes(config), disks.free_pct(config.log_dir)
    commands.must(["logrotate", "--force", config.logrotate_config], ROTATE_TIMEOUT_S)
    return {
        "before_b": before,
        "after_b": _sizes(config),
        "free_pct_before": free_before,
        "free_pct_after": disks.free_pct(config.log_dir),
    }


def _sizes(config: Config) -> dict[str, int]:
    folder = Path(config.log_dir)
    found = {}
    for name in sorted(config.instances):
        for path in sorted((folder / name).glob("*.log*")):
            if path.is_file() and not path.is_symlink():
                found[f"{name}/{path.name}"] = path.stat().st_size
    return found
