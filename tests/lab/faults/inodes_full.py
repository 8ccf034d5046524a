"""The data disk has room, but no inode left: thousands of small old archives, with a newer one that must stay."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, start_again
from tests.lab.machine import Machine

FILL = """
set -eu
folder=/var/lib/glmtts/$1/outputs/batch
mkdir -p "$folder"
echo 'keep me' >"$folder/lab-note.txt"
echo new >"$folder/lab-new-1.zip"
touch -d '2 days ago' "$folder/lab-new-1.zip"
cd "$folder"
free=$(df --output=iavail . | tail -n 1)
seq -f 'lab-old-%.0f.zip' 1 "$free" | xargs touch -d '10 days ago'
chown -R glmtts:glmtts "/var/lib/glmtts/$1/outputs"
"""
EMPTY = """
find "/var/lib/glmtts/$1/outputs/batch" -maxdepth 1 -name 'lab-*' -delete
"""


def break_(machine: Machine, port: str) -> None:
    """Make empty archives until no inode is left."""
    machine.run(["sh", "-c", FILL, "fill", port], timeout_s=300)


def heal(machine: Machine, port: str) -> None:
    """Remove what was made."""
    machine.run(["sh", "-c", EMPTY, "empty", port], timeout_s=300)
    start_again(machine, port)


FAULT = Fault("inodes_full", "no inode left on the data disk: small archives of 10 days ago", break_, heal)
