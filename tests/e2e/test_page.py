"""The page in a real browser, on a phone and on a desk."""

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.conftest import STEP_TIMEOUT_S, keep

SMALL_CONTROLS = """
return [...document.querySelectorAll('button, input:not([type=hidden]):not([type=file]), textarea, select')]
  .filter(e => e.offsetParent !== null && getComputedStyle(e).visibility !== 'hidden')
  .map(e => ({name: e.id || e.ariaLabel || e.className || e.type, type: e.type,
              box: (['radio', 'checkbox'].includes(e.type) ? e.closest('label') || e : e).getBoundingClientRect()}))
  .filter(e => e.box.width > 0 && e.box.height > 0 && (e.box.height < 39.5 || e.box.width < 39.5))
  .map(e => `${e.type} ${e.name} ${e.box.width}x${e.box.height}`)
"""


def wait(browser):
    return WebDriverWait(browser, STEP_TIMEOUT_S)


def find(browser, selector):
    return wait(browser).until(lambda b: next((e for e in b.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), None))


def write(browser, text):
    field = find(browser, "#text textarea")
    field.clear()
    field.send_keys(text)


def has(browser, selector, *words):
    def seen(b):
        texts = [element.text for element in b.find_elements(By.CSS_SELECTOR, selector)]
        return any(all(word in text for word in words) for text in texts)

    wait(browser).until(seen)


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1280, 900)])
def test_the_page_fits_and_its_controls_can_be_touched(show, width, height):
    browser = show(width, height)
    find(browser, "#speak-button")
    has(browser, "#status", "kokoro", "就绪")
    keep(browser, f"speak-{width}")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= width
    assert browser.execute_script(SMALL_CONTROLS) == []


def test_a_text_is_spoken_and_can_be_played(show):
    browser = show(375, 812)
    write(browser, "你好，世界。")
    find(browser, "#speak-button").click()
    has(browser, "#message", "完成")
    keep(browser, "spoken-375")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 375
