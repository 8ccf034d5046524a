"""The zip archive of a batch: its wav files, a manifest and checksums, seen only when it is whole."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from pathlib import Path
from typing import Any

from tts_app.batch import wavfile
from tts_app.batch.report import Report

MANIFEST, SUMS = "manifest.json", "SHA256SUMS"


class BadArchive(Exception):
    """The archive doesn't hold what its manifest says."""


def write_archive(report: Report, out_dir: Path, archive_dir: Path) -> Path:
    """Write `<batch id>.zip` and return its path. Raises OSError; then nothing of it is left."""
    wavfile.make_folder(archive_dir)
    final = archive_dir / f"{report.batch_id}.zip"
    part = wavfile.part_of(final)
    part.unlink(missing_ok=True)
    try:
        _fill(part, report, out_dir)
        part.replace(final)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    wavfile.sync_folder(archive_dir)
    return final


def _fill(part: Path, report: Report, out_dir: Path) -> None:
    sums = []
    with part.open("xb") as raw:  # stored, not deflated: speech hardly shrinks
        with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED, strict_timestamps=False) as packed:
            for row in report.rows:
                if row.file is not None:
                    packed.write(out_dir / row.file, row.file)
                    sums.append(f"{row.sha256}  {row.file}\n")
            packed.writestr(MANIFEST, report.to_bytes())
            packed.writestr(SUMS, "".join(sums))
        raw.flush()
        os.fsync(raw.fileno())


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest after comparing every checksum. Raises BadArchive, OSError."""
    try:
        with zipfile.ZipFile(path) as packed:
            manifest: dict[str, Any] = json.loads(packed.read(MANIFEST))
            for row in manifest["items"]:
                if row["file"] and wavfile.sha256_of(packed.read(row["file"])) != row["sha256"]:
                    raise BadArchive(f"{row['file']} differs from its checksum")
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BadArchive(str(error)) from error
    return manifest
