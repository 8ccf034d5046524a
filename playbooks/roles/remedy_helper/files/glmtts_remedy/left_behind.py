"""What a run that was cut off did not put back, and how it is put back: remembered on disk before it is put aside."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from glmtts_remedy import exporters, gpu_reset
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError


def show(config: Config) -> dict[str, list[str]]:
    """Name what is put aside now; {} when nothing is. Under a run's lease that is in order."""
    found = {"exporters": exporters.remembered(config), "persistence": gpu_reset.remembered(config)}
    return {name: names for name, names in found.items() if names}


def settle(config: Config) -> dict[str, Any]:
    """Put all of it back. Everything is tried before HelperError tells what failed."""
    before = show(config)
    acts: dict[str, Callable[[], object]] = {"exporters": partial(exporters.start, config)}
    for card in before.get("persistence", []):
        acts[card] = partial(gpu_reset.set_persistence, config, card, True)
    failed = {}
    for name, act in acts.items():
        try:
            act()
        except HelperError as error:
            failed[name] = str(error)
    if failed:
        raise HelperError(
            f"not put back: {', '.join(sorted(failed))}", failed=failed, left_behind=show(config)
        )
    return {"put_back": before}
