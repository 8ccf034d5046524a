"""Mails and the status page in a real browser: nothing sticks out on a phone, and both themes can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.notify import mail
from remediator.notify.rendered import letters
from tests.e2e.conftest import ROOT, keep
from tests.unit.remediator.web.kit import FakeDesk, app, log_in

SHORT, LONG = "result", "approval"
MAILS = [
    pytest.param(language, name, marks=() if name in {SHORT, LONG} else pytest.mark.slow)
    for language in ("zh", "en")
    for name in letters(language)
]
WIDTHS = (375, 1280)
LUMINANCE = """
const rgb = color => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
const light = color => rgb(color).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const card = getComputedStyle(document.querySelector(arguments[0]));
const [a, b] = [light(card.color), light(card.backgroundColor)].sort((x, y) => y - x);
return (a + 0.05) / (b + 0.05);
"""


def at(browser, width: int, dark: bool = False) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    theme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", theme)


def overflow(browser) -> int:
    """Return how many pixels stick out to the right."""
    script = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    return int(browser.execute_script(script))


def show_mail(browser, folder: Path, language: str, name: str) -> str:
    letter = letters(language)[name]
    file = folder / f"{name}.{language}.html"
    file.write_text(mail.html(letter), encoding="utf-8")
    browser.get(file.as_uri())
    return letter.headline


@pytest.mark.parametrize(("language", "name"), MAILS)
def test_a_mail_fits_a_phone_and_a_desktop(browser, tmp_path, language, name):
    for width in WIDTHS:
        at(browser, width)
        headline = show_mail(browser, tmp_path, language, name)
        keep(browser, f"mail-{name}-{language}-{width}")
        assert headline in browser.find_element("tag name", "body").text
        assert overflow(browser) == 0


@pytest.mark.parametrize("dark", [False, True])
def test_a_mail_can_be_read_in_both_themes(browser, tmp_path, dark):
    at(browser, 375, dark)
    show_mail(browser, tmp_path, "zh", "result")
    assert browser.execute_script(LUMINANCE, ".card") >= 7


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_status_page_fits_and_can_be_read(browser, tmp_path, width, dark):
    client = app(FakeDesk()).test_client()
    log_in(client, "operator")
    style = (ROOT / "remediator/web/static/style.css").read_text(encoding="utf-8")
    link = '<link rel="stylesheet" href="/static/style.css">'
    html = client.get("/").get_data(as_text=True)
    assert link in html
    file = tmp_path / "page.html"
    file.write_text(html.replace(link, f"<style>{style}</style>"), encoding="utf-8")
    at(browser, width, dark)
    browser.get(file.as_uri())
    keep(browser, f"status-{width}-{'dark' if dark else 'light'}")
    assert overflow(browser) == 0
    assert browser.execute_script(LUMINANCE, ".card") >= 7
