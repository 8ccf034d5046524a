"""How fast this host speaks: real-time factors (work per second of speech), and their baseline."""

import json
from collections import deque
from pathlib import Path
from statistics import median

BASELINE_SAMPLES = 20  # so many syntheses make the baseline; it is then kept on disk
SHORTEST_AUDIO_S = 1.0  # shorter ones are ruled by fixed costs and say nothing


class Pace:
    """Collects real-time factors; the first ones of a host become its own baseline."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._first: list[float] = []
        self._recent: deque[float] = deque(maxlen=BASELINE_SAMPLES)
        self.baseline = _read(path)

    def add(self, *, took_s: float, audio_s: float) -> None:
        """Count one synthesis."""
        if audio_s < SHORTEST_AUDIO_S:
            return
        rtf = took_s / audio_s
        self._recent.append(rtf)
        if self.baseline is None:
            self._first.append(rtf)
            if len(self._first) == BASELINE_SAMPLES:
                self.baseline = median(self._first)
                _write(self._path, self.baseline)

    @property
    def recent(self) -> float | None:
        """Return the median of the latest syntheses."""
        return median(self._recent) if self._recent else None

    @property
    def ratio(self) -> float | None:
        """Return how many times slower than the baseline the host is now."""
        return self.recent / self.baseline if self.recent and self.baseline else None


def _read(path: Path | None) -> float | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))["rtf"] if path else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # absent or damaged: measured anew
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _write(path: Path | None, rtf: float) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part")
        temporary.write_text(json.dumps({"rtf": round(rtf, 4)}), encoding="utf-8")
        temporary.replace(path)
    except OSError:
        return  # a full disk must not stop speech; the baseline stays in memory
