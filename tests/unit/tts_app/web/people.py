"""Two people before the page, as Gradio shows them to handlers, and a click on the button to speak."""

from types import SimpleNamespace

ZH = SimpleNamespace(
    headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"},
    client=SimpleNamespace(host="10.0.0.5"),
    session_hash="chinese",
)
EN = SimpleNamespace(
    headers={"accept-language": "en-GB"}, client=SimpleNamespace(host="10.0.0.6"), session_hash="english"
)


def speak(
    page,
    text="你好，世界",
    *,
    voice="",
    rate=24000,
    seed=42,
    speed=1.0,
    audio=None,
    transcript="",
    request=ZH,
):
    """Click; return everything that was shown."""
    return list(page.speak(text, voice, rate, seed, speed, audio, transcript, request))
