"""A small world for the remediator's tests: hosts with evidence, a clock that only tests move, no threads.

The store is a real SQLite file, the catalogue the shipped one; only what touches hosts is stood in for.
"""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from remediator.catalogue import load
from remediator.guard import Limits
from remediator.inventory import Inventory, parse
from remediator.model import Alert, Evidence, Mode, Run, RunOutcome, SpeechProof, Unreachable
from remediator.pipeline import Pipeline, Stages
from remediator.situation import Policy
from remediator.states import IncidentState
from remediator.store import Store, incidents, notifications, runs, upgrade

PATIENCE_S = 900.0  # a bound that no machine reaches, however busy
NOW = datetime(2026, 11, 27, 1, 0, 0, tzinfo=UTC)
CATALOGUE = load()
GPU = "GPU-00000000-0000-0000-0000-000000000101"
LISTING: dict[str, Any] = {
    "_meta": {
        "hostvars": {
            "gpu01": {
                "glmtts_instances": [{"port": 7860, "gpu_uuids": [GPU]}, {"port": 7861, "gpu_uuids": [GPU]}]
            },
            "gpu02": {"glmtts_instances": [{"port": 7860}]},
        }
    },
    "all": {"children": ["gpu_hosts", "canary"]},
    "gpu_hosts": {"hosts": ["gpu01", "gpu02"]},
    "canary": {"hosts": ["gpu02"]},
}
INVENTORY = parse(LISTING)


def iso(moment: datetime) -> str:
    """Return the helper's way to write a time."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def well(now: datetime = NOW) -> dict[str, Any]:
    """Return what the helper reports about a healthy instance."""
    return {
        "unit": "glm-tts@7860.service",
        "unit_state": {
            "load": "loaded", "active": "active", "sub": "running", "result": "success", "main_pid": 900,
            "exec_code": None, "exec_status": None, "n_restarts": 0,
            "started_at": iso(now - timedelta(hours=5)),
        },
        "process": {"pid": 900, "rss_mb": 700.0, "user": "glmtts"},
        "port": {
            "listening": True,
            "owners": [{"pid": 900, "user": "glmtts", "cmdline": "python", "start_time": 1, "ours": True}],
        },
        "health": {"outcome": "ok", "http_status": 200, "took_s": 0.01, "body": {"status": "ok"}},
        "ready": {
            "outcome": "ok", "http_status": 200, "took_s": 0.01,
            "body": {"ready": True, "reason": None, "queue": {"depth": 0, "limit": 8}, "in_flight": 0},
        },
        "log_lines": [],
        "log_files": [{"name": "error.log", "size_b": 4000}],
    }  # fmt: skip


def host(*ports: str, now: datetime = NOW) -> dict[str, Any]:
    """Return what the helper reports about a healthy host."""
    gpu = {
        "uuid": GPU, "index": 0, "pci": "00000000:1A:00.0", "name": "L4",
        "memory_used_mb": 900.0, "memory_total_mb": 24000.0, "utilization_pct": 3.0,
        "temperature_c": 50.0, "recovery_action": "None", "mig": False,
        "persistence": True, "processes": [],
    }  # fmt: skip
    disk = {"path": "/var/lib/glmtts", "used_pct": 40.0, "inodes_used_pct": 3.0, "read_only": False}
    return {
        "schema": 1, "host": "gpu01", "boot_id": "b1", "taken_at": iso(now), "took_s": 0.3,
        "uptime_s": 9000.0, "lease": None, "maintenance_until": None,
        "instances": {port: well(now) for port in ports or ("7860",)},
        "disks": [disk], "gpus": [gpu], "gpu_error": None, "gpu_reset_unavailable": False,
        "kernel": [], "probes": {},
    }  # fmt: skip


def edit(raw: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy of `raw` with one place changed: edit(raw, "disks.0.used_pct", 99.0)."""
    changed = copy.deepcopy(raw)
    *way, last = path.split(".")
    place: Any = changed
    for step in way:
        place = place[int(step) if isinstance(place, list) else step]
    place[int(last) if isinstance(place, list) else last] = value
    return changed


def down(raw: dict[str, Any], port: str = "7860", result: str = "signal", **unit: object) -> dict[str, Any]:
    """Return `raw` with the instance's unit failed and nobody on its port."""
    changed = copy.deepcopy(raw)
    one = changed["instances"][port]
    one["unit_state"] |= {
        "active": "failed", "sub": "failed", "result": result, "main_pid": None, "exec_code": "killed",
        "exec_status": 9, **unit,
    }  # fmt: skip
    one["process"], one["port"] = None, {"listening": False, "owners": []}
    refused = {"outcome": "refused", "http_status": None, "took_s": 0.0, "body": None}
    one["health"], one["ready"] = refused, refused
    return changed


BEFORE = NOW - timedelta(seconds=20)


def log(raw: dict[str, Any], text: str, at: datetime = BEFORE, port: str = "7860") -> dict[str, Any]:
    """Return `raw` with one more line in the instance's log."""
    changed = copy.deepcopy(raw)
    changed["instances"][port]["log_lines"].append({"source": "error.log", "time": iso(at), "text": text})
    return changed


