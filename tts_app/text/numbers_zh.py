"""Read numbers, dates, times, percentages and amounts in a Chinese text out in Chinese characters."""

import re
from collections.abc import Callable

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_MAX_DIGITS = 16  # longer numbers are read digit by digit
_PHONE_DIGITS = 11  # so are numbers as long as a phone number
_CURRENCIES = {"¥": "元", "￥": "元", "$": "美元", "€": "欧元", "£": "英镑"}

_NUMBER = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_LATIN_BEFORE, _LATIN_AFTER = r"(?<![A-Za-z\d])", r"(?![A-Za-z\d])"


def digits(text: str) -> str:
    """Return each digit by its name: 110 is 一一零."""
    return "".join(_DIGITS[int(c)] for c in text if c.isdigit())


def integer(text: str) -> str:
    """Return a whole number as it is read: 10086 is 一万零八十六. Long ones and 007 go digit by digit."""
    if len(text) >= _PHONE_DIGITS or (text[0] == "0" and len(text) > 1):
        return digits(text)
    return _drop_leading_one(_groups(int(text)))


def number(text: str) -> str:
    """Return a number with optional thousands commas and decimals as it is read."""
    whole, _, decimals = text.replace(",", "").partition(".")
    return integer(whole) + (f"点{digits(decimals)}" if decimals else "")


def _groups(value: int) -> str:
    if value == 0:
        return "零"
    spoken, gap = "", False
    for index in range(len(_GROUPS) - 1, -1, -1):
        group = value // 10 ** (4 * index) % 10_000
        if group == 0:
            gap = bool(spoken)
            continue
        filler = "零" if spoken and (gap or group < 1000) else ""
        spoken += filler + _thousands(group) + _GROUPS[index]
        gap = False
    return spoken


def _thousands(group: int) -> str:
    spoken, gap = "", False
    for place in range(3, -1, -1):
        digit = group // 10**place % 10
        if digit == 0:
            gap = bool(spoken)
            continue
        spoken += ("零" if gap else "") + _DIGITS[digit] + _PLACES[place]
        gap = False
    return spoken


def _drop_leading_one(spoken: str) -> str:
    return spoken[1:] if spoken.startswith("一十") else spoken


def _date(m: re.Match[str]) -> str:
    return f"{digits(m[1])}年{integer(str(int(m[2])))}月{integer(str(int(m[3])))}日"


def _time(m: re.Match[str]) -> str:
    hour, minute, second = int(m[1]), int(m[2]), m[3]
    spoken = integer(str(hour)) + "点"
    if minute or second:
        spoken += ("零" if 0 < minute < 10 else "") + integer(str(minute)) + "分"
    return spoken + (integer(str(int(second))) + "秒" if second else "")


def _fraction(m: re.Match[str]) -> str:
    return f"{integer(m[2])}分之{integer(m[1])}"


def _range(m: re.Match[str]) -> str:
    return f"{number(m[1])}到{number(m[2])}"


def _version(m: re.Match[str]) -> str:
    return "点".join(integer(part) for part in m[0].split("."))


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = tuple(
    (re.compile(pattern), read)
    for pattern, read in (
        (rf"{_LATIN_BEFORE}(\d{{4}})[-/](0?[1-9]|1[0-2])[-/](0?[1-9]|[12]\d|3[01]){_LATIN_AFTER}", _date),
        (rf"{_LATIN_BEFORE}([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?{_LATIN_AFTER}", _time),
        (r"(?<!\d)(\d{4}|\d{2})(?=年)", lambda m: digits(m[1])),
        (rf"([¥￥$€£])\s?({_NUMBER})(?!\d)", lambda m: number(m[2]) + _CURRENCIES[m[1]]),
        (rf"(-?)({_NUMBER})%", lambda m: ("负" if m[1] else "") + "百分之" + number(m[2])),
        (rf"{_LATIN_BEFORE}\d+(?:\.\d+){{2,}}{_LATIN_AFTER}", _version),
        (rf"{_LATIN_BEFORE}(\d{{1,4}})/([1-9]\d{{0,3}}){_LATIN_AFTER}", _fraction),
        (rf"{_LATIN_BEFORE}({_NUMBER})\s?[-~～–]\s?({_NUMBER}){_LATIN_AFTER}", _range),
        (rf"(?<![A-Za-z\d])-({_NUMBER}){_LATIN_AFTER}", lambda m: f"负{number(m[1])}"),
        (rf"{_LATIN_BEFORE}({_NUMBER}){_LATIN_AFTER}", lambda m: number(m[1])),
    )
)  # fmt: skip


def read_numbers(text: str) -> str:
    """Return `text` with its numbers in Chinese characters; numbers in Latin words (H100, GPT4) stay."""
    for pattern, read in _RULES:
        text = pattern.sub(read, text)
    return text
