"""The page in a real browser, on a phone and on a desk."""

import json
import re

import httpx
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
    return wait(browser).until(
        lambda b: next((e for e in b.find_elements(By.CSS_SELECTOR, selector) if e.is_displayed()), None)
    )


def write(browser, text):
    """Put a text into the field at once; typing it would send a request for every letter."""
    browser.execute_script(
        "const e = arguments[0]; e.value = arguments[1]; e.dispatchEvent(new Event('input', {bubbles: true}));",
        find(browser, "#text textarea"),
        text,
    )


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
    find(browser, "#result audio, #result #waveform, #result [data-testid]")
    keep(browser, "spoken-375")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 375


def test_work_is_given_up_by_the_stop_button_and_by_leaving(show, server):
    browser = show(1280, 900)
    before = given_up(server)
    write(browser, "The quick brown fox jumps over the lazy dog. " * 30)
    find(browser, "#speak-button").click()
    has(browser, "#message", "合成中")
    find(browser, "#stop-button").click()
    has(browser, "#message", "已停止")
    wait(browser).until(lambda _: given_up(server) == before + 1)
    find(browser, "#speak-button").click()
    has(browser, "#message", "合成中")
    browser.get("about:blank")
    wait(browser).until(lambda _: given_up(server) == before + 2)


def given_up(server):
    """Return how many syntheses ended as cancelled."""
    found = re.search(
        r'tts_requests_total{[^}]*"cancelled"} (\d+)', httpx.get(f"{server.url}/metrics", timeout=60).text
    )
    return int(found[1])


def test_long_text_is_warned_about_and_split_on_demand(show):
    browser = show(1280, 900)
    text = "今天天气很好，我们一起去公园散步。" * 20
    write(browser, text)
    has(browser, "#advice", "建议拆分")
    keep(browser, "long-1280")
    find(browser, "#split").click()
    wait(browser).until(lambda b: "\n\n" in find(b, "#text textarea").get_property("value"))
    wait(browser).until(
        lambda b: not any("建议拆分" in e.text for e in b.find_elements(By.CSS_SELECTOR, "#advice"))
    )


def test_a_batch_is_checked_run_and_offered_for_download(show, tmp_path):
    browser = show(375, 812)
    tasks = tmp_path / "tasks.jsonl"
    good = {"output_name": "one", "input_text": "你好。", "voice": "zf_xiaoxiao"}
    tasks.write_text(json.dumps(good, ensure_ascii=False) + "\n{half\n", encoding="utf-8")
    tab = wait(browser).until(
        lambda b: [e for e in b.find_elements(By.CSS_SELECTOR, "button[role=tab]") if e.text == "批量"]
    )
    tab[0].click()
    choose(browser, tasks)
    find(browser, "#check-button").click()
    has(browser, "#report", "无法运行")
    keep(browser, "check-375")
    find(browser, "#skip-bad input").click()
    find(browser, "#start-button").click()
    has(browser, "#report", "已结束：2/2，失败 1")
    keep(browser, "batch-375")
    assert find(browser, "#report a.vk-download").get_attribute("href").endswith(".zip")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 375


def choose(browser, path):
    """Choose a file and wait until it is uploaded."""
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#tasks input[type=file]"))[0].send_keys(
        str(path)
    )
    wait(browser).until(
        lambda b: any(path.stem in e.text for e in b.find_elements(By.CSS_SELECTOR, "#tasks"))
    )
