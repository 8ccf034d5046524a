"""The command line of the real program, as far as people and our helper use it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from . import answers, changes, report, tables
from .answers import Answer
from .processes import holders
from .state import FOLDER, Gpu, State, read

WITH_VALUE = {"-i", "-pm", "-d", "--id", "--persistence-mode", "--display", "--format", "--query-gpu"}
NAMES = {
    "--id": "-i", "--persistence-mode": "-pm", "--display": "-d", "--list-gpus": "-L", "--query": "-q",
    "--xml-format": "-x", "--gpu-reset": "-r", "--query-apps": "--query-compute-apps",
}  # fmt: skip
KNOWN = {"-i", "-pm", "-d", "-L", "-q", "-x", "-r", "--format", "--query-gpu", "--query-compute-apps"}


def main(argv: Sequence[str], folder: Path = FOLDER, proc: Path = Path("/proc")) -> int:
    """Answer one call, note it in the journal of calls, return the exit code."""
    try:
        text, code = _answer(_options(argv), folder, proc), answers.OK
    except Answer as answer:
        text, code = answer.text, answer.code
    if text:
        print(text, flush=True)
    _note(argv, code, folder)
    return code


def _options(argv: Sequence[str]) -> dict[str, str]:
    options: dict[str, str] = {}
    rest = list(argv)
    while rest:
        word, _, value = rest.pop(0).partition("=")
        name = NAMES.get(word, word)
        if name not in KNOWN:
            _bad(f"Invalid combination of input arguments. Please run 'nvidia-smi -h' for help.\n{word}")
        if not value and (word in WITH_VALUE or name in WITH_VALUE):
            value = rest.pop(0) if rest else _bad(f"Option {word} needs a value.")
        options[name] = value
    return options


def _bad(text: str) -> NoReturn:
    raise Answer(text, answers.BAD_ARGUMENT)


def _answer(options: dict[str, str], folder: Path, proc: Path) -> str:
    state = read(folder)
    if state.hang_s:
        time.sleep(state.hang_s)
    _require_driver(state)
    gpus = _chosen(state, options.get("-i"))
    uuids = [gpu.uuid for gpu in gpus]
    if "-pm" in options:
        if options["-pm"] not in {"0", "1", "DISABLED", "ENABLED"}:
            _bad(f"Invalid value {options['-pm']} for persistence mode")
        return changes.set_persistence(uuids, options["-pm"] in {"1", "ENABLED"}, folder)
    if "-r" in options:
        return changes.reset(uuids, folder, proc)
    for gpu in gpus:
        if gpu.off_bus:
            raise answers.lost(gpu.pci)
    return _show(options, state, gpus, proc)


def _show(options: dict[str, str], state: State, gpus: list[Gpu], proc: Path) -> str:
    on = holders([gpu.uuid for gpu in gpus], proc)
    if "-L" in options:
        return report.as_list(gpus)
    if "--query-gpu" in options:
        return tables.query_gpu(options["--query-gpu"], options.get("--format", ""), state, gpus, on)
    if "--query-compute-apps" in options:
        return tables.query_apps(options["--query-compute-apps"], options.get("--format", ""), gpus, on)
    if "-q" in options:
        return (report.as_xml if "-x" in options else report.as_text)(state, gpus, on)
    return report.summary(state, gpus, on)


def _require_driver(state: State) -> None:
    if state.driver == "not_loaded":
        raise Answer(answers.NO_DRIVER, answers.NOT_LOADED)
    if state.driver == "mismatch":
        raise answers.mismatch(state.driver_version)
    if not state.gpus:
        raise Answer(answers.NO_DEVICES, answers.NOT_FOUND)


def _chosen(state: State, asked: str | None) -> list[Gpu]:
    if asked is None:
        return state.gpus
    wanted = set(asked.split(","))
    chosen = [gpu for gpu in state.gpus if wanted & {str(gpu.index), gpu.uuid, gpu.pci}]
    if not chosen:
        raise Answer(answers.NO_DEVICES, answers.NOT_FOUND)
    return chosen


def _note(argv: Sequence[str], code: int, folder: Path) -> None:
    if not os.access(folder, os.W_OK):
        return
    call = {"at": datetime.now(UTC).isoformat(), "argv": list(argv), "code": code, "uid": os.getuid()}
    with (folder / "calls.jsonl").open("a") as journal:
        journal.write(json.dumps(call) + "\n")
