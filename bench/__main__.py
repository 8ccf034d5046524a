"""python -m bench [api batch memory] [--rounds N] [--texts N] [--write]: measure, print a table, say what is off.

--write puts the table into docs/speed.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import api, batches, memory
from bench.figures import Figure, machine, table
from tts_app.engines import make_engine
from tts_app.engines.base import Engine
from tts_app.settings import Settings

SPEED = Path(__file__).parents[1] / "docs" / "speed.md"
HEAD = """# Speed

Measured by `python -m bench --write` with the embedded default voice. Every figure compares two ways of doing the
same work side by side, in one run on one machine, so that it means the same on another one; absolute times do not.

"""


def main() -> int:
    """Measure what was asked for; 1 when a figure is over its limit."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", choices=["api", "batch", "memory", []], help="all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each text is spoken")
    parser.add_argument("--texts", type=int, default=500, help="how many texts the memory figure speaks")
    parser.add_argument("--write", action="store_true", help=f"write {SPEED.name}")
    options = parser.parse_args()
    figures = _measure(set(options.what or ("api", "batch", "memory")), options)
    shown = f"{table(figures)}\n\n{machine()}, {datetime.now(UTC):%Y-%m-%d}."
    print(shown)
    if options.write:
        SPEED.parent.mkdir(exist_ok=True)
        SPEED.write_text(f"{HEAD}{shown}\n", "utf-8")
    return 0 if all(figure.ok for figure in figures) else 1


def _measure(what: set[str], options: argparse.Namespace) -> list[Figure]:
    figures: list[Figure] = memory.measure(options.texts) if "memory" in what else []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        engine = make_engine(Settings(data_dir=Path(folder)))
        parts: dict[str, Callable[[Engine, int], list[Figure]]] = {
            "api": api.measure,
            "batch": batches.measure,
        }
        for name, measure in parts.items():
            if name in what:
                figures += measure(engine, options.rounds)
        engine.unload()
    return figures


if __name__ == "__main__":
    sys.exit(main())
