"""The newest lines of an instance's error log and journal, fit to be read and stored."""

from __future__ import annotations

import json
import re
from pathlib import Path

from glmtts_remedy import commands
from glmtts_remedy.clock import parse_utc, utc_text
from glmtts_remedy.config import Config, Instance

LINES = 100
LONGEST_LINE = 500
TAIL_BYTES = 128 << 10
STAMP = re.compile(r"^(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?(?:Z|[+-]\d\d:?\d\d)?)")


def error_log(config: Config, instance: Instance) -> list[dict[str, object]]:
    """The newest lines of error.log. A line without a time of its own has that of the line it follows."""
    if instance.adopted:
        files = [Path(name) for name in instance.adopted.log_files]
        return newest([line for path in files for line in dated_lines(tail(path), path.name, local=True)])
    path = Path(config.log_dir) / str(instance.port) / "error.log"
    return dated_lines(tail(path), "error.log")[-LINES:]


def sizes(config: Config, instance: Instance) -> list[dict[str, object]]:
    """The logs that are being written, with their sizes; rotated ones don't grow any more."""
    own = sorted((Path(config.log_dir) / str(instance.port)).glob("*.log"))
    found = [Path(name) for name in instance.adopted.log_files] if instance.adopted else own
    kept = [path for path in found if path.is_file() and not path.is_symlink()]
    return [{"name": path.name, "size_b": path.stat().st_size} for path in kept]


def tail(path: Path, size: int = TAIL_BYTES) -> list[str]:
    """The last whole lines within `size` bytes of a file; [] when there is none. Binary is no problem."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            start = max(0, file.tell() - size)
            file.seek(start)
            data = file.read(size)
    except FileNotFoundError:
        return []
    lines = data.split(b"\n")
    whole = lines[1:] if start and len(lines) > 1 else lines
    return [clean(line.decode("utf-8", "replace")) for line in whole if line.strip()]


def clean(text: str) -> str:
    """Make a line printable and at most LONGEST_LINE characters long."""
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * LONGEST_LINE])
    return shown.rstrip()[:LONGEST_LINE]


def dated_lines(lines: list[str], source: str, *, local: bool = False) -> list[dict[str, object]]:
    """Give each line its time, or the time of the line before it; `local`: without a zone it is this host's."""
    found: list[dict[str, object]] = []
    moment: str | None = None
    for line in lines:
        match = STAMP.match(line)
        epoch = parse_utc(match.group(1), local=local) if match else None
        moment = utc_text(epoch) if epoch is not None else moment
        found.append({"source": source, "time": moment, "text": line})
    return found


def journal(instance: Instance, timeout_s: float = 3) -> list[dict[str, object]]:
    """The newest journal lines of the unit, of this boot only."""
    argv = ["journalctl", "-u", instance.unit, "-b", "-n", str(LINES), "-o", "json", "--no-pager", "-q"]
    found = []
    for line in commands.run(argv, timeout_s).out.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        found.append(_journal_line(entry))
    return found


def _journal_line(entry: dict[str, object]) -> dict[str, object]:
    message = entry.get("MESSAGE")
    if isinstance(message, list):  # journald gives bytes that are no UTF-8 as a list of numbers
        message = bytes(int(byte) & 255 for byte in message[:LONGEST_LINE]).decode("utf-8", "replace")
    stamp = str(entry.get("__REALTIME_TIMESTAMP", ""))
    moment = utc_text(int(stamp) / 1e6) if stamp.isdigit() else None
    return {"source": "journal", "time": moment, "text": clean(str(message or ""))}


def newest(lines: list[dict[str, object]], count: int = LINES) -> list[dict[str, object]]:
    """The newest lines of several sources together, oldest first; undated ones count as oldest."""
    return sorted(lines, key=lambda line: str(line["time"] or ""))[-count:]
