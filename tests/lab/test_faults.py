"""Each first fault, made for real, found by Prometheus or the probe, and dealt with as the catalogue says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import yaml

from tests.lab import told
from tests.lab.fleet import INSTANCES, Fleet, wait_for
from tests.lab.paths import ROOT
from tests.lab.status import Json

pytestmark = pytest.mark.lab


KEEP_NEWEST = yaml.safe_load((ROOT / "playbooks/roles/remedy_helper/defaults/main.yml").read_text())[
    "remedy_helper_keep_newest"
]


@dataclass(frozen=True)
class Case:
    """A fault on one instance, what it must be called, how it must end, and what may be run for it."""

    fault: str
    host: str
    port: str
    called: str
    ends: str
    remedies: tuple[str, ...]
    slow: bool = False

    @property
    def id(self) -> str:
        """Name of the test row."""
        return f"{self.fault} on {self.host} is {self.called} and ends {self.ends}"


CASES = (
    Case("crash", "gpu01", "7861", "service_down", "resolved", ("restart",)),
    Case("segfault", "gpu01", "7860", "segfault", "resolved", ("restart",)),
    Case("hang", "gpu01", "7860", "hung", "resolved", ("capture", "restart")),
    Case("start_limit", "gpu01", "7861", "start_limit_hit", "resolved", ("restart",)),
    Case("disk_full", "gpu01", "7860", "disk_full", "resolved", ("purge_outputs",)),
    Case("cuda_oom", "gpu02", "7860", "cuda_oom", "resolved", ("clear_memory",)),
    Case("inodes_full", "gpu01", "7860", "inodes_full", "resolved", ("purge_outputs",), slow=True),
    Case("overloaded", "gpu01", "7861", "overloaded", "escalated", ()),
    Case("port_taken", "gpu01", "7860", "port_conflict", "escalated", ()),
    Case("network_down", "gpu02", "7860", "unreachable", "escalated", ()),
    Case("xid", "gpu02", "7860", "gpu_needs_reset", "asking", ()),
    Case("foreign_gpu_process", "gpu02", "7860", "gpu_foreign_process", "escalated", ()),
)


@pytest.fixture(autouse=True)
def calm(fleet: Fleet) -> None:
    """Begin each fault on a healthy fleet."""
    fleet.wait_until_calm()


@pytest.fixture
def broken(fleet: Fleet, request: pytest.FixtureRequest) -> Iterator[Json]:
    """Break what the row names and hand out the incident when it has come to its end; then heal."""
    case: Case = request.param
    known = fleet.ids()
    pids = {place: fleet.main_pid(*place) for place in INSTANCES}
    fleet.lab.break_(case.host, case.fault, case.port)
    try:
        whole = fleet.next_incident(
            case.host, known, lambda one: one["state"] == case.ends and one["fault"] == case.called, case.id
        )
        yield {**whole, "case": case, "pids": pids}
    finally:
        fleet.lab.heal(case.host, case.fault, case.port)


ROWS = [pytest.param(case, id=case.id, marks=pytest.mark.slow if case.slow else ()) for case in CASES]


@pytest.mark.parametrize("broken", ROWS, indirect=True)
def test_a_fault_is_named_dealt_with_and_told(fleet: Fleet, broken: Json) -> None:
    case: Case = broken["case"]
    assert [run["remedy"] for run in broken["runs"]] == list(case.remedies)
    assert all(run["state"] == "ok" for run in broken["runs"])
    assert broken["messages"], "the on-call group must know"
    _the_neighbours_were_left_alone(fleet, broken)
    if case.ends == "resolved":
        assert broken["incident"]["proof"]["spoken"] is True
    EXTRA.get(case.fault, lambda *_: None)(fleet, broken)


def _the_neighbours_were_left_alone(fleet: Fleet, broken: Json) -> None:
    """Every instance that was not broken, of this host and the other, has the same process as before."""
    case: Case = broken["case"]
    neighbours = [place for place in INSTANCES if place != (case.host, case.port)]
    assert [fleet.main_pid(*place) for place in neighbours] == [broken["pids"][place] for place in neighbours]


def _only_old_archives_are_gone(fleet: Fleet, broken: Json) -> None:
    listed = fleet.lab.host("gpu01").run(["ls", "/var/lib/glmtts/7860/outputs/batch"]).stdout.split()
    assert "lab-new-1.zip" in listed
    assert "lab-note.txt" in listed
    kept = [name for name in listed if name.endswith(".zip")]
    assert len(kept) == KEEP_NEWEST, "the newest archives stay, whatever their age"


def _the_worker_was_not_reset(fleet: Fleet, broken: Json) -> None:
    journal = (
        fleet.lab.host("gpu02").run(["sh", "-c", "cat /var/lib/sim-gpu/*.jsonl 2>/dev/null || true"]).stdout
    )
    assert "--gpu-reset" not in journal


def _nothing_was_restarted(fleet: Fleet, broken: Json) -> None:
    case: Case = broken["case"]
    assert fleet.main_pid(case.host, case.port) == broken["pids"][case.host, case.port]


def _one_chain_of_messages_and_one_thread_of_mail_arrived(fleet: Fleet, broken: Json) -> None:
    incident = broken["incident"]["id"]

    def delivered() -> list[Json] | None:
        rows: list[Json] = fleet.whole(incident)["messages"]
        return rows if {row["state"] for row in rows} == {"delivered"} else None

    rows = wait_for(delivered, "every message to be delivered", lambda: fleet.whole(incident)["messages"])
    by_mail = [mail for mail in told.mails(fleet.lab) if incident in mail["in_reply_to"]]
    assert len({(mail["in_reply_to"], mail["references"]) for mail in by_mail}) == 1, "one thread"
    mailed = {mail["headers"]["X-Voicekeeper-Message"] for mail in by_mail}
    said = told.chat(fleet.lab)
    chatted = [row["id"] for row in rows if sum(row["id"] in text for text in said) == 1]
    assert len(chatted) > 1, "found, and repaired"
    assert mailed | set(chatted) == {row["id"] for row in rows}
    places = [next(place for place, text in enumerate(said) if one in text) for one in chatted]
    assert places == sorted(places), "in the order in which it happened"


EXTRA = {
    "crash": _one_chain_of_messages_and_one_thread_of_mail_arrived,
    "disk_full": _only_old_archives_are_gone,
    "inodes_full": _only_old_archives_are_gone,
    "cuda_oom": _the_worker_was_not_reset,
    "overloaded": _nothing_was_restarted,
}
