"""The last fallback: the espeak-ng program. A robot's voice, 20 ms a text, no model to load."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import soundfile

from tts_app.audio.resample import resample
from tts_app.engines.base import (
    CancelCheck,
    EngineStatus,
    MemoryReport,
    PieceCallback,
    Speech,
    SpeechRequest,
    Voice,
)
from tts_app.engines.offered import check_rate, check_speed, check_voice
from tts_app.errors import Cancelled, EngineError, EngineStuck, LoadFailed
from tts_app.settings import Settings
from tts_app.text.check import prepare
from tts_app.text.split import split

SAMPLE_RATES = (24000, 32000)
_WORDS_PER_MINUTE = 160
_PIECE_TIMEOUT_S = 30.0
# Debian's espeak-ng 1.51 reads Chinese with "-v cmn" as pinyin letters in English; cmn-latn-pinyin is right.
VOICES = (
    Voice("cmn-latn-pinyin", "zh", "espeak-ng Mandarin", "espeak-ng 普通话"),
    Voice("en-us", "en", "espeak-ng American English", "espeak-ng 美式英语"),
)
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


class EspeakEngine:
    """See base.Engine."""

    name = "espeak"

    def __init__(
        self,
        program: str | None,
        *,
        max_chars: int = 5000,
        default_voice: str | None = None,
        run: Run = subprocess.run,
    ) -> None:
        self._program, self._max_chars, self._default_voice, self._run = (
            program,
            max_chars,
            default_voice,
            run,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> EspeakEngine:
        """Return the engine; load() says whether the program is there."""
        return cls(shutil.which("espeak-ng"), max_chars=settings.max_chars, default_voice=settings.voice)

    def load(self) -> None:
        """Look whether espeak-ng is installed. Raises LoadFailed."""
        if self._program is None:
            raise LoadFailed(
                "espeak-ng is not installed (apt install espeak-ng)",
                "未安装 espeak-ng（apt install espeak-ng）",
            )

    def unload(self) -> None:
        """Nothing is held."""

    def clear_memory(self) -> MemoryReport:
        """Nothing is held."""
        return MemoryReport(0.0, 0.0, kind="rss", still_loaded=True)

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Speak sentence by sentence."""
        text = prepare(request.text, max_chars=self._max_chars)
        voice = self._voice(request.voice or self._default_voice, text)
        check_rate(request.sample_rate, SAMPLE_RATES)
        check_speed(request)
        self.load()
        pieces = split(text)
        samples: list[np.ndarray] = []
        for index, piece in enumerate(pieces):
            if cancelled is not None and cancelled():
                raise Cancelled
            samples.append(self._speak(piece, voice, request.speed, request.sample_rate))
            if on_piece is not None:
                on_piece(index + 1, len(pieces))
        return Speech(np.concatenate(samples), request.sample_rate, resampled=True, pieces=len(pieces))

    def _voice(self, wanted: str | None, text: str) -> str:
        if wanted is None:
            return VOICES[0 if any("\u3400" <= char <= "\u9fff" for char in text) else 1].id
        return check_voice(wanted, VOICES)

    def _speak(self, piece: str, voice: str, speed: float, rate: int) -> np.ndarray:
        pace = str(round(_WORDS_PER_MINUTE * speed))
        argv = [str(self._program), "-b", "1", "--stdin", "--stdout", "-v", voice, "-s", pace]
        try:
            done = self._run(
                argv, input=piece.encode(), capture_output=True, timeout=_PIECE_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            raise EngineStuck(f"espeak-ng gave no result within {_PIECE_TIMEOUT_S:g} s") from None
        except OSError as error:
            raise LoadFailed(f"espeak-ng can't be started: {error}") from None
        if done.returncode != 0:
            raise EngineError(f"espeak-ng ended with status {done.returncode}")
        try:
            # The header of a piped wav lies about its length; libsndfile reads to the end all the same.
            samples, native = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
        except soundfile.LibsndfileError as error:
            raise EngineError("espeak-ng returned no sound") from error
        return resample(samples, native, rate)

    def status(self) -> EngineStatus:
        """Return how the engine is."""
        return EngineStatus(
            name=self.name, loaded=self._program is not None, clones_voices=False, sample_rates=SAMPLE_RATES,
            memory_mb=0.0, memory_kind="rss", detail="preset robot voice, not a clone",
        )  # fmt: skip

    def voices(self) -> tuple[Voice, ...]:
        """Return the two voices."""
        return VOICES
