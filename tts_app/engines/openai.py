"""A client for any server with OpenAI's /v1/audio/speech, for example vLLM-Omni with GLM-TTS."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

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
from tts_app.engines.speech_server import SpeechServer
from tts_app.errors import Cancelled, ConfigError, EngineError, LoadFailed
from tts_app.settings import OPENAI_VOICES, Settings
from tts_app.text.check import prepare

SAMPLE_RATES = (24000, 32000)


class OpenAIEngine:
    """See base.Engine. Holds no model; memory and voices are the server's."""

    name = "openai"

    def __init__(
        self,
        server: SpeechServer,
        *,
        model: str,
        clones: bool = False,
        voices: Sequence[str] = OPENAI_VOICES,
        default_voice: str | None = None,
        max_chars: int = 5000,
    ) -> None:
        self._server, self._model, self._clones, self._max_chars = server, model, clones, max_chars
        self._voices = tuple(dict.fromkeys([*([default_voice] if default_voice else []), *voices]))
        self._reachable = False

    @classmethod
    def from_settings(cls, settings: Settings) -> OpenAIEngine:
        """Return the engine. Raises ConfigError without TTS_OPENAI_URL or when the key can't be read."""
        if settings.openai_url is None:
            raise ConfigError(["TTS_OPENAI_URL: needed by engine openai"])
        server = SpeechServer(
            settings.openai_url,
            key=_read_key(settings.openai_key_file),
            timeout_s=settings.task_timeout_s,
        )
        return cls(
            server,
            model=settings.openai_model,
            clones=settings.openai_clones,
            voices=settings.openai_voices,
            default_voice=settings.voice,
            max_chars=settings.max_chars,
        )

    def load(self) -> None:
        """Look whether the server answers. Raises LoadFailed."""
        self._server.look()
        self._reachable = True

    def unload(self) -> None:
        """Nothing is held open."""
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
        try:
            content = self._server.speak(body, cancelled)
        except LoadFailed:
            self._reachable = False
            raise
        self._reachable = True
        return content

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
