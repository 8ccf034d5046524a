"""A run's process plays one playbook on one host and always leaves an outcome."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from remediator import run_files, run_tree
from remediator.run_environment import as_data, extra_variables, inventory
from remediator.run_files import BadRequest, RunRequest
from remediator.settings import Settings

BOUND_S = 120  # a bound for a loaded machine, never a wait
HOSTILE = "{{ lookup('pipe', 'touch PWNED') }}; $(touch PWNED) \" ' ../.. 你好"

PLAYBOOK = """
- name: Try
  hosts: "{{ target | default('set-target') }}"
  gather_facts: false
  tasks:
    - name: Show what arrived
      ansible.builtin.command:
        argv: ["{{ ansible_playbook_python }}", "{{ playbook_dir }}/show.py", "{{ note | default('') }}"]
      register: shown
      changed_when: false
    - name: Tell the result
      ansible.builtin.set_stats:
        data:
          remedy_result:
            host: "{{ inventory_hostname }}"
            hosts: "{{ ansible_play_hosts_all }}"
            instance: "{{ instance | default(none) }}"
            run_id: "{{ run_id }}"
            shown: "{{ shown.stdout | from_json }}"
"""
SHOW = """
import json, os, sys
print(json.dumps({"note": sys.argv[1], "names": sorted(os.environ), "cwd": os.getcwd()}))
"""
FAILING = """
- name: Try
  hosts: "{{ target }}"
  gather_facts: false
  tasks:
    - name: Break on purpose
      ansible.builtin.fail:
        msg: the disk is still full
"""
RESCUED = """
- name: Try
  hosts: "{{ target }}"
  gather_facts: false
  tasks:
    - name: Make good
      block:
        - name: Break on purpose
          ansible.builtin.fail:
            msg: first way did not work
      rescue:
        - name: Take the second way
          ansible.builtin.set_stats:
            data: {remedy_result: {way: second}}
"""
SLOW = """
- name: Try
  hosts: "{{ target }}"
  gather_facts: false
  tasks:
    - name: Tell that it began
      ansible.builtin.file: {path: "{{ mark }}", state: touch, mode: "0600"}
    - name: Take long
      ansible.builtin.command: {argv: [sleep, "{{ seconds }}"]}
      changed_when: false
