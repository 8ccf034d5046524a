"""Count failure words in the services' error logs, once each, over rotations and restarts; tell the logs' sizes.

Only lines of level ERROR or CRITICAL and what follows them (tracebacks) count: a line of another level that
merely quotes something is no failure. The cursor is a file's inode and offset; a rotated file is finished first.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from glmtts_remedy import logs
from glmtts_remedy.config import Config

SIGNATURES = {
    "cuda_oom": "CUDA out of memory",
    "cuda_context_dead": "device-side assert triggered",
    "missing_file": "FileNotFoundError",
    "bad_task_file": "JSONDecodeError",
    "batch": " owner=",  # whatever went wrong with a batch: its owner hears of it
    "segfault": "Segmentation fault",
    "disk_full": "[Errno 28] No space left on device",
}
# What a program of others says about itself: its level word, or the last line of a traceback.
FOREIGN = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b|^(?:\w+\.)*\w*(?:Error|Exception): ")
LEVEL = re.compile(r"^\S+ (?P<level>[A-Z]+) request=")
BAD = {"ERROR", "CRITICAL"}
FATAL = "Fatal Python error: "
FOREIGN_HEAD = 120  # characters: a level stands at the beginning, what users typed does not
MOST_BYTES = 32 << 20  # per scan and file; the rest comes at the next one
State = dict[str, Any]


def scan(config: Config) -> dict[str, Any]:
    """Read what is new in every log, add to the counters, and write them for the node exporter."""
    memory = Path(config.state_dir) / "log_counters.json"
    state = _load(memory)
    for name, instance in config.instances.items():
        counted = state.setdefault(name, {"errors": 0, "faults": {}, "bad": False, "inode": 0, "offset": 0})
        counted["largest_b"] = max((item["size_b"] for item in logs.sizes(config, instance)), default=0)
        if instance.adopted:
            files = counted.setdefault("files", {})
            for path in instance.adopted.log_files:
                cursor = files.setdefault(path, {"inode": 0, "offset": 0, "foreign": True})
                _scan_log(Path(path), cursor, counted)
        else:
            _scan_log(Path(config.log_dir) / name / "error.log", counted, counted)
    _store(memory, json.dumps(state))
    if config.textfile_dir:
        _store(Path(config.textfile_dir) / "glmtts_logs.prom", metrics(state))
    return {
        "instances": {
            name: {"errors": item["errors"], "faults": item["faults"]} for name, item in state.items()
        }
    }


def metrics(state: State) -> str:
    """The counters in Prometheus' text format; every fault is there from the start, at 0."""
    lines = [
        "# HELP glmtts_log_errors_total Error lines in the instance's log.",
        "# TYPE glmtts_log_errors_total counter",
        *(
            f'glmtts_log_errors_total{{port="{name}"}} {item["errors"]}'
            for name, item in sorted(state.items())
        ),
        "# HELP glmtts_log_signature_total Failure words in the instance's log.",
        "# TYPE glmtts_log_signature_total counter",
    ]
    lines += [
        f'glmtts_log_signature_total{{port="{name}",fault="{fault}"}} {item["faults"].get(fault, 0)}'
        for name, item in sorted(state.items())
        for fault in SIGNATURES
    ]
    lines += [
        "# HELP glmtts_log_size_bytes Size of the largest log that is being written.",
        "# TYPE glmtts_log_size_bytes gauge",
        *(
            f'glmtts_log_size_bytes{{port="{name}"}} {item["largest_b"]}'
            for name, item in sorted(state.items())
        ),
    ]
    return "\n".join(lines) + "\n"


def _scan_log(path: Path, cursor: State, counted: State) -> None:
    current = _inode(path)
    if cursor["inode"] and current != cursor["inode"]:
        _read(_rotated(path, cursor["inode"]), cursor, counted)
        cursor.update(offset=0, bad=False)
    cursor["inode"] = current
    if current:
        _read(path, cursor, counted)


def _rotated(path: Path, inode: int) -> Path | None:
    """The file the cursor was in, under its new name."""
    return next((other for other in path.parent.glob(f"{path.name}*") if _inode(other) == inode), None)


def _read(path: Path | None, cursor: State, counted: State) -> None:
    """Count the whole lines from the cursor on; a line still being written waits for the next scan."""
    if path is None:
        return
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < cursor["offset"]:
            cursor["offset"] = 0  # truncated in place
        file.seek(cursor["offset"])
        data = file.read(MOST_BYTES)
    end = data.rfind(b"\n") + 1 if len(data) < MOST_BYTES or b"\n" in data else len(data)
    cursor["offset"] += end
    count = _count_foreign if cursor.get("foreign") else _count
    for line in data[:end].split(b"\n"):
        count(line.decode("utf-8", "replace"), counted)


def _count(line: str, counted: State) -> None:
    match = LEVEL.match(line)
    if match:
        counted["bad"] = match["level"] in BAD
        counted["errors"] += counted["bad"]
    elif logs.STAMP.match(line):
        counted["bad"] = False
    if counted["bad"] or line.startswith(FATAL):
        _count_words(line, counted)


def _count_foreign(line: str, counted: State) -> None:
    bad = FOREIGN.search(line[:FOREIGN_HEAD]) is not None
    counted["errors"] += bad
    if bad or line.startswith(FATAL):
        _count_words(line, counted)


def _count_words(line: str, counted: State) -> None:
    for fault, words in SIGNATURES.items():
        if words in line:
            counted["faults"][fault] = counted["faults"].get(fault, 0) + 1


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def _load(path: Path) -> State:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _store(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.replace(path)
