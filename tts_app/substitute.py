"""A plainer voice for those who don't mind, while the engine itself can't be loaded.

It labels what it speaks, it never speaks for a batch or as a proof of life, and the service stays sick meanwhile:
somebody must still mend the engine.
"""

from __future__ import annotations

from dataclasses import replace

from tts_app.engines.base import CancelCheck, Engine, PieceCallback, Speech, SpeechRequest
from tts_app.errors import LoadFailed
from tts_app.settings import Settings


class Substitute:
    """Another engine that needs no model."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def name(self) -> str:
        """Return the engine's name."""
        return self._engine.name

    @staticmethod
    def may_speak(request: SpeechRequest) -> bool:
        """Return whether the caller left the voice open: nobody gets a robot who asked for somebody."""
        return request.voice is None and request.reference is None

    def synthesize(
        self, request: SpeechRequest, *, on_piece: PieceCallback | None, cancelled: CancelCheck | None
    ) -> Speech:
        """Speak, labelled. Raises what Engine.synthesize raises."""
        speech = self._engine.synthesize(request, on_piece=on_piece, cancelled=cancelled)
        return replace(speech, spoken_by=self.name)


def make_substitute(settings: Settings) -> Substitute | None:
    """Return espeak-ng for the embedded engine, None where it is not wanted or not installed.

    The other engines have none: whoever chose them wants a cloned voice or another server's.
    """
    if settings.engine != "kokoro" or not settings.substitute:
        return None
    from tts_app.engines.espeak import EspeakEngine

    engine = EspeakEngine.from_settings(replace(settings, voice=None))
    try:
        engine.load()
    except LoadFailed:
        return None
    return Substitute(engine)
