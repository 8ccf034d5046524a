"""A real server with the default voice, a real browser, and the real GLM worker over a stand-in."""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.e2e.glm_lab import Lab

ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "var" / "artefacts" / "e2e"
START_TIMEOUT_S = 300.0
STEP_TIMEOUT_S = 240.0
ADMIN_TOKEN = "admin-token-for-e2e"


@dataclass
class Server:
    """A running `python -m tts_app serve`."""

    process: subprocess.Popen[bytes]
    port: int
    folder: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def errors(self) -> str:
        return (self.folder / "log" / "error.log").read_text(encoding="utf-8")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STEP_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(folder: Path, **settings: str) -> Server:
    """Start a server that keeps everything below `folder`; see `wait_until_ready`."""
    port = _free_port()
    (folder / "token").write_text(ADMIN_TOKEN)
    env = {name: value for name, value in os.environ.items() if not name.startswith("TTS_")} | {
        "TTS_DATA_DIR": str(folder / "data"),
        "TTS_LOG_DIR": str(folder / "log"),
        "TTS_ADMIN_TOKEN_FILE": str(folder / "token"),
        "TTS_PORT": str(port),
        "PYTHONPATH": str(ROOT),
        **settings,
    }
    process = subprocess.Popen([sys.executable, "-m", "tts_app", "serve"], env=env, cwd=folder)
    return Server(process, port, folder)


def wait_until_ready(server: Server) -> bool:
    """Wait; False when the process ended, for example because someone took the port meanwhile."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.process.poll() is not None:
            return False
        try:
            if httpx.get(f"{server.url}/readyz", timeout=10).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"not ready in {START_TIMEOUT_S} s")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    for _ in range(5):
        made = start(tmp_path_factory.mktemp("server"))
        try:
            if wait_until_ready(made):
                yield made
                return
        finally:
            if made.process.poll() is None:
                made.process.kill()
            made.process.wait(STEP_TIMEOUT_S)
    raise AssertionError("the server did not start")


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromium-driver are not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--lang=zh-CN",
        "--autoplay-policy=no-user-gesture-required",
        "--use-fake-device-for-media-stream",  # a microphone that beeps
        "--use-fake-ui-for-media-stream",  # and may be used
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": "zh-CN,zh,en"})
    made = webdriver.Chrome(options=options, service=Service(executable_path=driver))
    made.set_page_load_timeout(STEP_TIMEOUT_S)
    made.set_script_timeout(STEP_TIMEOUT_S)
    yield made
    made.quit()


@pytest.fixture
def show(browser, server):
    """Return a function that opens the page at a width and keeps a screenshot when told."""

    def open_at(width: int, height: int):
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        browser.get(server.url)
        return browser

    return open_at


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory):
    made = Lab(tmp_path_factory.mktemp("glm"))
    yield made
    made.close()


@pytest.fixture
def lab(shared_lab, monkeypatch):
    for name, value in shared_lab.environment.items():
        monkeypatch.setenv(name, value)
    return shared_lab


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A lab of the test's own, for engines with other settings or a worker that must not be shared."""
    made = Lab(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


def keep(browser, name: str) -> None:
    """Keep a picture of the whole page among the artefacts."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
    (ARTEFACTS / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def keep_speech(name: str, content: bytes) -> None:
    """Keep what was spoken among the artefacts, for whoever wants to listen."""
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    (ARTEFACTS / f"{name}.wav").write_bytes(content)
