"""The page's first load: a service just started, a browser with nothing in its cache."""

from __future__ import annotations

import shutil
import tempfile
import time
from typing import Any

import requests

from bench.figures import Figure
from bench.service import running

LIMIT_S = 2.0
_PATIENCE_S = 120.0
_LOOK_EVERY_S = 0.02
_SHOWN = "const e = document.querySelector('#speak-button'); return !!e && e.offsetParent !== null;"


def measure() -> list[Figure]:
    """Return how long the first answer takes, and how long until a person sees the button to press."""
    with running() as url:
        began = time.perf_counter()
        requests.get(f"{url}/", timeout=_PATIENCE_S).raise_for_status()
        answered_s = time.perf_counter() - began
    figures = [
        Figure(
            "first page load, the answer alone", answered_s, "s", LIMIT_S, "GET / of a service just started"
        )
    ]
    if shutil.which("chromium") and shutil.which("chromedriver"):
        with running() as url:
            shown_s = _in_chromium(url)
        how = "headless Chromium, empty cache, service just started, until the button to speak shows"
        figures.append(Figure("first page load in a browser", shown_s, "s", LIMIT_S, how))
    return figures


def _in_chromium(url: str) -> float:
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as profile:
        browser = _browser(profile)
        try:
            began = time.perf_counter()
            browser.get(url)
            while not browser.execute_script(_SHOWN):
                if time.perf_counter() - began > _PATIENCE_S:
                    raise SystemExit("the page never showed its button")
                time.sleep(_LOOK_EVERY_S)
            return time.perf_counter() - began
        finally:
            browser.quit()


def _browser(profile: str) -> Any:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.add_argument(f"--user-data-dir={profile}")
    browser = webdriver.Chrome(options=options, service=Service(executable_path=shutil.which("chromedriver")))
    browser.set_page_load_timeout(_PATIENCE_S)
    browser.get("about:blank")
    return browser
