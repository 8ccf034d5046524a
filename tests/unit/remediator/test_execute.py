"""Runs are started once, followed by whoever looks, and never forgotten."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from remediator import run_files
from remediator.errors import ExecuteError
from remediator.execute import Executor, SessionRunner, SystemdRunner
from remediator.model import Run
from remediator.run_files import BadRequest, RunRequest
from remediator.states import RunState

NOW = datetime(2026, 11, 27, 1, 2, 3, tzinfo=UTC)
BOUND_S = 60
UNIT = "remediator-run@r-1.service"


def run(**changes):
    values = {
        "id": "r-1",
        "incident_id": "i-1",
        "host": "gpu01",
        "instance": "7860",
        "fault": "service_down",
        "remedy": "restart",
        "playbook": "restart.yml",
        "args": {"keep_days": 7},
        "rung": 0,
        "state": RunState.QUEUED,
        "timeout_s": 120,
        "disruptive": True,
        "created_at": NOW,
    }
    return Run(**{**values, **changes})


def hosts(name):
    return {"ansible_host": "10.77.0.11"}, ("gpu_hosts",)


class Systemd:
    """Stands for systemctl: notes calls, says what it was told to say."""

    def __init__(self, state="active", status=0):
        self.state, self.status, self.calls = state, status, []

    def __call__(self, *arguments):
        self.calls.append(arguments)
        return subprocess.CompletedProcess(arguments, self.status, f"{self.state}\n", "Access denied")


def leave_outcome(folder, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    outcome = {
        "state": "ok",
        "rc": 0,
        "summary": "",
        "failed_task": None,
        "result": {"freed_mb": 12},
        **changes,
    }
    run_files.write_json(folder / "outcome.json", outcome)


def executor(tmp_path, systemd):
    return Executor(tmp_path, SystemdRunner(systemd), hosts)


def test_the_request_is_written_before_the_unit_starts(tmp_path):
    systemd = Systemd()
    executor(tmp_path, systemd).start(run())
    assert RunRequest.read(tmp_path / "r-1") == RunRequest(
        "r-1",
        "restart",
        "gpu01",
        "7860",
        {"keep_days": 7},
        120,
        {"ansible_host": "10.77.0.11"},
        ("gpu_hosts",),
    )
    assert systemd.calls == [("start", UNIT)]


def test_a_run_that_was_taken_is_not_started_again(tmp_path):
    systemd = Systemd()
    executor(tmp_path, systemd).start(run())
    run_files.take(tmp_path / "r-1", 1)
    executor(tmp_path, systemd).start(run())
    assert systemd.calls == [("start", UNIT)]


def test_a_refused_start_is_an_error(tmp_path):
    with pytest.raises(ExecuteError, match="Access denied"):
        executor(tmp_path, Systemd(status=1)).start(run())


@pytest.mark.parametrize("changes", [{"id": "../x"}, {"host": "all"}, {"playbook": "../../etc/x.yml"}])
def test_a_run_with_a_doubtful_name_is_not_started(tmp_path, changes):
    systemd = Systemd()
    with pytest.raises(ExecuteError):
        executor(tmp_path, systemd).start(run(**changes))
    assert systemd.calls == []


@pytest.mark.parametrize("state", ["active", "activating", "deactivating", "reloading"])
def test_a_living_unit_has_no_outcome_yet(tmp_path, state):
    assert executor(tmp_path, Systemd(state)).poll(run()) is None


def test_no_answer_from_systemd_decides_nothing(tmp_path):
    assert executor(tmp_path, Systemd(status=1)).poll(run()) is None


@pytest.mark.parametrize("state", ["inactive", "failed"])
def test_a_unit_gone_without_an_outcome_was_abandoned(tmp_path, state):
    assert executor(tmp_path, Systemd(state)).poll(run()).state == "abandoned"


def test_the_outcome_on_disk_counts_whatever_the_unit_does(tmp_path):
    leave_outcome(tmp_path / "r-1")
    seen = executor(tmp_path, Systemd("failed")).poll(run())
    assert (seen.state, seen.rc, seen.summary) == ("ok", 0, {"freed_mb": 12})


def test_an_outcome_written_while_systemd_answers_is_seen(tmp_path):
    class EndsMeanwhile(Systemd):
        def __call__(self, *arguments):
            leave_outcome(tmp_path / "r-1")
            return super().__call__(*arguments)

    assert executor(tmp_path, EndsMeanwhile("inactive")).poll(run()).state == "ok"


def test_a_failed_run_says_which_task_and_why(tmp_path):
    leave_outcome(
        tmp_path / "r-1", state="failed", rc=2, summary="Restart: no", failed_task="Restart", result={}
    )
    seen = executor(tmp_path, Systemd()).poll(run())
    assert (seen.state, seen.failed_task, seen.summary) == ("failed", "Restart", {"error": "Restart: no"})


def test_cancelling_stops_the_unit(tmp_path):
    systemd = Systemd()
    executor(tmp_path, systemd).cancel(run())
    assert systemd.calls == [("stop", "--no-block", UNIT)]


def test_only_run_ids_become_unit_names(tmp_path):
    with pytest.raises(BadRequest):
        executor(tmp_path, Systemd()).cancel(run(id="x.service remediator"))


PROGRAM = """
import json, os, signal, sys, time
folder = os.path.join(os.environ["RUNS"], sys.argv[1])
open(os.path.join(folder, "started"), "w").write(str(os.getpid()))
def end(*_):
    json.dump({"state": "canceled"}, open(os.path.join(folder, "new"), "w"))
    os.rename(os.path.join(folder, "new"), os.path.join(folder, "outcome.json"))
    sys.exit(1)
