"""Find reference audio, only inside the allowed directories, whatever links and dots say."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


class BadPath(Exception):
    """The path can't be used; `code` is the problem's name."""

    def __init__(self, code: str, cause: OSError | None = None) -> None:
        super().__init__(code)
        self.code, self.cause = code, cause


class AudioDirs:
    """The directories tasks may read audio from. Relative paths are tried below each, in order."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._roots = tuple(Path(os.path.realpath(folder)) for folder in folders)

    def find(self, written: str) -> Path:
        """Return the real path of the regular file `written`. Raises BadPath.

        A path outside is refused before anyone learns whether it exists.
        """
        if URL.match(written):
            raise BadPath("path_url")
        inside = [real for root in self._roots if self._allows(real := _real(root, written))]
        if not inside:
            raise BadPath("path_outside")
        for real in inside:
            if _is_file(real):
                return real
        missing = FileNotFoundError(2, "No such file or directory", written)
        raise BadPath("path_missing", missing)

    def _allows(self, real: Path) -> bool:
        return any(real.is_relative_to(root) for root in self._roots)


def _real(root: Path, written: str) -> Path:
    try:
        return Path(os.path.realpath(root / written))
    except (OSError, ValueError):  # too many links, a name too long, a NUL
        return Path(os.sep)


def _is_file(real: Path) -> bool:
    """Return whether `real` is there. Raises BadPath when it is there and can't be used."""
    try:
        mode = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise BadPath("path_unreadable", error) from error
    if not stat.S_ISREG(mode):  # a pipe would block for ever
        raise BadPath("path_not_file")
    if not os.access(real, os.R_OK):
        raise BadPath("path_unreadable", PermissionError(13, "Permission denied"))
    return True
