"""A client for any server with OpenAI's /v1/audio/speech, for example vLLM-Omni with GLM-TTS."""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests
import soundfile

from tts_app.audio.resample import resample
from tts_app.engines.base import (
    CancelCheck,
    EngineStatus,
    MemoryReport,
    PieceCallback,
    Reference,
    Samples,
    Speech,
    SpeechRequest,
    Voice,
)
from tts_app.engines.offered import check_rate, check_speed
from tts_app.errors import (
    BadRequest,
    Busy,
    Cancelled,
    ConfigError,
    EngineError,
    EngineStuck,
    LoadFailed,
    OutOfMemory,
)
from tts_app.settings import OPENAI_VOICES, Settings
from tts_app.text.check import prepare

SAMPLE_RATES = (24000, 32000)
MAX_ANSWER_BYTES = 200 * 1024 * 1024
_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024
_RETRY_AFTER_S = 5
_LONGEST_RETRY_AFTER_S = 3600


class OpenAIEngine:
    """See base.Engine. Holds no model; memory and voices are the server's."""

    name = "openai"

    def __init__(
        self,
        url: str,
        *,
        model: str,
        key: str | None = None,
        clones: bool = False,
        voices: Sequence[str] = OPENAI_VOICES,
        default_voice: str | None = None,
        max_chars: int = 5000,
        timeout_s: float = 300.0,
        session: requests.Session | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base = url.rstrip("/").removesuffix("/v1")
        self._model, self._clones = model, clones
        self._voices = tuple(dict.fromkeys([*([default_voice] if default_voice else []), *voices]))
        self._max_chars, self._timeout_s, self._clock = max_chars, timeout_s, clock
        self._session = session or requests.Session()
        if key:
            self._session.headers["Authorization"] = f"Bearer {key}"
        self._reachable = False

    @classmethod
    def from_settings(cls, settings: Settings) -> OpenAIEngine:
        """Return the engine. Raises ConfigError without TTS_OPENAI_URL or when the key can't be read."""
        if settings.openai_url is None:
            raise ConfigError(["TTS_OPENAI_URL: needed by engine openai"])
        return cls(
            settings.openai_url,
            model=settings.openai_model,
            key=_read_key(settings.openai_key_file),
            clones=settings.openai_clones,
            voices=settings.openai_voices,
            default_voice=settings.voice,
            max_chars=settings.max_chars,
            timeout_s=settings.task_timeout_s,
        )

    def load(self) -> None:
        """Look whether the server answers. Raises LoadFailed."""
        try:
            answer = self._session.get(
                f"{self._base}/v1/models", timeout=_CONNECT_TIMEOUT_S, allow_redirects=False
            )
        except requests.RequestException as error:
            raise _unreachable(error) from None
        if answer.status_code in {401, 403}:
            raise _refused_key()
        self._reachable = True

    def unload(self) -> None:
        """Close the connections."""
        self._session.close()
        self._reachable = False

    def clear_memory(self) -> MemoryReport:
        """Nothing is held here; the server's memory is the server's."""
        return MemoryReport(0.0, 0.0, kind="rss", still_loaded=self._reachable)

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Let the server speak the whole text. Also raises Busy when the server says so."""
        text = prepare(request.text, max_chars=self._max_chars)
        check_rate(request.sample_rate, SAMPLE_RATES)
        check_speed(request, (0.25, 4.0))
        if cancelled is not None and cancelled():
            raise Cancelled
        samples, rate = _decoded(self._fetch(self._body(text, request), cancelled or (lambda: False)))
        if on_piece is not None:
            on_piece(1, 1)
        wanted = request.sample_rate
        return Speech(resample(samples, rate, wanted), wanted, resampled=rate != wanted, pieces=1)

    def _body(self, text: str, request: SpeechRequest) -> dict[str, object]:
        body: dict[str, object] = {
            "model": self._model, "input": text, "voice": request.voice or self._voices[0],
            "response_format": "wav", "speed": request.speed,
        }  # fmt: skip
        if request.reference is not None and self._clones:
            body |= {"ref_audio": _data_url(request.reference), "ref_text": request.reference.transcript}
        return body

    def _fetch(self, body: dict[str, object], cancelled: CancelCheck) -> bytes:
        deadline = self._clock() + self._timeout_s
        try:
            with self._session.post(
                f"{self._base}/v1/audio/speech", json=body, stream=True, allow_redirects=False,
                timeout=(_CONNECT_TIMEOUT_S, self._timeout_s),
            ) as answer:  # fmt: skip
                if answer.status_code != requests.codes.ok:
                    raise _refusal(answer)
                return self._read(answer, deadline, cancelled)
        except requests.Timeout:
            raise EngineStuck(f"the speech server gave no result within {self._timeout_s:g} s") from None
        except requests.RequestException as error:
            self._reachable = False
            raise _unreachable(error) from None

    def _read(self, answer: requests.Response, deadline: float, cancelled: CancelCheck) -> bytes:
        content = bytearray()
        for chunk in answer.iter_content(_CHUNK_BYTES):
            content += chunk
            if cancelled():
                raise Cancelled
            if len(content) > MAX_ANSWER_BYTES:
                raise EngineError(f"the speech server sent more than {MAX_ANSWER_BYTES} bytes")
            if self._clock() > deadline:
                raise EngineStuck(f"the speech server gave no result within {self._timeout_s:g} s")
        self._reachable = True
        return bytes(content)

    def status(self) -> EngineStatus:
        """Return what is known without asking the server."""
        return EngineStatus(
            name=self.name, loaded=self._reachable, clones_voices=self._clones, sample_rates=SAMPLE_RATES,
            memory_mb=None, memory_kind="rss", detail=f"model {self._model} on another server",
        )  # fmt: skip

    def voices(self) -> tuple[Voice, ...]:
        """Return the names that the settings say the server knows, the default first."""
        return tuple(Voice(name, "multi", f"{name} (server)", f"{name}（服务端）") for name in self._voices)


def _read_key(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"TTS_OPENAI_KEY_FILE: cannot read {path}: {type(error).__name__}"]) from None


def _data_url(reference: Reference) -> str:
    out = io.BytesIO()
    soundfile.write(out, reference.samples, reference.sample_rate, format="WAV", subtype="PCM_16")
    return "data:audio/wav;base64," + base64.b64encode(out.getvalue()).decode("ascii")


def _decoded(content: bytes) -> tuple[Samples, int]:
    try:
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise EngineError("the speech server's answer is no sound file") from error
    if not len(samples):
        raise EngineError("the speech server sent no samples")
    mono: Samples = samples.mean(axis=1)
    return mono, int(rate)


def _refusal(answer: requests.Response) -> EngineError | BadRequest | Busy:
    """Return what an answer other than 200 means. Its text may quote the user's, so it isn't passed on."""
    status = answer.status_code
    text = next(answer.iter_content(2000), b"").decode("utf-8", "replace")
    if status in {401, 403}:
        return _refused_key()
    if status in {429, 503}:
        return Busy(_retry_after_s(answer), "the speech server is busy", "语音服务端繁忙")
    if "out of memory" in text:
        return OutOfMemory(f"CUDA out of memory on the speech server (HTTP {status})")
    if status in {400, 413, 422}:
        return BadRequest(
            "input", f"the speech server refused the request (HTTP {status})",
            f"语音服务端拒绝了请求（HTTP {status}）",
            "Check voice, text and reference.", fix_zh="请检查音色、文本和参考音频。",
        )  # fmt: skip
    return EngineError(f"the speech server answered HTTP {status}", f"语音服务端返回 HTTP {status}")


def _retry_after_s(answer: requests.Response) -> int:
    """Return the whole seconds the server asks to wait; a few where it names none, or a date."""
    after = answer.headers.get("Retry-After", "").strip()
    return min(int(after), _LONGEST_RETRY_AFTER_S) if re.fullmatch(r"[0-9]{1,9}", after) else _RETRY_AFTER_S


def _unreachable(error: requests.RequestException) -> LoadFailed:
    kind = type(error).__name__
    return LoadFailed(f"the speech server can't be reached: {kind}", f"无法连接语音服务端：{kind}")


def _refused_key() -> LoadFailed:
    return LoadFailed(
        "the speech server refuses the key in TTS_OPENAI_KEY_FILE",
        "语音服务端拒绝了 TTS_OPENAI_KEY_FILE 中的密钥",
    )