signal.signal(signal.SIGTERM, end)
open(os.path.join(folder, "ready"), "w").close()
while True:
    time.sleep(60)
"""


@pytest.fixture
def session(tmp_path):
    """An executor whose runs are real processes that wait for a signal; they are ended afterwards."""
    environment = {"RUNS": str(tmp_path), "PATH": os.environ["PATH"]}
    runner = SessionRunner(environment, (sys.executable, "-c", PROGRAM))
    yield Executor(tmp_path, runner, hosts)
    for path in tmp_path.glob("*/started"):
        name = path.parent.name
        if Executor(tmp_path, runner, hosts).poll(run(id=name)) is None:
            os.kill(int(path.read_text(encoding="ascii")), 9)
        wait_for(lambda name=name: runner.alive(name, tmp_path / name) is False)


def wait_for(condition):
    until = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def test_a_session_lives_until_it_is_cancelled(session, tmp_path):
    session.start(run())
    wait_for((tmp_path / "r-1" / "ready").exists)
    assert session.poll(run()) is None
    session.cancel(run())
    wait_for(lambda: session.poll(run()))
    assert session.poll(run()).state == "canceled"


def test_a_session_is_adopted_by_another_remediator(session, tmp_path):
    session.start(run())
    wait_for((tmp_path / "r-1" / "ready").exists)
    another = Executor(tmp_path, SessionRunner({}), hosts)
    assert another.poll(run()) is None
    another.cancel(run())
    wait_for(lambda: another.poll(run()))
    assert another.poll(run()).state == "canceled"


def test_a_killed_session_was_abandoned(session, tmp_path):
    session.start(run())
    wait_for((tmp_path / "r-1" / "ready").exists)
    os.kill(int((tmp_path / "r-1" / "started").read_text(encoding="ascii")), 9)
    wait_for(lambda: session.poll(run()))
    assert session.poll(run()).state == "abandoned"


def test_a_session_is_not_started_twice(session, tmp_path):
    session.start(run())
    wait_for((tmp_path / "r-1" / "ready").exists)
    first = (tmp_path / "r-1" / "started").read_text(encoding="ascii")
    session.start(run())
    assert (tmp_path / "r-1" / "started").read_text(encoding="ascii") == first


def test_a_file_is_seen_whole_or_not_at_all(tmp_path):
    run_files.write_json(tmp_path / "a.json", {"text": "你好"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"text": "你好"}
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
