"""The commands: help everywhere, errors with field and fix, decisions under the user's name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from remediator.cli import main
from remediator.execute import Executor
from remediator.store import Store, approvals, audit, holds, runs, schema
from remediator.tokens import load_tokens
from tests.unit.remediator import world as w

INVENTORY = "all: {children: {gpu_hosts: {hosts: {gpu01: {glmtts_instances: [{port: 7860}]}}}}}\n"
ROOT = Path(__file__).parents[3]


class Shell:
    """Runs commands against a world's database."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = w.World(folder / "world")
        for name in ("id_ed25519", "known_hosts"):
            (folder / "ssh").mkdir(exist_ok=True)
            (folder / "ssh" / name).write_text("x", encoding="utf-8")
        (folder / "hosts.yml").write_text(INVENTORY, encoding="utf-8")
        self.env = {
            "REMEDIATOR_DATABASE_URL": self.world.url,
            "REMEDIATOR_STATE_DIR": str(folder),
            "REMEDIATOR_TOKENS_FILE": str(folder / "tokens.yml"),
            "REMEDIATOR_INVENTORY": str(folder / "hosts.yml"),
            "REMEDIATOR_PLAYBOOKS_DIR": str(ROOT / "playbooks"),
            "REMEDIATOR_LANGUAGE": "en",
            "SUDO_USER": "ann",
        }

    def __call__(self, *words: str, **env: str) -> Result:
        return CliRunner().invoke(main, list(words), env={**self.env, **env})

    def json(self, *words: str) -> Any:
        answer = self(*words)
        assert answer.exit_code == 0, answer.output
        return json.loads(answer.stdout)

    def trouble(self) -> str:
        """Let gpu01 break and the pipeline repair it; return the incident's id."""
        self.world.seen["gpu01"] = w.down(w.host("7860", "7861"))
        self.world.heals = lambda run: self.world.heal(run.host)
        self.world.pipeline.accept([w.alert()])
        return self.world.incident().id


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    made = Shell(tmp_path)
    yield made
    made.world.store.close()


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


@pytest.mark.parametrize("words", list(commands(main)), ids=" ".join)
def test_every_command_explains_itself(words: tuple[str, ...]) -> None:
    answer = CliRunner().invoke(main, [*words, "--help"])
    assert answer.exit_code == 0
    assert len(answer.output.splitlines()[2]) > 10


def test_check_is_content_with_what_is_right(shell: Shell) -> None:
    shell("token", "new", "am", "--role", "sender", "--add")
    answer = shell("check")
    assert (answer.exit_code, answer.output) == (0, "ok\n")


def test_check_tells_every_problem_at_once(shell: Shell) -> None:
    (shell.folder / "ssh" / "known_hosts").unlink()
    answer = shell(
        "check",
        REMEDIATOR_PLAYBOOKS_DIR=str(shell.folder),
        REMEDIATOR_ONCALL_FILE=str(shell.folder / "none"),
        REMEDIATOR_DATABASE_URL="nonsense",
    )
    assert answer.exit_code == 2
    for words in ("playbook: ", "tokens_file: ", "oncall_file: ", "database_url: ", "ssh_known_hosts: "):
        assert f"problem: {words}" in answer.output or words in answer.output


def test_check_says_which_setting_is_wrong(shell: Shell) -> None:
    answer = shell("check", REMEDIATOR_MODE="destroy")
    assert answer.exit_code == 2
    assert "problem: mode: must be one of observe, propose, act" in answer.output


def test_serve_does_not_start_with_wrong_settings(shell: Shell) -> None:
    assert shell("serve", REMEDIATOR_LISTEN="x").exit_code == 2


def test_a_new_token_is_shown_once_and_kept_as_a_hash(shell: Shell) -> None:
    answer = shell("token", "new", "am", "--role", "sender", "--host", "gpu01", "--add")
    token = answer.output.strip().removeprefix("token: ")
    file = shell.folder / "tokens.yml"
    holder = load_tokens(file).holder(token)
    assert holder is not None
    assert (holder.name, holder.role, holder.hosts) == ("am", "sender", {"gpu01"})
    assert token not in file.read_text(encoding="utf-8")
    assert file.stat().st_mode & 0o007 == 0


