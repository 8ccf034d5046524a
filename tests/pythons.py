"""Test the remediator on the newer Pythons that this machine has: `python -m tests.pythons`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).with_name("uv")
NEWER = ("3.12", "3.13")
LOCKS = ("remediator/requirements.lock", "tests/requirements.lock")
TESTED = ("tests/unit/remediator",)


def find(version: str) -> str | None:
    """Return the path of a Python of that version that runs here, on PATH or of pyenv; None without one."""
    of_pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python"))
    return next((str(one) for one in (f"python{version}", *of_pyenv) if _runs(str(one))), None)


def _runs(interpreter: str) -> bool:
    try:
        return subprocess.run([interpreter, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def passes_on(version: str, interpreter: str) -> bool:
    """Run the remediator's tests in a new environment of that Python; return whether all passed."""
    environment = ROOT / "var" / "pythons" / version
    python = environment / "bin" / "python"
    subprocess.run([UV, "venv", "--quiet", "--clear", "--python", interpreter, environment], check=True)
    for lock in LOCKS:
        install = [UV, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock]
        subprocess.run(install, cwd=ROOT, check=True)
    tests = [
        python,
        "-m",
        "pytest",
        "-q",
        "-m",
        "not slow",
        "-o",
        f"cache_dir={environment}/pytest-cache",
        *TESTED,
    ]
    path = f"{environment / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(tests, cwd=ROOT, env=os.environ | {"PATH": path}, check=False).returncode == 0


def main() -> int:
    """Test on each; 0 when none failed. A version that is not here is counted as skipped."""
    failed = []
    for version in NEWER:
        interpreter = find(version)
        if not interpreter:
            print(f"Python {version}: skipped, this machine has none", flush=True)
            continue
        print(f"Python {version}: {interpreter}", flush=True)
        if not passes_on(version, interpreter):
            failed.append(version)
    if failed:
        print(f"the remediator's tests failed on Python {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
