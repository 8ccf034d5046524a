"""How much memory the worker holds, in MB (10^6 bytes)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

MB = 1_000_000


def report() -> dict[str, float | str]:
    """Return resident memory, and device memory where torch has a device in use."""
    found: dict[str, float | str] = {"rss_mb": rss_mb(), "kind": "rss"}
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        found["cuda_mb"] = round(torch.cuda.memory_reserved() / MB, 1)
        found["kind"] = "cuda"
    return found


def rss_mb() -> float:
    """Return this process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return round(pages * os.sysconf("SC_PAGE_SIZE") / MB, 1)
