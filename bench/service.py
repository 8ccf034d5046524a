"""A service of its own for the time of a measurement."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
_START_S, _END_S = 300.0, 60.0


def environment(**settings: str) -> dict[str, str]:
    """Return this process's environment with these settings of the service and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TTS_")}
    return kept | {"PYTHONPATH": str(ROOT)} | settings


@contextmanager
def running(**settings: str) -> Iterator[str]:
    """Start `python -m tts_app serve`, wait until it is ready, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        env = environment(
            TTS_PORT=str(port),
            TTS_DATA_DIR=f"{folder}/data",
            TTS_LOG_DIR=f"{folder}/log",
            TTS_RATE_PER_MINUTE="100000",
            **settings,
        )
        process = subprocess.Popen([sys.executable, "-m", "tts_app", "serve"], env=env, cwd=folder)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_ready(url, process)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            finally:
                process.kill()


def _wait_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise SystemExit(f"the service ended with status {process.returncode}")
        try:
            if requests.get(f"{url}/readyz", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise SystemExit("the service is not ready")
