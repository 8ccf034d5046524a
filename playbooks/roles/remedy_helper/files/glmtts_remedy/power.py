"""Reboot the host; systemd stops everything in order."""

from __future__ import annotations

from typing import Any

from glmtts_remedy import clock, commands
from glmtts_remedy.config import Config
from glmtts_remedy.errors import Refused

SETTLED_S = 120


def reboot(config: Config) -> dict[str, Any]:
    """Ask systemd to reboot and return at once, with the id of the boot that ends."""
    if not config.reboot_allowed:
        raise Refused("this host may not be rebooted by a remedy (remedy_helper_reboot_allowed)")
    if clock.uptime_s() < SETTLED_S:
        raise Refused(f"the host is up for less than {SETTLED_S} s: another reboot would not help")
    boot_id = clock.boot_id()
    commands.must(["systemctl", "--no-block", "reboot"], 20)
    return {"rebooting": True, "boot_id": boot_id}
