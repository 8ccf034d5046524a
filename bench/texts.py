"""What is spoken. Chinese, English and mixed, of the lengths that come in practice."""

TEXTS = (
    "你好，世界。今天天气很好，我们去公园散步吧。",
    "The quick brown fox jumps over the lazy dog.",
    "语音服务已经恢复，请稍后再试。",
    "请在 10:30 之前把 GPU 服务器重启一次。",
)
