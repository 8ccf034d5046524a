"""Solve and link, by py-rattler. Packages and indexes are cached below the folder that is handed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

import rattler
from rattler.exceptions import FetchRepoDataError, GatewayError, SolverError

from .environment import Wanted
from .failures import CondaFailure, checksum_mismatch, connection_failed, no_such_channel, packages_not_found

PLATFORMS = ("linux-64", "noarch")


async def install_wanted(wanted: Wanted, prefix: Path, cache: Path) -> None:
    """Solve for `wanted` and link it into the new `prefix`. Raises CondaFailure with conda's words."""
    for url in wanted.channels:
        _require_channel(url)
    gateway = rattler.Gateway(cache_dir=cache / "repodata")
    channels = [rattler.Channel(url) for url in wanted.channels]
    specs = [rattler.MatchSpec(package) for package in wanted.packages]
    try:
        missing = await _missing(gateway, channels, wanted.packages)
        if missing:
            raise packages_not_found(missing, wanted.channels)
        records = await rattler.solve(channels, specs, gateway=gateway, platforms=PLATFORMS)
    except SolverError as error:
        raise CondaFailure(
            "LibMambaUnsatisfiableError", f"Encountered problems while solving:\n{error}"
        ) from error
    except (FetchRepoDataError, GatewayError) as error:
        raise connection_failed(wanted.channels[0]) from error
    await _link(records, prefix, cache)


async def install_explicit(packages: Sequence[tuple[str, str]], prefix: Path, cache: Path) -> None:
    """Link exactly these packages, given as (file:// address, md5), into the new `prefix`."""
    records = []
    for url, md5 in packages:
        path = _folder(url)
        if path is None or not path.is_file():
            raise connection_failed(url)
        actual = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        if md5 and actual != md5:
            raise checksum_mismatch(url, md5, actual)
        records.append(await rattler.RepoDataRecord.from_package_archive(path))
    await _link(records, prefix, cache)
    _remember_origin(prefix, packages)


def explicit(prefix: Path) -> list[str]:
    """Return what is linked into `prefix` as the lines of a lock, each with its md5."""
    found = [json.loads(path.read_text()) for path in sorted((prefix / "conda-meta").glob("*.json"))]
    return [f"{one['url']}#{one['md5']}" for one in found]


async def _missing(
    gateway: rattler.Gateway, channels: Sequence[rattler.Channel], packages: Sequence[str]
) -> list[str]:
    missing = []
    for package in packages:
        spec = rattler.MatchSpec(package)
        found = await gateway.query(channels, PLATFORMS, [spec], recursive=False)
        if not any(spec.matches(record) for records in found for record in records):
            missing.append(package)
    return missing


async def _link(records: list[rattler.RepoDataRecord], prefix: Path, cache: Path) -> None:
    await rattler.install(
        records=records,
        target_prefix=prefix,
        cache_dir=cache,
        installed_packages=[],
        show_progress=False,
    )
    (prefix / "conda-meta").mkdir(parents=True, exist_ok=True)
    (prefix / "conda-meta" / "history").touch()


def _remember_origin(prefix: Path, packages: Sequence[tuple[str, str]]) -> None:
    """Note each package's address and md5, which an archive doesn't tell by itself."""
    for url, md5 in packages:
        name = url.rpartition("/")[2].removesuffix(".tar.bz2").removesuffix(".conda")
        path = prefix / "conda-meta" / f"{name}.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"url": url, "md5": md5}))


def _require_channel(url: str) -> None:
    folder = _folder(url)
    if folder is not None and not (folder / "noarch" / "repodata.json").is_file():
        raise no_such_channel(url)


def _folder(url: str) -> Path | None:
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None
