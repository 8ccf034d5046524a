"""The evidence: one read-only look at the host, about a second, whatever is broken."""

from __future__ import annotations

import json
import socket
import time
from functools import partial
from typing import Any

from glmtts_remedy import (
    clock,
    disks,
    gpu,
    gpu_reset,
    kernel,
    left_behind,
    logs,
    maintenance,
    ports,
    proc,
    units,
    web,
)
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.lease import LeaseFile
from glmtts_remedy.probes import Answer, Question, ask_all

LARGEST = 256 << 10
STATUS_TIMEOUT_S = 2.5
PROBE_TIMEOUT_S = 3.0
DISK_TIMEOUT_S = 2.0  # a dead mount never answers


def evidence(config: Config) -> dict[str, object]:
    """Ask every question side by side and lay the answers out. Unknown is null, and said in `probes`."""
    began = time.monotonic()
    answers = ask_all(_questions(config))
    lease = LeaseFile(config.run_dir).show()
    found: dict[str, object] = {
        "schema": 1,
        "host": config.host or socket.gethostname(),
        "boot_id": clock.boot_id(),
        "taken_at": clock.utc_text(time.time()),
        "took_s": 0.0,
        "uptime_s": round(clock.uptime_s(), 1),
        "lease": lease.as_json() if lease else None,
        "maintenance_until": maintenance.until(config),
        "left_behind": left_behind.show(config),
        "instances": {name: _instance(config, item, answers) for name, item in config.instances.items()},
        "disks": disks.distinct(_values(answers, "disk:")),
        "gpus": answers["gpu"].value,
        "gpu_reset_unavailable": gpu_reset.is_unavailable(config),
        "gpu_error": None if answers["gpu"].state == "ok" else answers["gpu"].state,
        "kernel": answers["kernel"].value or [],
        "probes": {name: answer.state for name, answer in answers.items()},
    }
    found["took_s"] = round(time.monotonic() - began, 3)
    return bounded(found)


def bounded(found: dict[str, Any], largest: int = LARGEST) -> dict[str, Any]:
    """Drop the older half of the log lines until the evidence fits into `largest` bytes."""
    while len(json.dumps(found, ensure_ascii=False).encode()) > largest:
        parts = [item["log_lines"] for item in found["instances"].values()]
        if not any(len(lines) > 1 for lines in parts):
            found["kernel"] = found["kernel"][-5:]
            break
        for item in found["instances"].values():
            item["log_lines"] = item["log_lines"][(len(item["log_lines"]) + 1) // 2 :]
    return found


def _questions(config: Config) -> dict[str, Question]:
    names = list(config.instances.values())
    numbers = {item.port for item in names}
    asked = {
        "units": Question(
            lambda: units.states([item.unit for item in names], PROBE_TIMEOUT_S), PROBE_TIMEOUT_S + 0.3
        ),
        "ports": Question(lambda: _owners(config, numbers), PROBE_TIMEOUT_S),
        "gpu": Question(lambda: gpu.read(config, PROBE_TIMEOUT_S), PROBE_TIMEOUT_S + 0.3),
        "kernel": Question(lambda: kernel.messages(config), PROBE_TIMEOUT_S),
    }
    for path in config.disk_paths():
        asked[f"disk:{path}"] = Question(partial(disks.usage, path), DISK_TIMEOUT_S)
    for item in names:
        asked.update(_instance_questions(config, item))
    return asked


def _instance_questions(config: Config, item: Instance) -> dict[str, Question]:
    wait = STATUS_TIMEOUT_S
    return {
        f"health:{item.port}": Question(
            lambda: web.status_evidence(item.port, item.health_path, wait), wait + 0.5
        ),
        f"ready:{item.port}": Question(
            lambda: None if item.adopted else web.status_evidence(item.port, "/readyz", wait), wait + 0.5
        ),
        f"log:{item.port}": Question(lambda: logs.error_log(config, item), PROBE_TIMEOUT_S),
        f"sizes:{item.port}": Question(lambda: logs.sizes(config, item), PROBE_TIMEOUT_S),
        f"journal:{item.port}": Question(lambda: logs.journal(item), PROBE_TIMEOUT_S + 0.3),
    }


def _owners(config: Config, numbers: set[int]) -> dict[str, dict[str, object]]:
    """Who listens on each port, with the sockets of processes that cannot be named counted too."""
    listening = proc.listening_inodes(numbers)
    owners = proc.port_owners(numbers)
    return {
        str(port): {
            "listening": bool(listening[port]),
            "owners": [_owner(config, pid, port) for pid in owners[port]],
        }
        for port in numbers
    }


def _owner(config: Config, pid: int, port: int) -> dict[str, object]:
    return {
        "pid": pid,
        "user": proc.user_of(pid),
        "cmdline": proc.cmdline(pid),
        "start_time": proc.start_time(pid) or 0,
        "ours": proc.instance_of(pid, config.units) == str(port),
        "stray": ports.is_stray(config, pid),
    }


def _instance(config: Config, item: Instance, answers: dict[str, Answer]) -> dict[str, object]:
    state = (answers["units"].value or {}).get(item.unit)
    pid = _main_pid(config, item, state)
    health = _status(answers[f"health:{item.port}"])
    lines = (answers[f"log:{item.port}"].value or []) + (answers[f"journal:{item.port}"].value or [])
    return {
        "unit": item.unit,
        "unit_state": state,
        "process": _process(pid) if pid else None,
        "port": (answers["ports"].value or {}).get(str(item.port)),
        "health": health,
        "ready": _ready(config, item, state, health, answers),
        "log_lines": logs.newest(lines),
        "log_files": answers[f"sizes:{item.port}"].value or [],
    }


def _main_pid(config: Config, item: Instance, state: Any) -> int | None:
    """The unit's main process; in an adopted unit, whose main one may be a wrapper, the one that is meant."""
    main: int | None = state["main_pid"] if state else None
    if main is None or item.adopted is None or not item.adopted.process_pattern:
        return main
    mine = (pid for pid in proc.pids() if proc.instance_of(pid, config.units) == str(item.port))
    return next((pid for pid in mine if item.adopted.runs_as(proc.cmdline(pid))), None)


def _ready(config: Config, item: Instance, state: Any, health: Any, answers: dict[str, Answer]) -> object:
    """An adopted service does not say that it still loads: it is taken to, as long as a start may last."""
    if item.adopted is None:
        return _status(answers[f"ready:{item.port}"])
    began = clock.parse_utc(str(state["started_at"])) if state and state["started_at"] else None
    young = began is not None and time.time() - began < config.start_timeout_s
    if not young or state["active"] != "active" or (health or {}).get("outcome") == "ok":
        return None
    body = {"ready": False, "reason": "loading"}
    return {"outcome": "http_error", "http_status": None, "took_s": 0.0, "body": body}


def _process(pid: int) -> dict[str, object]:
    return {"pid": pid, "rss_mb": proc.rss_mb(pid) or 0.0, "user": proc.user_of(pid)}


def _status(answer: Answer) -> object:
    """A status page that drips its answer ends at the probe's own deadline: that is a timeout too."""
    if answer.state.startswith("timeout"):
        return {"outcome": "timeout", "http_status": None, "took_s": STATUS_TIMEOUT_S, "body": None}
    return answer.value


def _values(answers: dict[str, Answer], prefix: str) -> list[dict[str, object]]:
    return [answer.value for name, answer in answers.items() if name.startswith(prefix) and answer.value]
