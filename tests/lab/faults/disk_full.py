"""The data disk is full of old batch archives, with newer ones among them that must stay."""

from __future__ import annotations

from tests.lab.faults.fault import Fault, start_again
from tests.lab.machine import Machine

FILL = """
set -eu
folder=/var/lib/glmtts/$1/outputs/batch
mkdir -p "$folder"
echo 'keep me' >"$folder/lab-note.txt"
fallocate -l 4M "$folder/lab-new-1.zip"
touch -d '2 days ago' "$folder/lab-new-1.zip"
number=0
while :; do
  number=$((number + 1))
  file=$folder/lab-old-$number.zip
  free=$(df --output=avail -B1 "$folder" | tail -n 1)
  size=$((free < 100000000 ? free : 100000000))
  fallocate -l "$size" "$file" 2>/dev/null || true
  touch -d '10 days ago' "$file"
  [ "$size" -eq 100000000 ] || break
done
dd if=/dev/zero of="$folder/lab-old-0.zip" bs=4k status=none 2>/dev/null || true
touch -d '10 days ago' "$folder/lab-old-0.zip"
chown -R glmtts:glmtts "/var/lib/glmtts/$1/outputs"
"""


def break_(machine: Machine, port: str) -> None:
    """Write archives until nothing fits any more."""
    machine.run(["sh", "-c", FILL, "fill", port], timeout_s=300)


def heal(machine: Machine, port: str) -> None:
    """Remove what was written."""
    machine.run(["sh", "-c", f"rm -f /var/lib/glmtts/{port}/outputs/batch/lab-*"])
    start_again(machine, port)


FAULT = Fault("disk_full", "the data disk really full: archives of 10 days ago, and newer ones", break_, heal)
