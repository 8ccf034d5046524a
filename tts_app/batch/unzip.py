"""Unpack an uploaded zip of audio files without believing anything it says about itself."""

from __future__ import annotations

import errno
import logging
import lzma
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tts_app.errors import BadRequest, Busy

log = logging.getLogger(__name__)

CHUNK = 1 << 16
FIELD = "audio"
AUDIO = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff"})
PASSED_OVER = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
MAX_DEPTH = 8
MAX_PATH_BYTES = 255
DAMAGE = frozenset({None, errno.EINVAL})  # bz2 gives no number; a place before the file's start is EINVAL
RETRY_S = 60


@dataclass(frozen=True)
class ZipLimits:
    """How much an uploaded zip may hold."""

    max_files: int = 2000
    max_file_bytes: int = 50_000_000
    max_total_bytes: int = 500_000_000
    max_ratio: float = 100.0  # unpacked to packed; audio never comes near


def unzip_audio(packed: BinaryIO, folder: Path, limits: ZipLimits | None = None) -> list[Path]:
    """Unpack audio files below `folder` and return them. Raises BadRequest; then the batch is refused.

    Busy instead of it where the zip may be good and the disk is full or broken.
    Nothing is written outside `folder`: names with .., absolute names, links and devices are refused,
    and sizes are counted while unpacking, not read from the zip.
    """
    limits = limits or ZipLimits()
    try:
        with zipfile.ZipFile(packed) as source:
            members = list(_members(source, limits))
            return _unpack(source, members, folder, limits)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _bad(
            f"the zip is damaged or encrypted ({type(error).__name__})", "压缩包已损坏或加密"
        ) from error
    except (ValueError, OverflowError, zlib.error, FileExistsError, NotADirectoryError) as error:
        raise _bad("the zip is damaged or holds one name twice", "压缩包已损坏或文件名重复") from error
    except (lzma.LZMAError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in DAMAGE:
            raise _no_room(error) from error
        raise _bad(f"the zip is damaged ({type(error).__name__})", "压缩包已损坏") from error


def _members(source: zipfile.ZipFile, limits: ZipLimits) -> Iterator[tuple[zipfile.ZipInfo, PurePosixPath]]:
    infos = source.infolist()
    if len(infos) > limits.max_files:
        raise _bad(f"more than {limits.max_files} files", f"文件数超过 {limits.max_files}")
    seen: set[str] = set()
    for info in infos:
        name = _safe_name(info)
        if info.is_dir() or PASSED_OVER.intersection(name.parts) or name.name.startswith("._"):
            continue
        if name.suffix.lower() not in AUDIO:
            raise _bad(f"{_show(name)} is no audio file", f"{_show(name)} 不是音频文件")
        folded = str(name).casefold()
        if folded in seen:
            raise _bad(f"{_show(name)} is in it twice", f"{_show(name)} 重复")
        seen.add(folded)
        yield info, name


def _safe_name(info: zipfile.ZipInfo) -> PurePosixPath:
    raw = info.filename
    name = PurePosixPath(raw)
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise _bad(f"{_show(name)} is a link or a device", f"{_show(name)} 是链接或设备文件")
    unsafe = (
        not name.parts
        or name.is_absolute()
        or ".." in name.parts
        or "\\" in raw
        or ":" in raw
        or not raw.isprintable()
        or len(name.parts) > MAX_DEPTH
        or any(len(part.encode("utf-8", "surrogatepass")) > MAX_PATH_BYTES - 20 for part in name.parts)
    )
    if unsafe:
        raise _bad(f"the name {_show(name)} is not safe", f"文件名 {_show(name)} 不安全")
    return name


def _unpack(
    source: zipfile.ZipFile,
    members: list[tuple[zipfile.ZipInfo, PurePosixPath]],
    folder: Path,
    limits: ZipLimits,
) -> list[Path]:
    root = Path(os.path.realpath(folder))
    left = limits.max_total_bytes
    written = []
    for info, name in members:
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        most = min(limits.max_file_bytes, left, int(max(info.compress_size, 1024) * limits.max_ratio))
        left -= _copy(source, info, target, most)
        written.append(target)
    return written


def _copy(source: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, most: int) -> int:
    """Unpack one file of at most `most` bytes and return its size."""
    size = 0
    with source.open(info) as member, target.open("xb") as out:
        while chunk := member.read(CHUNK):
            size += len(chunk)
            if size > most:
                name = _show(PurePosixPath(info.filename))
                raise _bad(f"{name} unpacks to more than is allowed", f"{name} 解压后超过允许的大小")
            out.write(chunk)
    return size


def _show(name: PurePosixPath) -> str:
    text = str(name)[:80]
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _bad(english: str, chinese: str) -> BadRequest:
    return BadRequest(
        FIELD,
        english,
        chinese,
        "Pack only audio files, with plain names, and send the zip again.",
        fix_zh="请只打包音频文件并使用普通文件名，然后重新上传。",
    )


def _no_room(error: OSError) -> Busy:
    log.error("an uploaded zip can't be unpacked", exc_info=error)
    return Busy(
        RETRY_S,
        f"the recordings can't be stored now: {error.strerror}",
        f"暂时无法保存参考音频：{error.strerror}",
    )
