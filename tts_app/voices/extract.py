"""Rebuild voices.npz from the npm package it comes from.

    npm pack kokoro-js@1.2.1
    python -m tts_app.voices.extract kokoro-js-1.2.1.tgz

The vectors are stored as float16: the largest rounding error is 0.0005. Output is the same bytes every time.
"""

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tts_app.voices import FOLDER, PRESETS, STYLE_SHAPE

PACKAGE_SHA256 = "1f0d0383ef0349af0bd9440d81dc12abbea3a5392eb645283eda876f537f5860"
_FIXED_DATE = (1980, 1, 1, 0, 0, 0)


def extract(package: Path, target: Path) -> None:
    """Write the presets found in `package` to `target`. Raises ValueError when it is not the pinned one."""
    content = package.read_bytes()
    if hashlib.sha256(content).hexdigest() != PACKAGE_SHA256:
        raise ValueError(f"{package} is not kokoro-js 1.2.1 as published")
    with tarfile.open(fileobj=io.BytesIO(content)) as tar, zipfile.ZipFile(target, "w") as archive:
        for voice in PRESETS:
            member = tar.extractfile(f"package/voices/{voice.id}.bin")
            if member is None:
                raise ValueError(f"{voice.id} is not in {package}")
            vectors = np.frombuffer(member.read(), dtype="<f4").reshape(STYLE_SHAPE)
            info = zipfile.ZipInfo(f"{voice.id}.npy", _FIXED_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _npy(vectors.astype(np.float16)))


def _npy(array: NDArray[np.float16]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tts_app.voices.extract kokoro-js-1.2.1.tgz")
    extract(Path(sys.argv[1]), FOLDER / "voices.npz")
