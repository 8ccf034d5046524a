"""Who clicks, and whether too often."""

import gradio as gr

from tts_app.web.context import Context
from tts_app.web.page.words import say
from tts_app.web.refusals import TooFast


def admit(context: Context, request: gr.Request) -> str:
    """Return who asks. Raises TooFast for people who click too fast."""
    owner = f"address {request.client.host if request.client else '-'}"
    if wait_s := context.limiter.wait_s(owner):
        seconds = int(wait_s) + 1
        english, chinese = (say("rate_limit", zh, seconds=seconds) for zh in (False, True))
        raise TooFast(seconds, english, chinese)
    return owner
