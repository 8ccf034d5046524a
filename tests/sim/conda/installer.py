"""Write a shell script with the options, the refusals and the result of Miniforge's installer."""

from __future__ import annotations

import hashlib
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """#!/bin/sh
# A stand-in for Miniforge's installer: -b (ask nothing) and -p PREFIX, both needed.
set -eu
batch=no prefix=
while getopts bp: option; do
    case "$option" in
        b) batch=yes ;;
        p) prefix=$OPTARG ;;
        *) exit 2 ;;
    esac
done
if [ "$batch" = no ]; then
    echo "ERROR: nobody is there to read the licence; use -b" >&2
    exit 2
fi
if [ -e "$prefix" ]; then
    echo "ERROR: File or directory already exists: '$prefix'" >&2
    echo "If you want to update an existing installation, use the -u option." >&2
    exit 1
fi
echo "PREFIX=$prefix"
cd {root}
{python} -m tests.sim.conda.prefix "$prefix"
echo "installation finished."
"""


def write_installer(path: Path) -> str:
    """Write the installer to `path` and return its sha256."""
    text = SCRIPT.format(root=shlex.quote(str(ROOT)), python=shlex.quote(sys.executable))
    path.write_text(text)
    return hashlib.sha256(text.encode()).hexdigest()
