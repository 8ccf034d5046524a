"""The parts joined: an alert comes in over HTTP, the host is repaired, people read about it in one chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import Connection

from remediator.service import Service, assemble
from remediator.settings import Settings
from remediator.store import audit, runs
from remediator.tokens import Holder, Role, Tokens, digest
from tests.sim.wecom.robot import Robot
from tests.unit.remediator import world as w
from tests.unit.remediator.web.kit import SECRETS, as_role

KEY = "11111111-2222-3333-4444-555555555555"
TOKENS = {
    "tokens": [
        {"name": f"a-{role}", "role": role, "hash": digest(secret)} for role, secret in SECRETS.items()
    ]
}


class Town:
    """A service on a world of fake hosts, with a real robot stand-in behind the robot's address."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.world = w.World(folder / "world")
        self.robot = Robot({KEY}, clock=self._stamp, sleep=self.world.later)
        (folder / "tokens.yml").write_text(json.dumps(TOKENS), encoding="utf-8")  # JSON is YAML
        (folder / "robots").write_text(
            f"https://robot.example/cgi-bin/webhook/send?key={KEY}\n", encoding="utf-8"
        )
        monkeypatch.setattr(requests.sessions.Session, "request", self._http)
        settings = Settings(
            mode="act",
            database_url=self.world.url,
            state_dir=folder,
            tokens_file=folder / "tokens.yml",
            wecom_robot_urls_file=folder / "robots",
            max_hosts_out_pct=100,
        )
        self.service = assemble(
            replace(settings, **changes),
            fleet=w.INVENTORY,
            stages=self.world.pipeline.stages,
            clock=lambda: self.world.now,
        )
        self.client = self.service.app.test_client()

    def _stamp(self) -> float:
        return self.world.now.timestamp()

    def _http(self, method: str, url: str, **options: Any) -> requests.Response:
        reply = self.robot.send(url.rpartition("key=")[2], json.dumps(options["json"]).encode())
        answer = requests.Response()
        answer.status_code, answer._content = reply.status, reply.body
        return answer

    def alert(self, *alerts: dict[str, Any]) -> Any:
        body = {"version": "4", "status": "firing", "alerts": list(alerts)}
        return self.client.post("/api/v1/alerts/alertmanager", json=body, headers=as_role("sender"))

    def live(self, seconds: int, step: int = 5) -> None:
        """Ring the bell and deliver messages while time passes."""
        for _ in range(0, seconds, step):
            for incident_id in self.service.pipeline.due():
                self.service.pipeline.advance(incident_id)
            self.service.outbox.fan_out()
            for receiver in self.service.outbox.receivers:
                self.service.outbox.deliver(receiver)
            self.world.later(step)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.client.get("/api/v1/status", headers=as_role("viewer")).get_json()
        return found

    def chat(self) -> list[str]:
        return [message.content for message in self.robot.messages]


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    made = Town(tmp_path, monkeypatch)
    yield made
    close(made.service)


def close(service: Service) -> None:
    service.prober.close()
    service.store.close()


def down(host: str = "gpu01", **labels: str) -> dict[str, Any]:
    return {
        "status": "firing", "fingerprint": "392cfc434284cb97", "startsAt": "2026-11-27T00:59:00Z",
        "labels": {"alertname": "GlmttsDown", "host": host, "port": "7860", "severity": "critical", **labels},
        "annotations": {"summary": "no answer"},
    }  # fmt: skip


def break_gpu01(town: Town) -> None:
    town.world.seen["gpu01"] = w.down(w.host("7860", "7861"))
    town.world.heals = lambda run: town.world.heal(run.host)


def test_a_dead_service_is_repaired_and_people_read_one_chain(town: Town) -> None:
    break_gpu01(town)
    assert town.alert(down()).status_code == 202
    town.live(120)
    seen = town.status()
    assert [(one["host"], one["fault"], one["state"]) for one in seen["incidents"]] == [
        ("gpu01", "service_down", "resolved")
    ]
    assert town.world.remedies() == ["restart gpu01:7860"]
    told = town.chat()
    assert "gpu01:7860" in told[0]
    assert "已恢复" in told[-1]
    assert 2 <= len(told) <= 5
    assert {row["state"] for row in seen["messages"]} == {"delivered"}


def test_the_same_alert_fifty_times_is_one_incident_and_one_run(town: Town) -> None:
    break_gpu01(town)
    answers = [town.alert(down()) for _ in range(50)]
    town.live(120)
    assert {answer.status_code for answer in answers} == {202}
    assert len(town.status()["incidents"]) == 1
    assert len(town.status()["runs"]) == 1


@pytest.mark.parametrize(
    "host", ["gpu99", "gpu01; rm -rf /", "{{ lookup('pipe','id') }}", "all", "*", "gpu01,gpu02", "", "GPU01"]
)
def test_a_host_outside_the_inventory_is_refused_and_nothing_happens(town: Town, host: str) -> None:
    answer = town.alert(down(host))
    town.live(30)
    assert answer.status_code == 400
    assert answer.get_json()["alerts"][0]["field"] == "labels.host"
    assert town.status()["incidents"] == []
    assert town.world.started == []


