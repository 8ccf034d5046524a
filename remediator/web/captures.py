"""Archives that captures brought here: for who may look, and nowhere else. Chat and mail get only words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, current_app, send_file

from remediator.tokens import Role
from remediator.web.auth import bearer, page

bp = Blueprint("captures", __name__)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}\.tar\.gz")


@bp.get("/api/v1/captures")
@bearer(Role.VIEWER)
def listing() -> dict[str, Any]:
    """Return every archive with size and time, newest first."""
    found = [(path.stat(), path.name) for path in _folder().glob("*.tar.gz") if _is_archive(path)]
    newest = sorted(found, key=lambda one: one[0].st_mtime, reverse=True)
    return {
        "captures": [
            {
                "name": name,
                "size_b": stat.st_size,
                "at": datetime.fromtimestamp(stat.st_mtime, UTC).isoformat(),
            }
            for stat, name in newest
        ]
    }


@bp.get("/api/v1/captures/<name>")
@bearer(Role.VIEWER)
def archive(name: str) -> Response:
    """Return one archive."""
    return _send(name)


@bp.get("/captures/<name>")
@page(Role.VIEWER)
def archive_for_people(name: str) -> Response:
    """Return one archive to who has logged in to the page."""
    return _send(name)


def _send(name: str) -> Response:
    path = _folder() / name
    if not NAME.fullmatch(name) or not _is_archive(path):
        abort(404, "no such archive")
    answer = send_file(path, mimetype="application/gzip", as_attachment=True, download_name=name)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _is_archive(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _folder() -> Path:
    folder: Path = current_app.extensions["settings"].captures_dir
    return folder