def test_a_tokens_name_is_taken_only_once(shell: Shell) -> None:
    shell("token", "new", "am", "--role", "sender", "--add")
    assert shell("token", "new", "am", "--role", "viewer", "--add").exit_code == 2


def test_without_add_the_entry_is_printed(shell: Shell) -> None:
    assert "role: viewer" in shell("token", "new", "me", "--role", "viewer").output
    assert not (shell.folder / "tokens.yml").exists()


def test_the_database_is_brought_up_to_date(shell: Shell) -> None:
    url = f"sqlite:///{shell.folder}/new/r.db"
    assert shell("db", "upgrade", REMEDIATOR_DATABASE_URL=url).exit_code == 0
    assert shell("db", "upgrade", REMEDIATOR_DATABASE_URL=url).exit_code == 0


def test_incidents_runs_and_messages_are_listed(shell: Shell) -> None:
    incident = shell.trouble()
    shell.world.live(120)
    assert [(one["id"], one["state"]) for one in shell.json("incidents", "--json")["incidents"]] == [
        (incident, "resolved")
    ]
    assert shell.json("runs", "--json")["runs"][0]["remedy"] == "restart"
    assert shell.json("messages", "--json")["messages"][-1]["kind"] == "opened"
    for what in ("incidents", "runs", "messages"):
        assert "gpu01" in shell(what).output


def test_why_explains_an_incident(shell: Shell) -> None:
    incident = shell.trouble()
    shell.world.live(120)
    assert "service_down" in shell("why", incident).output
    assert "判定" in shell("why", incident, "--lang", "zh").output


@pytest.mark.parametrize("command", ["why", "ack", "hold", "release", "approve", "deny", "cancel"])
def test_an_unknown_id_is_said_so(shell: Shell, command: str) -> None:
    answer = shell(command, "nothing-of-this-name")
    assert answer.exit_code == 1
    assert answer.output.startswith("error: no ")


def test_a_run_that_has_not_begun_is_taken_back_once(shell: Shell) -> None:
    incident = shell.trouble()
    while not shell.world.runs():
        shell.world.pipeline.advance(incident)
    run = shell.world.runs()[0].id
    assert shell("cancel", run).output == f"canceling {run}\n"
    assert shell.world.runs()[0].state == "canceled"
    assert f"run {run} has ended: canceled" in shell("cancel", run).output
    assert [row["action"] for row in shell.world.store.read(audit.latest)] == ["cancel"]


