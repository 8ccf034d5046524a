"""What is wrong with a field, from pydantic's finding to sentences for people. Nothing sent is repeated."""

from collections.abc import Mapping, Sequence
from typing import Any

from tts_app.errors import BadRequest

Words = tuple[str, str, str, str]  # what is wrong: English, Chinese; how to mend it: English, Chinese

_TEXT: Words = ("must be a string", "必须是字符串", "Send a JSON string.", "请传入 JSON 字符串。")
_WHOLE: Words = ("must be a whole number", "必须是整数", "Send a number like 42.", "请传入整数，例如 42。")
_OBJECT: Words = (
    "must be a JSON object", "必须是 JSON 对象",
    'Send an object like {{"input": "hello"}} as application/json.',
    '请以 application/json 传入对象，例如 {{"input": "你好"}}。',
)  # fmt: skip
_UNKNOWN: Words = (
    "is not as described", "不符合接口说明", "Compare with /openapi.json.", "请对照 /openapi.json。",
)  # fmt: skip

WORDS: dict[str, Words] = {
    "missing": ("is missing", "缺失", "Send it.", "请提供该字段。"),
    "string_type": _TEXT,
    "string_unicode": (
        "holds half a character", "含有不完整的字符", "Send valid UTF-8.", "请使用合法的 UTF-8 编码。",
    ),
    "string_too_short": (
        "has fewer than {min_length} characters", "少于 {min_length} 个字符",
        "Write at least {min_length}.", "请至少写 {min_length} 个字符。",
    ),
    "string_too_long": (
        "has more than {max_length} characters", "超过 {max_length} 个字符",
        "Write at most {max_length}.", "请不要超过 {max_length} 个字符。",
    ),
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": ("must be a number", "必须是数字", "Send a number like 1.0.", "请传入数字，例如 1.0。"),
    "greater_than_equal": ("is too small", "过小", "Send {ge:g} or more.", "请传入不小于 {ge:g} 的值。"),
    "less_than_equal": ("is too large", "过大", "Send {le:.10g} or less.", "请传入不大于 {le:.10g} 的值。"),
    "literal_error": ("is not offered", "不受支持", "Send {expected}.", "请传入 {expected}。"),
    "bool_parsing": ("must be true or false", "必须是 true 或 false", "Send true or false.", "请传入 true 或 false。"),
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dict_type": _OBJECT,
    "value_error": ("must be a file", "必须是文件", "Send it as a file of a form.", "请以表单文件上传。"),
}  # fmt: skip


def bad_request(errors: Sequence[Mapping[str, Any]]) -> BadRequest:
    """Return the first of pydantic's errors as one that names field and fix in both languages."""
    first = errors[0]
    location = first["loc"]
    if first["type"] == "json_invalid":
        at = location[-1]
        return BadRequest(
            "body",
            f"the body is no valid JSON at character {at}",
            f"请求体不是合法的 JSON（第 {at} 个字符处）",
            "Check quotes, commas and braces there.",
            fix_zh="请检查该处的引号、逗号和括号。",
        )
    # What follows the field's name are branches of a union, as pydantic calls them.
    field = str(location[1]) if len(location) > 1 else "body"
    values = first.get("ctx") or {}
    en, zh, fix_en, fix_zh = (part.format(**values) for part in WORDS.get(first["type"], _UNKNOWN))
    return BadRequest(field, f"{field} {en}", f"字段 {field} {zh}", fix_en, fix_zh=fix_zh)
