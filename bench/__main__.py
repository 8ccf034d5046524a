"""python -m bench [memory page api batch] [--rounds N] [--texts N] [--write]: measure, print a table, say what is off.

--write puts the table into docs/speed.md; it wants all parts. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench import api, batches, memory, page
from bench.figures import Figure
from bench.report import Conditions, load_now, rendered
from tts_app.engines import make_engine
from tts_app.settings import Settings

SPEED = Path(__file__).parents[1] / "docs" / "speed.md"
PARTS = ("memory", "page", "api", "batch")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 when a figure is over its limit."""
    options = _options(arguments)
    load_before = load_now()
    figures = [figure for part in PARTS if part in options.what for figure in _measure(part, options)]
    conditions = Conditions.here(_command(options), datetime.now(UTC), load_before)
    shown = rendered(figures, conditions)
    print(shown)
    if options.write:
        SPEED.write_text(shown, "utf-8")
    return 0 if all(figure.ok for figure in figures) else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default")
    parser.add_argument("--rounds", type=int, default=5, help="how often each text is spoken")
    parser.add_argument("--texts", type=int, default=500, help="how many texts the memory figure speaks")
    parser.add_argument("--write", action="store_true", help=f"write docs/{SPEED.name}")
    options = parser.parse_args(arguments)
    options.what = options.what or list(PARTS)
    if unknown := sorted(set(options.what) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}")
    if options.rounds < 1 or options.texts < memory.FEWEST_TEXTS:
        parser.error(f"--rounds is at least 1, --texts at least {memory.FEWEST_TEXTS}")
    if options.write and set(options.what) != set(PARTS):
        parser.error("--write wants all parts: a page with half of the figures would hide the other half")
    return options


def _measure(part: str, options: argparse.Namespace) -> list[Figure]:
    print(f"== {part}", file=sys.stderr, flush=True)
    if part == "memory":
        return memory.measure(options.texts)
    if part == "page":
        return page.measure()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        engine = make_engine(Settings(data_dir=Path(folder)))
        try:
            measure = {"api": api.measure, "batch": batches.measure}[part]
            return measure(engine, options.rounds)
        finally:
            engine.unload()


def _command(options: argparse.Namespace) -> str:
    parts = "" if list(options.what) == list(PARTS) else f" {' '.join(options.what)}"
    return f"python -m bench{parts} --rounds {options.rounds} --texts {options.texts}"


if __name__ == "__main__":
    sys.exit(main())
