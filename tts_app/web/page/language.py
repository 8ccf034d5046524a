"""Which language somebody reads: what they chose on the page, else what their browser asks for."""

import re
from collections.abc import Mapping

COOKIE = "voicekeeper-language"
_CHOSEN = re.compile(rf"(?:^|;\s*){COOKIE}=(zh|en)(?:;|$)")

# Gradio takes its own words, and the page's labels, in the language of the browser and nothing else; it knows
# "zh-CN", not "zh". So the browser says what was chosen, before Gradio's script asks it.
HEAD = f"""<script>(() => {{
  const chosen = document.cookie.match(/(?:^|; )({COOKIE})=(zh|en)(?:;|$)/);
  const chinese = chosen ? chosen[2] === "zh" : navigator.language.toLowerCase().startsWith("zh");
  const language = chinese ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", {{value: language, configurable: true}});
  document.documentElement.lang = language;
}})();</script>"""

SWITCH = f"""() => {{
  const other = document.documentElement.lang.startsWith("zh") ? "en" : "zh";
  document.cookie = `{COOKIE}=${{other}}; path=/; max-age=31536000; SameSite=Lax`;
  location.reload();
}}"""


def is_chinese(headers: Mapping[str, str] | None) -> bool:
    """Return whether this person reads Chinese first."""
    headers = headers or {}
    chosen = _CHOSEN.search(headers.get("cookie", ""))
    wanted = chosen[1] if chosen else headers.get("accept-language", "")
    return wanted.strip().lower().startswith("zh")
