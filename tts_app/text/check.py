"""Decide whether a text can be spoken, before any engine sees it.

GLM-TTS turns an empty, emoji-only or punctuation-only text into "." and speaks noise without an error.
"""

import re

from tts_app.errors import BadRequest
from tts_app.text.normalise import normalise

LONG_TEXT_CHARS = 300  # above it people are advised to split
_SPEAKABLE = re.compile(
    r"[0-9A-Za-zÀ-ÖØ-öø-ɏ\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
)


def speakable(text: str) -> bool:
    """Return whether `text` holds at least one Chinese character, Latin letter or digit."""
    return _SPEAKABLE.search(text) is not None


def prepare(text: object, *, max_chars: int, field: str = "text") -> str:
    """Return the text cleaned and ready to be spoken. Raises BadRequest that names `field` and the fix."""
    if not isinstance(text, str):
        raise BadRequest(
            field,
            "the text must be a string",
            "文本必须是字符串",
            "Send a JSON string.",
            fix_zh="请传入字符串。",
        )
    if "\0" in text:
        raise BadRequest(
            field, "the text holds a NUL character", "文本含有 NUL（空）字符",
            "Remove it; is this a text file?", fix_zh="请删除该字符，并确认内容是纯文本。",
        )  # fmt: skip
    if len(text) > max_chars:
        raise BadRequest(
            field, f"the text has {len(text)} characters, the limit is {max_chars}",
            f"文本有 {len(text)} 个字符，上限为 {max_chars}", "Split it into several requests.",
            fix_zh="请拆分成多次请求。",
        )  # fmt: skip
    clean = normalise(text)
    if not speakable(clean):
        raise BadRequest(
            field, "the text holds nothing that can be spoken", "文本中没有可以朗读的内容",
            "Write a Chinese character, Latin letter or digit; emoji and punctuation are silent.",
            fix_zh="请至少写一个汉字、拉丁字母或数字；只有表情或标点无法朗读。",
        )  # fmt: skip
    return clean