"""


def make_place(folder):
    """Make a state folder and a folder with playbooks."""
    playbooks = folder / "release" / "playbooks"
    playbooks.mkdir(parents=True)
    for name, text in {"show": PLAYBOOK, "failing": FAILING, "rescued": RESCUED, "slow": SLOW}.items():
        (playbooks / f"{name}.yml").write_text(text, encoding="utf-8")
    (playbooks / "show.py").write_text(SHOW, encoding="utf-8")
    return folder


@pytest.fixture
def place(tmp_path):
    return make_place(tmp_path)


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """One run that was handed hostile text: (its place, its exit status, its outcome)."""
    where = make_place(tmp_path_factory.mktemp("shown"))
    return where, *play(where, request("show", instance="7860", args={"note": HOSTILE}))


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    """One run whose playbook fails."""
    where = make_place(tmp_path_factory.mktemp("failed"))
    return where, *play(where, request("failing"))


def request(playbook, **values):
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return RunRequest("r-1", playbook, "gpu01", host_vars=local, groups=("gpu_hosts",), **values)


def environment(place):
    return {
        "PATH": os.environ["PATH"],
        "SMTP_PASSWORD": "hush",
        "REMEDIATOR_STATE_DIR": str(place),
        "REMEDIATOR_PLAYBOOKS_DIR": str(place / "release" / "playbooks"),
        "TMPDIR": str(place),
    }


def command():
    return [sys.executable, "-m", "remediator.run_process", "r-1"]


def play(place, wanted):
    """Carry out `wanted` in a process of its own; return (its exit status, the outcome)."""
    wanted.write(place / "runs" / "r-1")
    done = subprocess.run(
        command(), env=environment(place), capture_output=True, timeout=BOUND_S, check=False
    )
    return done.returncode, outcome(place)


def outcome(place):
    path = place / "runs" / "r-1" / "outcome.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def sleepers(seconds):
    return [
        entry.parent.name
        for entry in Path("/proc").glob("[0-9]*/cmdline")
        if readable(entry) == f"sleep\0{seconds}\0".encode()
    ]


def readable(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_a_playbooks_own_result_becomes_the_outcome(shown):
    _, code, told = shown
    assert (code, told["state"], told["rc"]) == (0, "ok", 0), told
    assert told["result"]["host"] == "gpu01"
    assert told["result"]["hosts"] == ["gpu01"]
    assert told["result"]["instance"] == "7860"
    assert told["result"]["run_id"] == "r-1"


def test_hostile_text_arrives_as_text_and_is_not_evaluated(shown):
    place, _, told = shown
    assert told["result"]["shown"]["note"] == HOSTILE
    assert list(place.rglob("PWNED")) == []
    assert not Path("PWNED").exists()


def test_nothing_of_the_starters_environment_reaches_ansible(shown):
    place, _, told = shown
    names = told["result"]["shown"]["names"]
    assert not [name for name in names if name.startswith(("SMTP", "REMEDIATOR"))]
    written = b"".join(path.read_bytes() for path in place.rglob("*") if path.is_file())
    assert b"hush" not in written


def test_nothing_is_left_of_the_private_folder(shown):
    assert [path.name for path in shown[0].iterdir() if path.name.startswith("run-")] == []


def test_a_failed_task_is_named_with_its_message(failed):
    _, code, told = failed
    assert code == 1
    assert (told["state"], told["failed_task"]) == ("failed", "Break on purpose")
    assert told["summary"] == "Break on purpose: the disk is still full"


def test_events_are_kept_as_one_line_each(failed):
    lines = (failed[0] / "runs" / "r-1" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert {"runner_on_failed", "playbook_on_stats"} <= {event["event"] for event in events}
    assert "the disk is still full" in [event.get("message") for event in events]


def test_a_failure_that_the_playbook_made_good_is_none(place):
    code, told = play(place, request("rescued"))
    assert (code, told["state"], told["failed_task"]) == (0, "ok", None)
    assert told["result"] == {"way": "second"}


def test_a_run_that_takes_too_long_is_ended_with_all_it_started(place):
    mark = place / "began"
    code, told = play(place, request("slow", args={"mark": str(mark), "seconds": "987654"}, timeout_s=6))
    assert (code, told["state"]) == (1, "failed")
    assert told["summary"] == "not finished within 6 s"
    assert sleepers(987654) == []


def test_sigterm_cancels_a_run_with_all_it_started(place):
    mark = place / "began"
    request("slow", args={"mark": str(mark), "seconds": "987655"}, timeout_s=BOUND_S).write(
        place / "runs" / "r-1"
    )
    with subprocess.Popen(command(), env=environment(place)) as process:
        wait_for(lambda: process.poll() is not None or (mark.exists() and sleepers(987655)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=BOUND_S) == 1
    assert outcome(place)["state"] == "canceled"
    assert sleepers(987655) == []


def wait_for(condition):
    until = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def test_a_request_is_carried_out_once(place):
    request("failing").write(place / "runs" / "r-1")
    run_files.take(place / "runs" / "r-1", 1)
    assert play(place, request("failing")) == (3, None)


def test_a_request_that_cannot_be_read_does_nothing(place):
    folder = place / "runs" / "r-1"
    folder.mkdir(parents=True)
    (folder / "request.json").write_text('{"run_id": "r-1"', encoding="utf-8")
    done = subprocess.run(
        command(), env=environment(place), capture_output=True, timeout=BOUND_S, check=False
    )
    assert (done.returncode, outcome(place)) == (2, None)


@pytest.mark.parametrize(
    "host", ["", "all", "*", "~.*", "!gpu01", "a,b", "a:b", "@hosts", "localhost", "gpu01\n"]
)
def test_a_host_that_could_mean_more_than_one_is_refused(host):
    with pytest.raises(BadRequest):
        RunRequest("r-1", "restart", host)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"run_id": "../../etc"}, id="a run id that leaves its folder"),
        pytest.param({"playbook": "../deploy"}, id="a playbook elsewhere"),
        pytest.param({"instance": "7860; id"}, id="an instance that is no port"),
        pytest.param({"args": {"ansible_connection": "local"}}, id="an argument that steers Ansible"),
        pytest.param({"args": {"{{ x }}": 1}}, id="an argument whose name is a template"),
    ],
)
def test_a_request_with_a_doubtful_name_is_refused(values):
    with pytest.raises(BadRequest):
        RunRequest(**{"run_id": "r-1", "playbook": "restart", "host": "gpu01", **values})


def test_every_text_is_wrapped_however_deep():
    assert as_data({"a": ["x", {"b": "y"}], "n": 1}) == {
        "a": [{"__ansible_unsafe": "x"}, {"b": {"__ansible_unsafe": "y"}}],
        "n": 1,
    }


def test_become_is_switched_off_whatever_a_play_says():
    assert extra_variables(request("show"))["ansible_become"] is False


def test_the_inventory_holds_one_host_with_the_remediation_identity():
    everything = inventory(request("show"), Settings(state_dir=Path("/srv/state")))["all"]
    hosts = everything["hosts"]
    assert list(hosts) == ["gpu01"]
    assert everything["vars"] == {"capture_dir": "/srv/state/captures"}
    assert hosts["gpu01"]["ansible_user"] == "glmtts-remedy"


def test_descendants_in_sessions_of_their_own_are_found():
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as child:
        try:
            assert child.pid in run_tree.descendants(os.getpid())
        finally:
            child.kill()
