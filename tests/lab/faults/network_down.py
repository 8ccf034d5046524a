"""The host is off the network: its cable is pulled."""

from __future__ import annotations

from tests.lab.faults.fault import Fault
from tests.lab.machine import Machine


def break_(machine: Machine, port: str) -> None:
    """Set this machine's end of the cable down."""
    machine.network.set_link(machine.name, up=False)


def heal(machine: Machine, port: str) -> None:
    """Plug it in again."""
    machine.network.set_link(machine.name, up=True)


FAULT = Fault("network_down", "the host's link is down; the host itself is well", break_, heal)
