"""Notes every file this process opens for writing and every folder it makes, while somebody listens.

Python tells of them by audit events, which can't be unsubscribed: one hook for all tests. What a C library
opens by itself isn't seen.
"""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_listening: list[set[Path]] = []


def _note(event, arguments):
    if not _listening:
        return
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, _, flags = arguments
        # without a name (O_TMPFILE) nothing is left behind
        if not flags & WRITING or flags & os.O_TMPFILE == os.O_TMPFILE:
            return
    elif event in {"os.mkdir", "os.rename", "os.link", "os.symlink"}:
        path = arguments[1] if event == "os.rename" else arguments[0]
    else:
        return
    for heard in _listening:
        heard.add(Path(os.fsdecode(path)).resolve())


sys.addaudithook(_note)


@contextmanager
def noted():
    """Give a set that fills with the paths written meanwhile."""
    heard: set[Path] = set()
    _listening.append(heard)
    try:
        yield heard
    finally:
        _listening.remove(heard)


def outside(paths, *folders):
    """Return what lies in none of `folders`; Python's own compiled modules and the null device don't count."""
    return sorted(
        path
        for path in paths
        if not any(path.is_relative_to(folder) for folder in folders)
        and "__pycache__" not in path.parts
        and path != Path(os.devnull)
    )
