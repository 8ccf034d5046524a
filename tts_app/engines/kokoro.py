"""The default engine: Kokoro-82M on the CPU, from packages, offline. Preset voices; it can't clone one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tts_app.audio.pitch import median_f0_hz
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
from tts_app.engines.kokoro_model import MAX_TOKENS, NATIVE_RATE, KokoroModel
from tts_app.engines.memory import give_back, rss_mb, trim
from tts_app.engines.offered import check_rate, check_speed, check_voice
from tts_app.errors import BadRequest, Cancelled, EngineStuck
from tts_app.settings import Settings
from tts_app.text.check import prepare
from tts_app.text.phonemes import Phonemizer, is_chinese
from tts_app.text.split import split, units
from tts_app.voices import PRESETS, styles

SAMPLE_RATES = (NATIVE_RATE, 32000)
PIECE_UNITS = 40.0  # peak memory grows with the piece: about 250 MB at this size
_MALE_BELOW_HZ = 165.0  # between the usual ranges of male and female speakers
_BY_LANGUAGE_AND_SEX = {
    (True, True): "zm_yunxi",
    (True, False): "zf_xiaoxiao",
    (False, True): "am_michael",
    (False, False): "af_heart",
}


class KokoroEngine:
    """See base.Engine. The model runs in this process; loading takes about 3 s."""

    name = "kokoro"

    def __init__(
        self,
        make_model: Callable[[], KokoroModel],
        make_phonemizer: Callable[[], Phonemizer],
        *,
        max_chars: int = 5000,
        default_voice: str | None = None,
        task_timeout_s: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_model, self._make_phonemizer = make_model, make_phonemizer
        self._max_chars, self._default_voice = max_chars, default_voice
        self._task_timeout_s, self._clock = task_timeout_s, clock
        self._model: KokoroModel | None = None
        self._phonemizer: Phonemizer | None = None
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> KokoroEngine:
        """Return the engine, not loaded yet."""
        cache: Path = settings.data_dir / "cache" / "jieba"
        return cls(
            lambda: KokoroModel(settings.engine_threads),
            lambda: Phonemizer(cache),
            max_chars=settings.max_chars,
            default_voice=settings.voice,
            task_timeout_s=settings.task_timeout_s,
        )

    def load(self) -> None:
        """Load model and dictionaries; harmless when they are loaded. Raises LoadFailed, OutOfMemory."""
        with self._lock:
            self._loaded()

    def _loaded(self) -> tuple[KokoroModel, Phonemizer]:
        if self._model is None:
            self._model = self._make_model()
        if self._phonemizer is None:
            self._phonemizer = self._make_phonemizer()
        give_back()  # the joined model file was read into memory once
        return self._model, self._phonemizer

    def unload(self) -> None:
        """Drop model and dictionaries."""
        with self._lock:
            self._model = self._phonemizer = None
            give_back()

    def clear_memory(self) -> MemoryReport:
        """Drop model and dictionaries and return the memory; the next text loads them again (3 s)."""
        before = rss_mb() or 0.0
        self.unload()
        return MemoryReport(before, rss_mb() or 0.0, kind="rss", still_loaded=False)

    def synthesize(
        self,
        request: SpeechRequest,
        *,
        on_piece: PieceCallback | None = None,
        cancelled: CancelCheck | None = None,
    ) -> Speech:
        """Speak. A reference only chooses between the female and the male preset: this engine can't clone."""
        text = prepare(request.text, max_chars=self._max_chars)
        voice = self._voice(request, text)
        check_rate(request.sample_rate, SAMPLE_RATES)
        check_speed(request)
        with self._lock:
            try:
                samples = self._speak(text, voice, request.speed, on_piece, cancelled)
            finally:
                trim()  # a piece needs some 250 MB for a moment
        return _at_rate(np.concatenate(samples), request.sample_rate, len(samples))

    def _speak(
        self,
        text: str,
        voice: str,
        speed: float,
        on_piece: PieceCallback | None,
        cancelled: CancelCheck | None,
    ) -> list[Samples]:
        model, phonemizer = self._ready()
        pieces = [
            tokens
            for part in split(text, PIECE_UNITS)
            for tokens in _tokens(part, PIECE_UNITS, model, phonemizer)
        ]
        if not pieces:
            raise _nothing_to_say()
        samples, started = [], self._clock()
        for index, tokens in enumerate(pieces):
            self._check_going_on(started, cancelled)
            samples.append(model.run(tokens, styles(voice), speed))
            if on_piece is not None:
                on_piece(index + 1, len(pieces))
        return samples

    def _ready(self) -> tuple[KokoroModel, Phonemizer]:
        if self._model is not None and self._phonemizer is not None:
            return self._model, self._phonemizer
        return self._loaded()

    def _check_going_on(self, started: float, cancelled: CancelCheck | None) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if self._clock() - started > self._task_timeout_s:
            raise EngineStuck(
                f"the text took longer than {self._task_timeout_s:g} s",
                f"合成超过 {self._task_timeout_s:g} 秒",
            )

    def _voice(self, request: SpeechRequest, text: str) -> str:
        wanted = request.voice or (None if request.reference else self._default_voice)
        if wanted is None:
            return _BY_LANGUAGE_AND_SEX[is_chinese(text), _is_male(request.reference)]
        return check_voice(wanted, PRESETS)

    def status(self) -> EngineStatus:
        """Return how the engine is; cheap."""
        return EngineStatus(
            name=self.name, loaded=self._model is not None, clones_voices=False, sample_rates=SAMPLE_RATES,
            memory_mb=rss_mb(), memory_kind="rss", detail="preset voice, not a clone",
        )  # fmt: skip

    def voices(self) -> tuple[Voice, ...]:
        """Return the preset voices."""
        return PRESETS


def _is_male(reference: Reference | None) -> bool:
    pitch = None if reference is None else median_f0_hz(reference.samples, reference.sample_rate)
    return pitch is not None and pitch < _MALE_BELOW_HZ


def _tokens(text: str, max_units: float, model: KokoroModel, phonemizer: Phonemizer) -> Iterator[list[int]]:
    """Yield the tokens of `text`, cut in smaller pieces where the model's limit demands it."""
    tokens = model.tokens(phonemizer(text))
    if len(tokens) <= MAX_TOKENS:
        if tokens:
            yield tokens
        return
    smaller = min(max_units, units(text)) / 2
    parts = split(text, smaller) if smaller >= 1 else []
    if not parts:
        yield tokens[:MAX_TOKENS]
    for part in parts:
        yield from _tokens(part, smaller, model, phonemizer)


def _nothing_to_say() -> BadRequest:
    return BadRequest(
        "text", "nothing in the text can be spoken by this voice", "该音色无法朗读这段文本",
        "Write Chinese or English.", fix_zh="请使用中文或英文。",
    )  # fmt: skip


def _at_rate(samples: Samples, rate: int, pieces: int) -> Speech:
    if rate == NATIVE_RATE:
        return Speech(samples, rate, resampled=False, pieces=pieces)
    return Speech(resample(samples, NATIVE_RATE, rate), rate, resampled=True, pieces=pieces)
