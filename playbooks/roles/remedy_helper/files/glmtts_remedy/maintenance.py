"""A maintenance window of this host: set by people around planned work, kept over reboots."""

from __future__ import annotations

import time
from pathlib import Path

from glmtts_remedy import clock
from glmtts_remedy.config import Config
from glmtts_remedy.errors import UsageProblem

LONGEST_S = 7 * 24 * 3600


def until(config: Config) -> str | None:
    """The end of the window in force, or None."""
    try:
        text = _path(config).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    end = clock.parse_utc(text)
    return text if end is not None and end > time.time() else None


def begin(config: Config, seconds: int) -> str:
    """Open a window of `seconds` from now and return its end."""
    if not 1 <= seconds <= LONGEST_S:
        raise UsageProblem(f"a window is 1 to {LONGEST_S} seconds long")
    text = clock.utc_text(time.time() + seconds)
    path = _path(config)
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text + "\n", encoding="ascii")
    fresh.replace(path)
    return text


def end(config: Config) -> bool:
    """Close the window; says whether there was one."""
    was_open = until(config) is not None
    _path(config).unlink(missing_ok=True)
    return was_open


def _path(config: Config) -> Path:
    return Path(config.state_dir) / "maintenance_until"
