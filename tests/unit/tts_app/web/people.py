"""Two people before the page, as Gradio shows them to handlers."""

from types import SimpleNamespace

ZH = SimpleNamespace(
    headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"},
    client=SimpleNamespace(host="10.0.0.5"),
    session_hash="chinese",
)
EN = SimpleNamespace(
    headers={"accept-language": "en-GB"}, client=SimpleNamespace(host="10.0.0.6"), session_hash="english"
)
