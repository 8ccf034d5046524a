"""Loading the engine: at the start, after a lost context, and now and then as long as it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable

from tts_app.engines.base import Engine
from tts_app.errors import TtsError

log = logging.getLogger(__name__)

FIRST_RETRY_S, LONGEST_RETRY_S = 30.0, 600.0


class Loading:
    """What is known about the engine's being loaded. Changed on the engine's thread, read from any."""

    def __init__(
        self, engine: Engine, clock: Callable[[], float], *, first_retry_s: float = FIRST_RETRY_S
    ) -> None:
        self._engine, self._clock, self._first_retry_s = engine, clock, first_retry_s
        self._failures = 0  # in a row
        self.since: float | None = None  # when the load under way began
        self.failed = False
        self.once = False  # it was loaded at least once
        self.last_error: str | None = None

    def begin(self) -> None:
        """Note that a load is under way; from then on it can be seen that it takes too long."""
        self.since = self._clock()

    def run(self) -> bool:
        """Load, and return whether that went well. Never raises: the service must live to say so."""
        self.begin()
        try:
            self._engine.load()
        except Exception as error:  # a broken package, a full disk: not only what engines foresee
            told = error.message_en if isinstance(error, TtsError) else f"{type(error).__name__}: {error}"
            log.error(told, exc_info=error)
            self.last_error = type(error).__name__
            self.fail()
        else:
            self.succeed()
        finally:
            self.since = None
        return not self.failed

    def fail(self) -> None:
        """Note that the engine is not loaded and could not be."""
        self.failed = True
        self._failures += 1

    def succeed(self) -> None:
        """Note that the engine is loaded: it was just loaded, or it speaks."""
        self.failed, self.once, self._failures = False, True, 0

    def retry_in_s(self) -> float | None:
        """Return how long to wait for work before the next try; None while there is nothing to try."""
        return min(LONGEST_RETRY_S, self._first_retry_s * 2 ** (self._failures - 1)) if self.failed else None
