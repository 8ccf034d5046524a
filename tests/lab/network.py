"""One network namespace with one bridge per lab, so that every lab can use the same addresses."""

from __future__ import annotations

from pathlib import Path

from tests.lab.proc import call

GATEWAY = "10.77.0.1"
ADDRESSES = {"control": "10.77.0.10", "gpu01": "10.77.0.11", "gpu02": "10.77.0.12"}
BRIDGE = "brglm"


class Network:
    """The namespace of one lab."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.path = Path("/run/netns") / name

    def up(self) -> None:
        """Make the namespace and the bridge; nothing happens when they are there."""
        if not self.path.exists():
            call(["ip", "netns", "add", self.name])
        if self._ip("link", "show", BRIDGE, check=False):
            return
        self._ip("link", "set", "lo", "up")
        self._ip("link", "add", "name", BRIDGE, "type", "bridge")
        self._ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        self._ip("link", "set", BRIDGE, "up")

    def down(self) -> None:
        """Remove the namespace with everything in it."""
        if self.path.exists():
            call(["ip", "netns", "del", self.name])

    def set_link(self, machine: str, up: bool) -> None:
        """Pull or plug the cable of a machine."""
        self._ip("link", "set", f"vb-{machine}", "up" if up else "down")

    def wrap(self, *argv: str) -> list[str]:
        """Return the command line that runs `argv` inside the namespace."""
        return ["nsenter", f"--net={self.path}", *argv]

    def _ip(self, *argv: str, check: bool = True) -> str:
        return call(["ip", "-n", self.name, *argv], check=check).stdout
