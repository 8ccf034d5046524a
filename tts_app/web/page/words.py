"""Every word on the page, in English and Chinese."""

LABELS: dict[str, tuple[str, str]] = {
    "language": ("中文", "English（英文）"),
    "title": ("## Voicekeeper · speech", "## 守声 · 语音合成"),
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
    "skip_bad": ("Skip bad lines", "跳过有误的行"),
    "check": ("Check only", "仅检查"),
    "start": ("Start the batch", "开始批量合成"),
    "cancel": ("Cancel", "取消"),
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
    "no_transcript": (
        "Write what is said in the recording: without it the voice gets blurred.",
        "请填写参考音频的文字内容，缺少时音色会模糊。",
    ),
    "recording_gone": (
        "The recording is no longer here: uploads are deleted after an hour. Upload it again.",
        "参考音频已被清除（上传文件保留一小时），请重新上传。",
    ),
    "slow_rate": ("32 kHz takes longer; 24 kHz is usually enough.", "32 kHz 耗时更长，一般用 24 kHz 即可。"),
    "waiting": ("Waiting, {ahead} before you …", "排队中，前面还有 {ahead} 个任务…"),
    "working": ("Speaking, piece {done} of {total} …", "合成中，第 {done}/{total} 段…"),
    "working_parts": ("Part {part} of {parts}: {rest}", "第 {part}/{parts} 部分：{rest}"),
    "spoken": (
        "Done: {audio:.1f} s of speech at {rate} Hz{resampled}, made in {took:.1f} s.",
        "完成：{audio:.1f} 秒语音，{rate} Hz{resampled}，用时 {took:.1f} 秒。",
    ),
    "spoken_by": (
        " Spoken by {name}, a plainer voice, because the model can't be loaded.",
        "模型无法加载，暂由 {name} 以机械音合成。",
    ),
    "resampled": (" (resampled)", "（重采样）"),
    "stopped": ("Stopped.", "已停止。"),
    "cleared": (
        "Memory before {before:.0f} MB, after {after:.0f} MB: {freed:.0f} MB freed ({kind}).",
        "清理前 {before:.0f} MB，清理后 {after:.0f} MB，释放 {freed:.0f} MB（{kind}）。",
    ),
    "busy_clear": (
        "The engine is busy; memory is cleared as soon as the task in hand has ended.",
        "引擎正忙，当前任务结束后会立即清理。",
    ),
    "rate_limit": ("Too many clicks: wait {seconds} s.", "操作过于频繁：请等待 {seconds} 秒。"),
    "status": (
        "engine <b>{engine}</b> · {state} · queue {depth}/{limit} · memory {memory} MB ({kind}) · last error: {error}",
        "引擎 <b>{engine}</b> · {state} · 排队 {depth}/{limit} · 内存 {memory} MB（{kind}） · 最近错误：{error}",
    ),
    "ready": ("ready", "就绪"),
    "loading": ("loading the model", "模型加载中"),
    "full": ("queue full", "排队已满"),
    "draining": ("draining", "正在下线"),
    "context_dead": ("GPU context dead", "GPU 上下文失效"),
    "engine_stuck": ("engine stuck", "引擎卡住"),
    "load_failed": ("model not loaded", "模型加载失败"),
    "none": ("none", "无"),
    "verdict_go": (
        "May start: {tasks} tasks, {chars} characters, about {audio} of speech in {time}, {disk} MB.",
        "可以开始：{tasks} 个任务，{chars} 个字符，约 {audio} 语音，预计用时 {time}，占用 {disk} MB。",
    ),
    "verdict_split": (
        "Too large for one batch, split it: {tasks} tasks, {chars} characters, about {time}, {disk} MB.",
        "超出单批上限，请拆分：{tasks} 个任务，{chars} 个字符，预计用时 {time}，占用 {disk} MB。",
    ),
    "verdict_refused": (
        "Can't run as it is: mend the lines below ({tasks} tasks are good).",
        "无法运行：请修正下列各行（{tasks} 个任务没有问题）。",
    ),
    "batch_line": (
        "{state}: {ended} of {total}, {failed} failed{eta}",
        "{state}：{ended}/{total}，失败 {failed}{eta}",
    ),
    "batch_goes_on": (
        "Your batch goes on: wait for its end, or cancel it, before you start another.",
        "您的批次仍在进行：请等待结束，或先取消，再开始新的批次。",
    ),
    "eta": (", about {left} left", "，预计还需 {left}"),
    "batch_waiting": ("Waiting", "排队中"),
    "batch_running": ("Running", "运行中"),
    "batch_paused": ("Paused, goes on by itself", "已暂停，将自动继续"),
    "why": (" ({why})", "（{why}）"),
    "why_draining": ("the service is draining", "服务正在下线"),
    "why_engine": ("the engine can't be loaded", "引擎无法加载"),
    "why_engine_stuck": ("the engine does not answer", "引擎没有响应"),
    "why_busy": ("the speech server is busy", "语音服务端繁忙"),
    "why_disk_full": ("the disk is full", "磁盘已满"),
    "why_disk": ("results can't be written", "无法写入结果"),
    "why_archive": ("the zip can't be written", "无法写入压缩包"),
    "why_stopped": ("the service stopped", "服务已停止"),
    "batch_ended": ("Ended", "已结束"),
    "batch_cancelled": ("Cancelled", "已取消"),
    "item_ok": ("ok", "成功"),
    "item_failed": ("failed", "失败"),
    "item_skipped": ("skipped", "已跳过"),
    "item_waiting": ("waiting", "等待中"),
    "item_running": ("speaking", "合成中"),
    "head_line": ("line", "行"),
    "head_field": ("field", "字段"),
    "head_problem": ("problem", "问题"),
    "head_name": ("name", "名称"),
    "head_status": ("status", "状态"),
    "head_detail": ("detail", "详情"),
    "more": ("… and {count} more", "……另有 {count} 条"),
    "download": ("Download the result (zip)", "下载结果（zip）"),
}


def translations() -> dict[str, dict[str, str]]:
    """Return the labels as Gradio's I18n takes them; the browser's locale chooses."""
    english = {key: en for key, (en, _) in LABELS.items()}
    chinese = {key: zh for key, (_, zh) in LABELS.items()}
    return {"en": english, "zh": chinese, "zh-CN": chinese, "zh-TW": chinese}


def say(key: str, chinese: bool, **values: object) -> str:
    """Return the message in one language, with its values filled in."""
    return MESSAGES[key][chinese].format(**values)
