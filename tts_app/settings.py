"""Settings of one instance: TTS_<NAME> in the environment, over the YAML file that TTS_CONFIG names."""

import difflib
import ipaddress
import os
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import yaml

from tts_app.errors import ConfigError

PREFIX = "TTS_"
ENGINES = ("kokoro", "glm", "openai", "espeak")
OPENAI_VOICES = (
    *("alloy", "ash", "ballad", "coral", "echo", "fable"),
    *("nova", "onyx", "sage", "shimmer", "verse"),
)
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


def _at_least(low: float, high: float = float("inf")) -> dict[str, Any]:
    return {"low": low, "high": high}


@dataclass(frozen=True)
class Settings:
    """Everything an operator may set. Units are in the names."""

    host: str = "127.0.0.1"  # address to listen on
    port: int = field(default=7860, metadata=_at_least(1, 65535))  # port to listen on
    engine: str = field(default="kokoro", metadata={"choices": ENGINES})  # kokoro, glm, openai, espeak
    engine_wanted: str = ""  # what this host was meant to run, where it cannot: /readyz tells it
    voice: str | None = None  # preset voice when a request names none
    data_dir: Path = Path("var/tts/data")  # outputs lie under <data_dir>/outputs
    log_dir: Path = Path("var/tts/log")  # access.log and error.log
    admin_token_file: Path | None = None  # without it the admin endpoints answer 403
    api_keys_file: Path | None = None  # one "name key" per line; without it /v1 needs no key
    queue_limit: int = field(default=8, metadata=_at_least(1, 1000))  # requests that may wait
    rate_per_minute: int = field(default=120, metadata=_at_least(1))  # requests one client may send
    max_chars: int = field(default=5000, metadata=_at_least(1, 100_000))  # longest text of one request
    max_upload_mb: int = field(default=20, metadata=_at_least(1, 1024))  # largest body of one request
    load_timeout_s: float = field(default=300.0, metadata=_at_least(1))  # longest load of a model
    task_timeout_s: float = field(default=300.0, metadata=_at_least(1))  # longest work on one text
    drain_timeout_s: float | None = field(  # longest wait at SIGTERM; empty: as long as one text may take
        default=None, metadata=_at_least(0)
    )
    engine_threads: int = field(default=0, metadata=_at_least(0, 256))  # CPU threads; 0: as many as cores
    strict_reference: bool = False  # refuse reference audio outside 3-10 s instead of warning
    substitute: bool = True  # kokoro can't be loaded: espeak-ng speaks for who left the voice open, labelled
    log_text: bool = False  # user text in error.log; off unless someone debugs
    page: bool = True  # serve the Gradio page at /
    recycle_tasks: int = field(default=200, metadata=_at_least(0))  # glm: then a new worker; 0: never
    recycle_rss_mb: int = field(default=24_000, metadata=_at_least(0))  # glm: or at this size; 0: never
    glm_python: Path | None = None  # interpreter of GLM-TTS's own environment
    glm_root: Path | None = None  # checkout of GLM-TTS with ckpt/
    glm_phonemes: bool = False  # glm: load and use upstream's phoneme mode
    openai_url: str | None = None  # engine openai: base address of the server that speaks
    openai_key_file: Path | None = None  # engine openai: file with that server's key
    openai_model: str = "tts-1"  # engine openai: model to ask for
    openai_voices: tuple[str, ...] = OPENAI_VOICES  # that server's, by commas; the first is the default
    openai_clones: bool = False  # that server takes ref_audio and ref_text, as vLLM-Omni does
    batch_audio_dirs: tuple[Path, ...] = ()  # where batch tasks may read reference audio, besides uploads
    batch_max_tasks: int = field(default=2000, metadata=_at_least(1))  # tasks of one batch
    batch_max_chars: int = field(default=500_000, metadata=_at_least(1))  # all texts of one batch together

    @property
    def outputs_dir(self) -> Path:
        """Where everything produced lies; `batch/` below it holds the zip archives."""
        return self.data_dir / "outputs"

    @property
    def drain_s(self) -> float:
        """How long a stop waits for the text in hand, in seconds."""
        return self.task_timeout_s if self.drain_timeout_s is None else self.drain_timeout_s

    def absolute(self) -> "Settings":
        """Return the same settings with absolute paths, so that the working directory may change."""
        paths: dict[str, Any] = {
            f.name: value.absolute() for f in fields(self) if isinstance(value := getattr(self, f.name), Path)
        }
        return replace(self, **paths, batch_audio_dirs=tuple(p.absolute() for p in self.batch_audio_dirs))

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "Settings":
        """Read the settings. Raises ConfigError with every problem at once."""
        env = os.environ if env is None else env
        problems: list[str] = []
        raw = _read_yaml(env.get(f"{PREFIX}CONFIG"), problems) | _from_variables(env)
        known = {f.name: f for f in fields(cls)}
        problems += [_unknown(name, known) for name in sorted(raw.keys() - known.keys())]
        hints = typing.get_type_hints(cls)
        values = {}
        for name in known.keys() & raw.keys():
            try:
                values[name] = _convert(raw[name], hints[name], known[name])
            except ValueError as error:
                problems.append(f"{PREFIX}{name.upper()}: {error}")
        if not problems:
            settings = cls(**values)
            problems = contradictions(settings)
        if problems:
            raise ConfigError(sorted(problems))
        return settings


