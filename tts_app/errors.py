"""Everything this service raises on purpose.

TtsError
├── ConfigError     settings are wrong; the service must not start
├── BadRequest      the caller sent something that can never work; names the field and the fix
├── Busy            the queue is full or the caller too fast; try again after `retry_after_s`
├── Draining        no new work is taken; ask another instance
├── Cancelled       the caller gave up or the service stopped before the end
└── EngineError     the engine failed
    ├── OutOfMemory   memory ran out; clearing memory or a smaller text can help
    ├── ContextDead   the GPU context is unusable; only a new worker process helps
    ├── EngineStuck   no result within the time limit
    └── LoadFailed    the model could not be loaded

Every error carries its message in English and in Chinese, for people.
"""

from collections.abc import Sequence


class TtsError(Exception):
    """Root of the tree. `message_en` and `message_zh` say the same thing."""

    zh = "出错了"

    def __init__(self, message_en: str, message_zh: str | None = None) -> None:
        super().__init__(message_en)
        self.message_en = message_en
        self.message_zh = message_zh or f"{self.zh}：{message_en}"

    def both(self) -> str:
        """Return the message in both languages on one line."""
        return f"{self.message_en} / {self.message_zh}"


class ConfigError(TtsError):
    """Settings are wrong. `problems` lists all of them, one sentence each."""

    zh = "配置有误"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(self.problems))


class BadRequest(TtsError):
    """The caller can fix this: `field` is what is wrong, `fix` what to do about it."""

    zh = "请求有误"

    def __init__(
        self, field: str, message_en: str, message_zh: str, fix: str = "", *, fix_zh: str = ""
    ) -> None:
        super().__init__(message_en, message_zh)
        self.field = field
        self.fix = fix
        self.fix_zh = fix_zh or fix

    def both(self) -> str:
        """Return field, message and fix in both languages on one line."""
        english = " ".join(part for part in (self.message_en, self.fix) if part)
        chinese = " ".join(part for part in (self.message_zh, self.fix_zh) if part)
        return f"{self.field}: {english} / {chinese}"


class Busy(TtsError):
    """Too much work right now. `retry_after_s` is an honest estimate, whole seconds, at least 1."""

    zh = "当前任务较多"

    def __init__(
        self, retry_after_s: int, message_en: str = "the queue is full", message_zh: str = ""
    ) -> None:
        super().__init__(message_en, message_zh or "排队已满，请稍后再试")
        self.retry_after_s = max(1, retry_after_s)


class Draining(TtsError):
    """The service finishes what it has and takes nothing new."""

    def __init__(
        self,
        message_en: str = "the service is draining and takes no new work",
        message_zh: str = "服务正在下线，暂不接收新任务",
    ) -> None:
        super().__init__(message_en, message_zh)


class Cancelled(TtsError):
    """The work was given up before it ended."""

    def __init__(self, message_en: str = "cancelled", message_zh: str = "已取消") -> None:
        super().__init__(message_en, message_zh)


class EngineError(TtsError):
    """The engine failed on this task; the next one may work."""

    zh = "语音引擎出错"


class OutOfMemory(EngineError):
    """Memory ran out. The engine's own words ("CUDA out of memory. ...") are kept in the message."""

    zh = "显存或内存不足"


class ContextDead(EngineError):
    """The device context is unusable; every later call in that process fails."""

    zh = "GPU 上下文已失效"


class EngineStuck(EngineError):
    """No result within the time limit."""

    zh = "语音引擎超时无响应"


class LoadFailed(EngineError):
    """The model could not be loaded; the message says why."""

    zh = "模型加载失败"
