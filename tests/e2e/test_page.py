"""The page in a real browser, on a phone and on a desk."""

import json
import re

import httpx
import numpy as np
import pytest
import soundfile
from selenium.common.exceptions import ElementClickInterceptedException
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


def click(browser, selector):
    """Click as soon as nothing lies over it; a page that still loads covers its buttons."""
    patient = WebDriverWait(browser, STEP_TIMEOUT_S, ignored_exceptions=[ElementClickInterceptedException])
    patient.until(lambda b: find(b, selector).click() is None)


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


ODD_REQUESTS = """
return performance.getEntriesByType('resource')
  .filter(e => !e.name.startsWith(location.origin + '/') || e.responseStatus >= 400)
  .map(e => `${e.responseStatus} ${e.name}`)
"""


@pytest.mark.parametrize(("width", "height"), [(375, 812), (1280, 900)])
def test_the_page_fits_and_its_controls_can_be_touched(show, width, height):
    browser = show(width, height)
    find(browser, "#speak-button")
    has(browser, "#status", "kokoro", "就绪")
    find(browser, "#reference > button").click()
    find(browser, "#transcript textarea, #transcript input")
    keep(browser, f"speak-{width}")
    fits(browser, width)
    open_batches(browser)
    find(browser, "#check-button")
    keep(browser, f"batches-{width}")
    fits(browser, width)
    assert browser.execute_script(ODD_REQUESTS) == []  # the page needs nothing from anywhere else


def fits(browser, width):
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= width
    assert browser.execute_script(SMALL_CONTROLS) == []


def open_batches(browser):
    tab = wait(browser).until(
        lambda b: [
            e for e in b.find_elements(By.CSS_SELECTOR, "button[role=tab]") if e.text in {"批量", "Batch"}
        ]
    )
    tab[0].click()


def test_the_language_can_be_chosen_and_is_remembered(show):
    browser = show(375, 812)
    find(browser, "#language").click()
    has(browser, "#speak-button", "Speak")
    has(browser, "#status", "ready", "not a clone")
    keep(browser, "english-375")
    fits(browser, 375)
    browser.refresh()
    has(browser, "#speak-button", "Speak")
    find(browser, "#language").click()
    has(browser, "#speak-button", "开始合成")
    has(browser, "#status", "就绪")


def test_a_text_is_spoken_once_however_often_people_click_and_memory_can_be_cleared(show, server):
    browser = show(375, 812)
    write(browser, "你好，世界。")
    before = ended(server, "ok")
    browser.execute_script("for (let i = 0; i < 5; i++) arguments[0].click()", find(browser, "#speak-button"))
    has(browser, "#message", "完成")
    find(browser, "#result audio, #result #waveform, #result [data-testid]")
    keep(browser, "spoken-375")
    fits(browser, 375)
    find(browser, "#clear-button").click()  # waits behind whatever the clicks have queued
    has(browser, "#cleared", "清理前", "清理后")
    assert ended(server, "ok") == before + 1


def test_a_recording_is_judged_when_it_is_uploaded(show, tmp_path):
    browser = show(375, 812)
    find(browser, "#reference > button").click()
    short = tmp_path / "short.wav"
    soundfile.write(short, 0.3 * np.sin(np.arange(2 * 16000) * 0.1), 16000)
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#reference input[type=file]"))[
        0
    ].send_keys(str(short))
    has(browser, "#advice", "2.0 秒偏短", "文字内容")
    keep(browser, "reference-375")
    fits(browser, 375)


def test_a_recording_can_be_made_on_the_page(show):
    browser = show(375, 812)
    find(browser, "#reference > button").click()
    find(browser, "#reference [data-testid=source-select] button:nth-of-type(2)").click()
    find(browser, "#reference .record-button").click()
    find(browser, "#reference .stop-button")
    browser.execute_async_script("setTimeout(arguments[0], 1500)")
    keep(browser, "recording-375")
    find(browser, "#reference .stop-button").click()
    has(browser, "#advice", "文字内容")  # it was decoded: only its transcript is missing
    fits(browser, 375)


def test_work_is_given_up_by_the_stop_button_and_by_leaving(show, server):
    browser = show(1280, 900)
    before = ended(server, "cancelled")
    write(browser, "The quick brown fox jumps over the lazy dog. " * 30)
    click(browser, "#speak-button")
    has(browser, "#message", "合成中")
    click(browser, "#stop-button")
    has(browser, "#message", "已停止")
    wait(browser).until(lambda _: ended(server, "cancelled") == before + 1)
    click(browser, "#speak-button")
    has(browser, "#message", "合成中")
    browser.get("about:blank")
    wait(browser).until(lambda _: ended(server, "cancelled") == before + 2)


def ended(server, outcome):
    """Return how many syntheses ended like this."""
    metrics = httpx.get(f"{server.url}/metrics", timeout=60).text
    found = re.search(rf'tts_requests_total{{[^}}]*"{outcome}"}} (\d+)', metrics)
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
    open_batches(browser)
    choose(browser, tasks)
    find(browser, "#check-button").click()
    has(browser, "#report", "无法运行")
    keep(browser, "check-375")
    find(browser, "#skip-bad input").click()
    find(browser, "#start-button").click()
    has(browser, "#progress", "已结束：2/2，失败 1")
    keep(browser, "batch-375")
    assert find(browser, "#progress a.vk-download").get_attribute("href").endswith(".zip")
    assert browser.execute_script("return document.scrollingElement.scrollWidth") <= 375


def choose(browser, path):
    """Choose a file and wait until it is uploaded."""
    wait(browser).until(lambda b: b.find_elements(By.CSS_SELECTOR, "#tasks input[type=file]"))[0].send_keys(
        str(path)
    )
    wait(browser).until(
        lambda b: any(path.stem in e.text for e in b.find_elements(By.CSS_SELECTOR, "#tasks"))
    )