def alert(name: str = "GlmttsDown", *, on: str = "gpu01", port: str | None = "7860", **values: Any) -> Alert:
    """Return a firing alert."""
    defaults: dict[str, Any] = {
        "sender": "alertmanager", "fingerprint": "f1", "starts_at": NOW - timedelta(seconds=30),
        "status": "firing", "severity": "critical", "summary": "no answer", "labels": {},
    }  # fmt: skip
    return Alert(host=on, instance=port, name=name, **(defaults | values))


@functools.cache
def migrated() -> bytes:
    """Return an empty database at the newest schema; migrating anew for every test takes most of its time."""
    with tempfile.TemporaryDirectory() as folder:
        upgrade(f"sqlite:///{folder}/empty.db")
        return Path(folder, "empty.db").read_bytes()


class World:
    """Hosts, runs and a clock; `world.pipeline` works in it."""

    def __init__(
        self, folder: Path, mode: Mode = Mode.ACT, limits: Limits | None = None, url: str = ""
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.url = url or f"sqlite:///{folder}/remediator.db"
        if url:
            upgrade(url)
        else:
            (folder / "remediator.db").write_bytes(migrated())
        self.now = NOW
        self.seen: dict[str, dict[str, Any] | Unreachable | None] = {
            "gpu01": host("7860", "7861"),
            "gpu02": host("7860"),
        }
        self.mute: set[tuple[str, str]] = set()  # instances that cannot speak
        self.started: list[Run] = []
        self.spoken: list[tuple[str, str]] = []
        self.canceled: list[str] = []
        self.outcomes: dict[str, RunOutcome] = {}
        self.heals: Callable[[Run], None] = lambda run: None  # what a run does to the world when it ends
        self.finishes = True  # runs end at the first poll
        self.limits = limits or Limits(max_hosts_out=1, max_hosts_out_pct=100)
        self.policy = Policy(ceiling=mode, limits=self.limits)
        self.inventory: Inventory = INVENTORY
        self.store = Store(self.url, patience_s=PATIENCE_S)
        self.pipeline = self.worker("w1")

    def worker(self, owner: str, store: Store | None = None) -> Pipeline:
        """Return another worker on the same (or the given) store."""
        stages = Stages(
            self.examine, self.start, self.poll, lambda run: self.canceled.append(run.id), self.verify
        )
        return Pipeline(
            store or self.store, CATALOGUE, lambda: self.inventory, stages, self.policy,
            clock=lambda: self.now, owner=owner,
        )  # fmt: skip

    def restart(self) -> None:
        """The remediator is killed and comes up again: another store object on the same file."""
        self.store.close()
        self.store = Store(self.url, patience_s=PATIENCE_S)
        self.pipeline = self.worker("w2")

    def examine(self, name: str) -> Evidence | Unreachable:
        raw = self.seen[name]
        if raw is None:
            return Unreachable(name, "ssh: connect timed out")
        if isinstance(raw, Unreachable):
            return raw
        return Evidence.from_json(raw | {"taken_at": iso(self.now), "host": name})

    def start(self, run: Run) -> None:
        if run.id not in {one.id for one in self.started}:
            self.started.append(run)

    def poll(self, run: Run) -> RunOutcome | None:
        if not self.finishes:
            return None
        if run.id not in self.outcomes:
            if run.id not in {one.id for one in self.started}:
                return RunOutcome("abandoned")
            self.heals(run)
            self.outcomes[run.id] = RunOutcome("ok", 0, {"changed": True})
        return self.outcomes[run.id]

    def cancel(self, run: Run) -> None:
        self.canceled.append(run.id)

    def verify(self, name: str, port: str) -> SpeechProof:
        self.spoken.append((name, port))
        ok = (name, port) not in self.mute
        return SpeechProof(
            ok, name, port, "" if ok else "no sound", "" if ok else "没有声音", 1.2, 0.1, 24000, 0.8, "fake"
        )

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def work(self, rounds: int = 60) -> None:
        """Advance everything that is due now, until nothing is."""
        for _ in range(rounds):
            due = self.pipeline.due()
            if not due:
                return
            for incident_id in due:
                self.pipeline.advance(incident_id)

    def live(self, seconds: float, step: float = 5) -> None:
        """Let time pass and work."""
        end = self.now + timedelta(seconds=seconds)
        self.work()
        while self.now < end:
            self.later(step)
            self.work()

    def heal(self, name: str) -> None:
        ports = self.inventory.hosts[name].instances
        self.seen[name] = host(*ports, now=self.now)

    def incident(self, name: str = "gpu01") -> incidents.Incident:
        """Return the host's newest incident."""
        found = self.store.read(incidents.latest)
        return next(one for one in found if one.host == name)

    def state(self, name: str = "gpu01") -> IncidentState:
        return self.incident(name).state

    def remedies(self) -> list[str]:
        """What was started, as "remedy host:instance"."""
        return [f"{run.remedy} {run.host}:{run.instance or '*'}" for run in self.started]

    def messages(self) -> list[str]:
        """Every message as "kind state"."""
        rows = self.store.read(lambda db: notifications.latest(db, 1000))
        return [f"{row.kind} {row.payload['state']}" for row in reversed(rows)]

    def runs(self) -> list[Run]:
        return list(reversed(self.store.read(lambda db: runs.latest(db, 1000))))
