"""What the speech service tells whoever counts; the default counts nothing."""

from enum import StrEnum

from tts_app.engines.base import MemoryReport, SpeechRequest
from tts_app.errors import BadRequest, Busy, Cancelled, ContextDead, EngineStuck, OutOfMemory, TtsError
from tts_app.jobs import Job


class Outcome(StrEnum):
    """How one synthesis ended; the value is a metric label."""

    OK = "ok"
    BAD_REQUEST = "bad_request"
    BUSY = "busy"  # the server behind the engine has too much to do
    CANCELLED = "cancelled"
    OUT_OF_MEMORY = "out_of_memory"
    CONTEXT_DEAD = "context_dead"
    STUCK = "stuck"
    ERROR = "error"

    @classmethod
    def of(cls, error: TtsError) -> "Outcome":
        """Return the outcome that `error` stands for."""
        kinds = {
            BadRequest: cls.BAD_REQUEST,
            Busy: cls.BUSY,
            Cancelled: cls.CANCELLED,
            OutOfMemory: cls.OUT_OF_MEMORY,
            ContextDead: cls.CONTEXT_DEAD,
            EngineStuck: cls.STUCK,
        }
        return next((outcome for kind, outcome in kinds.items() if isinstance(error, kind)), cls.ERROR)


class Observer:
    """Hears what happens to the work. Subclass it; methods must be quick and must not raise."""

    def queued(self, job: Job) -> None:
        """Note that a job waits now."""

    def ended(self, request: SpeechRequest, outcome: Outcome, *, took_s: float, audio_s: float = 0.0) -> None:
        """Note that a synthesis ended, after how much work and with how much speech."""

    def substituted(self, engine: str, outcome: Outcome) -> None:
        """Note that the substitute, an engine of that name, ended a synthesis."""

    def cleared(self, report: MemoryReport) -> None:
        """Note what a clearing of memory did."""
