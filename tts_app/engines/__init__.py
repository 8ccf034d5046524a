"""Speech engines behind one interface (see base.py). Add one: write a module, add a line to ENGINES."""

from __future__ import annotations

from collections.abc import Callable

from tts_app.engines.base import Engine
from tts_app.settings import Settings


def _kokoro(settings: Settings) -> Engine:
    from tts_app.engines.kokoro import KokoroEngine

    return KokoroEngine.from_settings(settings)


def _glm(settings: Settings) -> Engine:
    from tts_app.engines.glm import GlmEngine

    return GlmEngine.from_settings(settings)


def _openai(settings: Settings) -> Engine:
    from tts_app.engines.openai import OpenAIEngine

    return OpenAIEngine.from_settings(settings)


def _espeak(settings: Settings) -> Engine:
    from tts_app.engines.espeak import EspeakEngine

    return EspeakEngine.from_settings(settings)


ENGINES: dict[str, Callable[[Settings], Engine]] = {
    "kokoro": _kokoro,
    "glm": _glm,
    "openai": _openai,
    "espeak": _espeak,
}


def make_engine(settings: Settings) -> Engine:
    """Return the engine the settings name, not loaded yet. Raises ConfigError on missing settings."""
    return ENGINES[settings.engine](settings)
