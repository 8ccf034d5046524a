import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_app.text.numbers_zh import integer, read_numbers


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2024年", "二零二四年"),
        ("98年", "九八年"),
        ("2024-01-02", "二零二四年一月二日"),
        ("2024/12/31", "二零二四年十二月三十一日"),
        ("10:30", "十点三十分"),
        ("8:05", "八点零五分"),
        ("9:00:01", "九点零分一秒"),
        ("50%", "百分之五十"),
        ("-3.5%", "负百分之三点五"),
        ("1/2", "二分之一"),
        ("-5度", "负五度"),
        ("1,234元", "一千二百三十四元"),
        ("¥12.50", "十二点五零元"),
        ("$3", "三美元"),
        ("3-5个", "三到五个"),
        ("1.2.3版", "一点二点三版"),
        ("007号", "零零七号"),
        ("13800138000", "一三八零零一三八零零零"),
        ("用H100训练GPT4", "用H100训练GPT4"),
        ("没有数字", "没有数字"),
    ],
)
def test_read_numbers(text, read):
    assert read_numbers(text) == read


@pytest.mark.parametrize(
    ("digits", "read"),
    [
        ("0", "零"),
        ("10", "十"),
        ("15", "十五"),
        ("20", "二十"),
        ("101", "一百零一"),
        ("110", "一百一十"),
        ("1001", "一千零一"),
        ("10000", "一万"),
        ("10086", "一万零八十六"),
        ("100001000", "一亿零一千"),
        ("100000000", "一亿"),
    ],
)
def test_integer(digits, read):
    assert integer(digits) == read


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("0123456789.,:-/%¥$年月abc "), max_size=40))
def test_no_mixture_of_digits_and_signs_breaks_it(text):
    read_numbers(text)
