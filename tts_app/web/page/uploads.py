"""What people upload to the page: bounded per person and in all, and gone after a restart."""

import contextlib
import shutil
from pathlib import Path

from tts_app.errors import Busy
from tts_app.web import refusals
from tts_app.web.context import Context
from tts_app.web.refusals import TooFast

UPLOADS_HELD = 50  # so many of the largest uploads may lie there at once
WAIT_S = 600


def empty_folder(folder: Path) -> None:
    """Make `folder` exist and be empty: nobody refers any more to what an earlier process left."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def held_bytes(folder: Path) -> int:
    """Return the size of all files below `folder`; those that vanish meanwhile count nothing."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):
            total += file.lstat().st_size
    return total


def admit_upload(context: Context, address: str, folder: Path) -> Busy | None:
    """Return why this caller may not upload now: too often, or too much lies there already."""
    refused = _refusal(context, address, folder)
    if refused:
        refusals.count(context.metrics, refused)
    return refused


def _refusal(context: Context, address: str, folder: Path) -> Busy | None:
    if wait_s := context.limiter.wait_s(f"address {address}"):
        return TooFast(
            int(wait_s) + 1, "too many uploads from here; wait a little", "上传过于频繁，请稍后再试"
        )
    if held_bytes(folder) > UPLOADS_HELD * context.settings.max_upload_mb * 1_000_000:
        return Busy(WAIT_S, "too many uploads are kept at the moment", "当前保存的上传文件过多，请稍后再试")
    return None
