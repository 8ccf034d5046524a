"""The GPU reports a fault that only a reset cures: kernel lines, and the driver's own verdict."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, change_gpu, gpu_of, start_again
from tests.lab.machine import Machine

LOG = "/var/log/kern-lab.log"
WRITE = """
set -eu
stamp=$(date -u +%Y-%m-%dT%H:%M:%S,%6N+00:00)
pid=$(systemctl show --property=MainPID --value "glm-tts@$1.service")
xid="NVRM: Xid (PCI:0000:1a:00)"
late="Timeout after 6s of waiting for RPC response from GPU0 GSP!"
{
  echo "$stamp $xid: 119, pid=$pid, name=python, $late lab"
  echo "$stamp $xid: 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required) lab"
} >>"$2"
"""


def break_(machine: Machine, port: str) -> None:
    """Write the lines the kernel would, and let `nvidia-smi` ask for a reset."""
    machine.run(["sh", "-c", WRITE, "xid", port, LOG])
    change_gpu(machine, gpu_of(machine, port), recovery_action="Reset")


def heal(machine: Machine, port: str) -> None:
    """Take both back."""
    machine.run(["sed", "-i", "/ lab$/d", LOG])
    change_gpu(machine, gpu_of(machine, port), recovery_action="None")
    start_again(machine, port)


FAULT = Fault("xid", "Xid 119 and 154 in the kernel log, recovery action Reset", break_, heal, simulated=True)