def test_a_run_that_begins_while_it_is_canceled_is_asked_to_end(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = shell.trouble()
    while not shell.world.runs():
        shell.world.pipeline.advance(incident)
    run, write, asked = shell.world.runs()[0].id, Store.write, list[str]()

    def slow(self: Store, work: Callable[[Connection], Any]) -> Any:
        write(self, lambda db: runs.began(db, run, shell.world.now))
        return write(self, work)

    monkeypatch.setattr(Store, "write", slow)
    monkeypatch.setattr(Executor, "cancel", lambda self, one: asked.append(one.id))
    assert shell("cancel", run).exit_code == 0
    assert asked == [run] and shell.world.runs()[0].state == "running"


@pytest.fixture
def asked(shell: Shell) -> approvals.Approval:
    """Return what was asked: gpu01's card needs a reset. The commands go by the real clock, so does the world."""
    world = shell.world
    world.now = datetime.now(UTC)
    world.seen["gpu01"] = w.edit(w.host("7860", "7861"), "gpus.0.recovery_action", "Reset")
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([w.alert(port=None)])
    world.work()
    return world.store.read(lambda db: approvals.open_ones(db, world.now))[0]


def test_what_was_asked_is_approved_once_and_done_under_the_users_name(
    shell: Shell, asked: approvals.Approval
) -> None:
    assert shell("approve", asked.id).output == f"approved for {asked.incident_id}\n"
    again = shell("approve", asked.id)
    assert (again.exit_code, "is already approved" in again.output) == (1, True)
    shell.world.live(120)
    assert shell.world.remedies() == ["gpu_reset gpu01:*"] and shell.world.state() == "resolved"
    assert "is already used" in shell("approve", asked.id).output
    found = shell.world.store.read(audit.latest)
    assert ("cli:ann", "approve", asked.id) in [
        (row["actor"], row["action"], row["subject"]) for row in found
    ]


def test_what_was_denied_is_not_done_and_people_are_told_by_whom(
    shell: Shell, asked: approvals.Approval
) -> None:
    assert shell("deny", asked.id).exit_code == 0
    assert shell("approve", asked.id).exit_code == 1
    shell.world.live(300)
    assert shell.world.runs() == [] and shell.world.state() == "escalated"
    assert "cli:ann" in (shell.world.incident().note or {})["en"]


def test_what_nobody_approved_in_time_cannot_be_approved_any_more(
    shell: Shell, asked: approvals.Approval
) -> None:
    expired = asked.expires_at - timedelta(hours=2)
    shell.world.store.write(lambda db: db.execute(schema.approval.update().values(expires_at=expired)))
    answer = shell("approve", asked.id)
    assert (answer.exit_code, "has expired" in answer.output) == (1, True)
    shell.world.live(120)
    assert shell.world.runs() == [] and shell.world.state() == "escalated"


def test_a_stop_holds_until_it_is_lifted_and_is_audited(shell: Shell) -> None:
    shell("stop", "--reason", "割接")
    assert [one.by for one in shell.world.store.read(lambda db: holds.active(db, w.NOW))] == ["cli:ann"]
    assert shell("resume").output == "lifted 1\n"
    found = shell.world.store.read(audit.latest)
    assert [(row["actor"], row["action"]) for row in found] == [("cli:ann", "resume"), ("cli:ann", "stop")]


def test_an_incident_is_acknowledged_held_and_released(shell: Shell) -> None:
    incident = shell.trouble()
    assert shell("ack", incident).exit_code == 0
    assert shell("hold", incident, "--reason", "mine").exit_code == 0
    assert (shell.world.incident().state, shell.world.incident().acked_by) == ("held", "cli:ann")
    assert shell("release", incident).exit_code == 0
    assert shell("release", incident).exit_code == 1


def test_replay_decides_and_does_nothing(shell: Shell) -> None:
    body = {
        "version": "4",
        "alerts": [
            {"status": "firing", "labels": {"alertname": "A", "host": "gpu01"}, "fingerprint": "f",
             "startsAt": "2026-11-27T01:00:00Z"},
            {"status": "firing", "labels": {"alertname": "A", "host": "other"}, "fingerprint": "g",
             "startsAt": "2026-11-27T01:00:00Z"},
        ],
    }  # fmt: skip
    file = shell.folder / "recorded.jsonl"
    file.write_text(json.dumps({"t": 1795365468, "path": "/x", "body": body}) + "\n", encoding="utf-8")
    lines = [json.loads(line) for line in shell("replay", str(file), "--json").stdout.splitlines()]
    assert {line["host"] for line in lines} == {None, "gpu01"}
    assert "gpu01" in shell("replay", str(file)).output
    assert shell.json("incidents", "--json")["incidents"] == []


def test_a_notification_test_without_a_channel_says_what_to_set(shell: Shell) -> None:
    answer = shell("notify", "test")
    assert answer.exit_code == 2
    assert "wecom_robot_urls_file" in answer.output


def test_a_notification_test_prints_what_the_server_answered_and_no_secret(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    import requests

    def request(_self: object, _method: str, _url: str, **_options: Any) -> requests.Response:
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"errcode": 93000, "errmsg": "key=SECRET"}'
        return answer

    def sessions_request(self: object, method: str, url: str, **options: Any) -> requests.Response:
        return request(self, method, url, **options)

    monkeypatch.setattr(requests.sessions.Session, "request", sessions_request)
    (shell.folder / "robots").write_text("https://robot.example/send?key=SECRET\n", encoding="utf-8")
    answer = shell(
        "notify", "test", "--kind", "opened", REMEDIATOR_WECOM_ROBOT_URLS_FILE=str(shell.folder / "robots")
    )
    assert answer.exit_code == 1
    assert answer.output == "wecom  robot 1  opened  failed: errcode 93000: no such robot\n"
