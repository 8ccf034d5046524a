"""How full a filesystem is."""

from __future__ import annotations

import os


def usage(path: str) -> dict[str, object]:
    """Return size, free space and inode use of the filesystem that holds `path`.

    `used_pct` counts as df does: what root may still write is not free for the service.
    """
    stat = os.statvfs(path)
    used = stat.f_blocks - stat.f_bfree
    return {
        "path": path,
        "size_b": stat.f_blocks * stat.f_frsize,
        "avail_b": stat.f_bavail * stat.f_frsize,
        "used_pct": _percent(used, used + stat.f_bavail),
        "inodes_used_pct": _percent(stat.f_files - stat.f_ffree, stat.f_files),
        "read_only": bool(stat.f_flag & os.ST_RDONLY),
        "device": os.stat(path).st_dev,
    }


def free_pct(path: str) -> float:
    """Free space of the filesystem that holds `path`, in per cent of what the service may use."""
    stat = os.statvfs(path)
    used = stat.f_blocks - stat.f_bfree
    return round(100.0 - _percent(used, used + stat.f_bavail), 2)


def distinct(found: list[dict[str, object]]) -> list[dict[str, object]]:
    """Keep the first path of each filesystem."""
    seen: set[object] = set()
    kept = []
    for item in found:
        device = item.pop("device", None)
        if device not in seen:
            seen.add(device)
            kept.append(item)
    return kept


def _percent(part: int, whole: int) -> float:
    return round(100.0 * part / whole, 2) if whole else 0.0
