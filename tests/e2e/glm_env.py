"""The GLM worker's own interpreter for tests: a virtual environment with torch, made once per set of pins.

It lies in the user's cache folder, so that later runs and other checkouts find it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "tts_app" / "requirements-glm.txt"
STAND_IN = ROOT / "tests" / "sim" / "glm_tts"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voicekeeper"
NUMPY = "numpy==2.4.6"


def glm_python() -> Path:
    """Return the interpreter, making its environment first if need be (about a minute, 1 GB)."""
    pins = f"{sys.version_info[:2]} {REQUIREMENTS.read_text('utf-8')} {NUMPY}"
    folder = CACHE / f"glm-env-{hashlib.sha256(pins.encode()).hexdigest()[:12]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "glm-env.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs may want it at the same time
        if not (folder / "done").exists():
            _make(folder)
    return folder / "bin" / "python"


def _make(folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS), NUMPY], check=True)
    (folder / "done").touch()


if __name__ == "__main__":
    print(glm_python())
