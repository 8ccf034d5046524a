"""How much memory this process holds, and giving free memory back to the system."""

import ctypes
import gc
import os
from pathlib import Path

_MB = 1_000_000


def rss_mb(pid: int | None = None) -> float | None:
    """Return the resident memory of a process (this one by default) in MB; None when it can't be read."""
    try:
        pages = int(Path(f"/proc/{pid or 'self'}/statm").read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return round(pages * os.sysconf("SC_PAGE_SIZE") / _MB, 1)


def give_back() -> None:
    """Collect garbage and return free heap pages to the system."""
    gc.collect()
    trim()


def trim() -> None:
    """Return free heap pages to the system (glibc only; harmless elsewhere). Takes milliseconds."""
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is not None:
        malloc_trim(0)
