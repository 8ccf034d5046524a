"""Reboot the host; systemd stops everything in order."""

from __future__ import annotations

from typing import Any

from glmtts_remedy import clock, commands
from glmtts_remedy.config import Config
from glmtts_remedy.errors import Refused

SETTLED_S = 120
DELAY_S = 5  # so that the answer still reaches whoever asked, over a connection that the reboot ends


def reboot(config: Config) -> dict[str, Any]:
    """Let systemd reboot in a moment and return at once, with the id of the boot that ends."""
    if not config.reboot_allowed:
        raise Refused("this host may not be rebooted by a remedy (remedy_helper_reboot_allowed)")
    if clock.uptime_s() < SETTLED_S:
        raise Refused(f"the host is up for less than {SETTLED_S} s: another reboot would not help")
    boot_id = clock.boot_id()
    timer = [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--on-active={DELAY_S}s",
        "--timer-property=AccuracySec=100ms",
    ]
    commands.must([*timer, "systemctl", "reboot"], 20)
    return {"rebooting": True, "in_s": DELAY_S, "boot_id": boot_id}
