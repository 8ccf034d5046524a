"""Every word on the page, in English and Chinese."""

from collections.abc import Mapping

LABELS: dict[str, tuple[str, str]] = {
    "title": ("Voicekeeper · speech", "守声 · 语音合成"),
    "tab_speak": ("Speak", "合成"),
    "tab_batch": ("Batch", "批量"),
    "text": ("Text", "文本"),
    "text_hint": ("Write Chinese, English or both.", "可写中文、英文或中英混合。"),
    "split": ("Split the text", "拆分文本"),
    "voice": ("Voice", "音色"),
    "rate": ("Sample rate (Hz)", "采样率（Hz）"),
    "seed": ("Seed", "随机种子"),
    "speed": ("Speed", "语速"),
    "reference": ("Reference recording", "参考音频"),
    "reference_audio": ("Upload or record 3-10 s", "上传或录制 3-10 秒"),
    "transcript": ("What is said in the recording", "参考音频的文字内容"),
    "speak": ("Speak", "开始合成"),
    "stop": ("Stop", "停止"),
    "result": ("Speech", "合成结果"),
    "clear": ("Clear memory", "清理显存/内存"),
    "tasks": ("Tasks (JSONL, one a line)", "任务文件（JSONL，每行一条）"),
    "audio_zip": ("Reference recordings (zip, optional)", "参考音频（zip，可选）"),
    "owner": ("Your name (told about faults)", "负责人（出错时通知）"),
    "check": ("Check only", "仅检查"),
    "start": ("Start the batch", "开始批量合成"),
    "cancel": ("Cancel", "取消"),
    "report": ("Report", "检查与结果"),
    "archive": ("Result (zip)", "结果（zip）"),
}

MESSAGES: dict[str, tuple[str, str]] = {
    "preset": (
        "This engine speaks with a preset voice, not a clone: a recording only helps to choose one.",
        "当前引擎使用预置音色，不是克隆：参考音频仅用于挑选音色。",
    ),
    "long": (
        "{count} characters: over {limit} takes long and much memory. Better split the text.",
        "共 {count} 个字符：超过 {limit} 个字符会更慢、更占内存，建议拆分。",
    ),
    "too_long": ("{count} characters: the limit is {limit}.", "共 {count} 个字符，上限为 {limit}。"),
    "slow_rate": ("32 kHz takes longer; 24 kHz is usually enough.", "32 kHz 耗时更长，一般用 24 kHz 即可。"),
    "waiting": ("Waiting, {ahead} before you …", "排队中，前面还有 {ahead} 个任务…"),
    "working": ("Speaking, piece {done} of {total} …", "合成中，第 {done}/{total} 段…"),
    "working_parts": ("Part {part} of {parts}: {rest}", "第 {part}/{parts} 部分：{rest}"),
    "spoken": (
        "Done: {audio:.1f} s of speech at {rate} Hz{resampled}, made in {took:.1f} s.",
        "完成：{audio:.1f} 秒语音，{rate} Hz{resampled}，用时 {took:.1f} 秒。",
    ),
    "resampled": (" (resampled)", "（重采样）"),
    "stopped": ("Stopped.", "已停止。"),
    "cleared": (
        "Memory before {before:.0f} MB, after {after:.0f} MB: {freed:.0f} MB freed ({kind}).",
        "清理前 {before:.0f} MB，清理后 {after:.0f} MB，释放 {freed:.0f} MB（{kind}）。",
    ),
    "rate_limit": ("Too many clicks: wait {seconds} s.", "操作过于频繁：请等待 {seconds} 秒。"),
    "status": (
        "engine <b>{engine}</b> · {state} · queue {depth}/{limit} · memory {memory} · last error: {error}",
        "引擎 <b>{engine}</b> · {state} · 排队 {depth}/{limit} · 内存 {memory} · 最近错误：{error}",
    ),
    "ready": ("ready", "就绪"),
    "loading": ("loading the model", "模型加载中"),
    "full": ("queue full", "排队已满"),
    "draining": ("draining", "正在下线"),
    "context_dead": ("GPU context dead", "GPU 上下文失效"),
    "engine_stuck": ("engine stuck", "引擎卡住"),
    "load_failed": ("model not loaded", "模型加载失败"),
    "none": ("none", "无"),
    "engine_default": ("automatic", "自动"),
}


def translations() -> dict[str, dict[str, str]]:
    """Return the labels as Gradio's I18n takes them; the browser's locale chooses."""
    english = {key: en for key, (en, _) in LABELS.items()}
    chinese = {key: zh for key, (_, zh) in LABELS.items()}
    return {"en": english, "zh": chinese, "zh-CN": chinese, "zh-TW": chinese}


def is_chinese(headers: Mapping[str, str] | None) -> bool:
    """Return whether the browser asks for Chinese first."""
    wanted = (headers or {}).get("accept-language", "")
    return wanted.strip().lower().startswith("zh")


def say(key: str, chinese: bool, **values: object) -> str:
    """Return the message in one language, with its values filled in."""
    return MESSAGES[key][chinese].format(**values)