def test_good_alerts_beside_a_bad_one_are_stored(town: Town) -> None:
    answer = town.alert(down("gpu99"), down())
    assert answer.status_code == 202
    assert sorted(one["stored"] for one in answer.get_json()["alerts"]) == [False, True]


def test_a_sender_bound_to_hosts_reports_only_those(town: Town) -> None:
    bound = Holder("gpu02-only", Role.SENDER, frozenset({"gpu02"}))
    town.service.app.extensions["tokens"] = Tokens({digest(SECRETS["sender"]): bound})
    assert town.alert(down()).status_code == 400
    assert town.alert(down("gpu02")).status_code == 202


def test_refusals_are_written_into_the_audit(town: Town) -> None:
    town.alert(down("gpu99"))
    found = town.service.store.read(audit.latest)
    assert [(row["actor"], row["action"]) for row in found] == [("a-sender", "refuse")]


def test_in_observe_mode_nothing_is_done_and_people_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path, monkeypatch, mode="observe")
    break_gpu01(town)
    town.alert(down())
    town.live(60)
    assert town.world.started == []
    assert any("observe" in text for text in town.chat())
    close(town.service)


def test_a_stop_on_the_page_keeps_everything_from_starting_until_it_is_lifted(town: Town) -> None:
    break_gpu01(town)
    town.client.post("/api/v1/stop", json={"reason": "割接"}, headers=as_role("operator"))
    town.alert(down())
    town.live(60)
    assert town.world.started == []
    assert town.status()["stopped"] is True
    town.client.post("/api/v1/resume", headers=as_role("operator"))
    town.live(180)
    assert town.world.remedies() == ["restart gpu01:7860"]


def test_an_incident_can_be_taken_and_given_back(town: Town) -> None:
    break_gpu01(town)
    town.alert(down())
    incident = town.status()["incidents"][0]["id"]
    post = town.client.post
    assert post(f"/api/v1/incidents/{incident}/hold", headers=as_role("operator")).status_code == 200
    town.live(60)
    assert town.world.started == []
    assert town.status()["incidents"][0]["held_by"] == "a-operator"
    assert post(f"/api/v1/incidents/{incident}/resume", headers=as_role("operator")).status_code == 200
    town.live(120)
    assert town.status()["incidents"][0]["state"] == "resolved"


def test_a_run_can_be_canceled_once(town: Town) -> None:
    break_gpu01(town)
    town.world.finishes = False
    town.alert(down())
    town.live(20)
    run = town.status()["runs"][0]["id"]
    assert town.client.post(f"/api/v1/runs/{run}/cancel", headers=as_role("operator")).status_code == 200
    assert town.world.canceled == [run]
    town.world.finishes = True
    town.live(20)
    assert town.client.post(f"/api/v1/runs/{run}/cancel", headers=as_role("operator")).status_code == 409


def test_a_run_that_begins_while_it_is_canceled_is_asked_to_end(town: Town) -> None:
    break_gpu01(town)
    town.alert(down())
    while not town.status()["runs"]:
        town.service.pipeline.advance(town.status()["incidents"][0]["id"])
    run, store = town.status()["runs"][0]["id"], town.service.store
    real = store.write

    def write(work: Callable[[Connection], Any]) -> Any:
        real(lambda db: runs.began(db, run, town.world.now))
        return real(work)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "write", write)
        assert town.client.post(f"/api/v1/runs/{run}/cancel", headers=as_role("operator")).status_code == 200
    assert town.world.canceled == [run] and town.status()["runs"][0]["state"] == "running"


def test_one_incident_shows_everything_that_led_to_it(town: Town) -> None:
    break_gpu01(town)
    town.alert(down())
    town.live(120)
    incident = town.status()["incidents"][0]["id"]
    seen = town.client.get(f"/api/v1/incidents/{incident}", headers=as_role("viewer")).get_json()
    assert [one["name"] for one in seen["alerts"]] == ["GlmttsDown"]
    for part in ("evidence", "decisions", "runs", "messages"):
        assert seen[part], part


def test_the_metrics_count_the_repair(town: Town) -> None:
    break_gpu01(town)
    town.alert(down())
    town.live(120)
    text = town.client.get("/metrics", headers=as_role("viewer")).get_data(as_text=True)
    assert 'remediator_incidents{state="resolved"} 1.0' in text
    assert "remediator_repair_seconds_count 1.0" in text
    assert "remediator_outbox_due 0.0" in text


def test_the_robots_key_shows_nowhere(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    break_gpu01(town)
    town.robot.script.add("errcode", "93000", times=3)
    town.alert(down())
    town.live(120)
    assert KEY not in json.dumps(town.status(), ensure_ascii=False)
    assert KEY not in caplog.text
    assert KEY not in _dump(town)


def _dump(town: Town) -> str:
    file = Path(town.world.url.removeprefix("sqlite:///"))
    return b"".join(part.read_bytes() for part in file.parent.glob(file.name + "*")).decode("latin-1")


def test_not_ready_until_the_bell_rings(town: Town) -> None:
    answer = town.client.get("/readyz", headers=as_role("viewer"))
    assert answer.status_code == 503
    assert answer.get_json()["problems"] == ["the dispatcher does not run"]


def test_the_loops_start_and_stop(town: Town) -> None:
    town.service.start()
    assert town.client.get("/readyz", headers=as_role("viewer")).status_code == 200
    town.service.stop()
