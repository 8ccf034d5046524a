"""What the page's clear-memory button does."""

from concurrent.futures import CancelledError
from threading import Lock

from tts_app.errors import Cancelled, TtsError
from tts_app.jobs import Job
from tts_app.speech import SpeechService
from tts_app.web.page.words import MESSAGES, say


class Clearing:
    """One clearing for everybody who clicks while it waits: the reserved places are for proofs of speech."""

    def __init__(self, service: SpeechService) -> None:
        self._service, self._lock = service, Lock()
        self._job: Job | None = None

    def clear(self, *, chinese: bool, timeout_s: float) -> str:
        """Clear memory and return what it did, as a sentence. Raises TtsError; it is then done later."""
        try:
            report = self._shared().result(timeout_s)
        except TimeoutError:
            raise TtsError(*MESSAGES["busy_clear"]) from None
        except CancelledError:
            raise Cancelled from None
        return say(
            "cleared",
            chinese,
            before=report.before_mb,
            after=report.after_mb,
            freed=report.freed_mb,
            kind=report.kind,
        )

    def _shared(self) -> Job:
        with self._lock:
            if self._job is None or self._job.done():
                self._job = self._service.clear_memory()
            return self._job