def contradictions(settings: Settings) -> list[str]:
    """Return what is wrong between settings, without looking at the machine."""
    needs = {"glm": ("glm_python", "glm_root"), "openai": ("openai_url",)}.get(settings.engine, ())
    problems = [
        f"{PREFIX}{name.upper()}: needed by engine {settings.engine}"
        for name in needs
        if getattr(settings, name) is None
    ]
    url = settings.openai_url
    if url is not None and not url.startswith(("http://", "https://")):
        problems.append(f"{PREFIX}OPENAI_URL: must start with http:// or https://")
    if not _is_address(settings.host):
        problems.append(f"{PREFIX}HOST: {settings.host!r} is not an IP address or localhost")
    return problems


def doubts(settings: Settings) -> list[str]:
    """Return what is allowed and may still not be meant."""
    if settings.drain_s >= settings.task_timeout_s:
        return []
    return [
        f"{PREFIX}DRAIN_TIMEOUT_S: {settings.drain_s:g} s is less than {PREFIX}TASK_TIMEOUT_S "
        f"({settings.task_timeout_s:g} s): a stop can cut off a long text; a batch takes it up again, other "
        "callers are told to ask again / 停止服务可能中断较长的文本：批量任务会续做，其他请求需要重试"
    ]


def missing_files(settings: Settings) -> list[str]:
    """Return the files and folders that settings name and this process cannot read."""
    problems = []
    for f in fields(settings):
        value = getattr(settings, f.name)
        if f.name in {"data_dir", "log_dir"} or value is None:
            continue
        paths = (value,) if isinstance(value, Path) else value if f.name == "batch_audio_dirs" else ()
        problems += [f"{PREFIX}{f.name.upper()}: cannot read {p}" for p in paths if not os.access(p, os.R_OK)]
    return problems


def _is_address(host: str) -> bool:
    try:
        return host == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _read_yaml(path: str | None, problems: list[str]) -> dict[str, Any]:
    if not path:
        return {}
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        problems.append(f"{PREFIX}CONFIG: cannot read {path}: {' '.join(str(error).split())}")
        return {}
    if not isinstance(content, dict):
        problems.append(f"{PREFIX}CONFIG: {path} must hold a mapping of setting names to values")
        return {}
    return {str(name).lower(): value for name, value in content.items()}


def _from_variables(env: Mapping[str, str]) -> dict[str, Any]:
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in env.items()
        if name.startswith(PREFIX) and name != f"{PREFIX}CONFIG"
    }


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {PREFIX}{near[0].upper()}?" if near else ""
    return f"{PREFIX}{name.upper()}: no such setting{hint}"


def _convert(raw: Any, kind: Any, f: "Field[Any]") -> Any:
    """Return `raw` as `kind`. Raises ValueError with a sentence."""
    if typing.get_origin(kind) in {types.UnionType, typing.Union}:
        if raw is None or raw == "":
            return None
        kind = next(k for k in typing.get_args(kind) if k is not type(None))
    if raw is None or (raw == "" and f.default is not MISSING and kind is not str):
        return f.default
    if typing.get_origin(kind) is tuple:
        return _several(raw, typing.get_args(kind)[0])
    value = _scalar(raw, kind)
    _check_limits(value, f)
    return value


def _several(raw: Any, kind: type) -> tuple[Any, ...]:
    """Return a YAML list's or a variable's parts; paths are parted as in PATH, words by commas."""
    parts = raw if isinstance(raw, list) else str(raw).split(os.pathsep if kind is Path else ",")
    values = tuple(_scalar(part, kind) for part in parts if str(part).strip())
    if not values:
        raise ValueError("holds no value")
    return values


def _scalar(raw: Any, kind: type) -> Any:
    if kind is bool:
        word = str(raw).strip().lower()
        if word not in TRUE | FALSE:
            raise ValueError(f"{raw!r} is not yes or no")
        return word in TRUE
    if isinstance(raw, bool | list | dict):
        raise ValueError(f"{raw!r} is not a {kind.__name__}")
    text = str(raw).strip()
    if "\0" in text or (kind is not str and not text):
        raise ValueError("is empty or holds a NUL character")
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number" if kind in {int, float} else f"{text!r}") from None


def _check_limits(value: Any, f: "Field[Any]") -> None:
    choices = f.metadata.get("choices")
    if choices and value not in choices:
        raise ValueError(f"{value!r} is none of {', '.join(choices)}")
    low, high = f.metadata.get("low"), f.metadata.get("high")
    if low is not None and high is not None and not low <= value <= high:
        raise ValueError(f"{value} is not between {low:g} and {high:g}")
