"""Work refused before it began, counted by reason."""

from tts_app.errors import Busy, Draining, TtsError
from tts_app.metrics import Metrics


class TooFast(Busy):
    """This caller asks too often; others may go on."""


REASONS: tuple[tuple[type[TtsError], str], ...] = ((TooFast, "rate"), (Busy, "full"), (Draining, "draining"))


def count(metrics: Metrics, error: TtsError) -> None:
    """Count `error` when it is such a refusal."""
    for kind, reason in REASONS:
        if isinstance(error, kind):
            metrics.rejected.labels(reason).inc()
            return
