"""Memory in a process of its own: before loading, over many texts, after clearing."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure
from bench.service import ROOT
from bench.texts import TEXTS

FEWEST_TEXTS = 20
GROWTH_LIMIT_MB = 20
CLEARED_LIMIT_MB = 80
_SETTLED_SHARE = 0.2  # of the texts: until then buffers of the largest sizes may still appear


def measure(texts: int) -> list[Figure]:
    """Return growth over `texts` syntheses, and what clearing leaves behind."""
    answer = subprocess.run(
        [sys.executable, "-m", "bench.memory", str(texts)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    seen = json.loads(answer.stdout.splitlines()[-1])
    return figures_of(before_mb=seen["before"], sizes_mb=seen["sizes"], after_mb=seen["after"])


def figures_of(*, before_mb: float, sizes_mb: Sequence[float], after_mb: float) -> list[Figure]:
    """Return the figures of resident memory before the first load, after each text, and after clearing."""
    settled = sizes_mb[int(len(sizes_mb) * _SETTLED_SHARE) :]
    half = len(settled) // 2
    growth = max(settled[half:]) - max(settled[:half])
    texts = len(sizes_mb)
    how = "largest RSS of the second half less that of the first, once it has settled"
    return [
        Figure(f"memory growth over {texts} texts", growth, "MB", GROWTH_LIMIT_MB, how),
        Figure(
            "RSS after clearing, above that before the first load",
            after_mb - before_mb,
            "MB",
            CLEARED_LIMIT_MB,
            f"{before_mb:.0f} MB before, {after_mb:.0f} MB after clear-memory",
        ),
        Figure("RSS while speaking, largest", max(sizes_mb), "MB", None, "after a text"),
    ]


def _watch(texts: int) -> dict[str, object]:
    from tts_app.engines import make_engine
    from tts_app.engines.base import SpeechRequest
    from tts_app.engines.memory import give_back, rss_mb
    from tts_app.settings import Settings

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        engine = make_engine(Settings(data_dir=Path(folder)))
        give_back()
        before, sizes = rss_mb(), []
        for number in range(texts):
            engine.synthesize(SpeechRequest(TEXTS[number % len(TEXTS)]))
            sizes.append(rss_mb())
        engine.clear_memory()
        return {"before": before, "sizes": sizes, "after": rss_mb()}


if __name__ == "__main__":
    print(json.dumps(_watch(int(sys.argv[1]))))
