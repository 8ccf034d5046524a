"""A port is freed from a stray of this very service, and from nobody else."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from glmtts_remedy import examine, ports, proc
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import Refused

LISTEN = """
import signal, socket, sys
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    print(listener.getsockname()[1], flush=True)
    signal.pause()
"""


def start(folder: Path, module: str, *words: str) -> tuple[subprocess.Popen[str], int]:
    """Start `python -m MODULE serve` that listens on a port of its own; return process and port."""
    (folder / f"{module}.py").write_text(LISTEN)
    argv = [sys.executable, "-m", module, "serve", *words]
    process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


@pytest.fixture
def stray(tmp_path, request) -> Iterator[tuple[subprocess.Popen[str], int]]:
    process, port = start(tmp_path, *getattr(request, "param", ("tts_app",)))
    yield process, port
    process.kill()
    process.communicate()


def host(config: Config, port: int) -> Config:
    user = proc.user_of(os.getpid())
    return replace(config, user=user, instances={str(port): Instance(port)})


def test_a_stray_of_our_own_is_ended_and_the_port_is_free(config, stray):
    process, port = stray
    answer = ports.free(host(config, port), str(port), process.pid, proc.start_time(process.pid))
    assert (answer["freed"], answer["signal"]) == (True, "SIGTERM")
    assert process.wait(timeout=60) == -signal.SIGTERM
    assert proc.port_owners({port}) == {port: []}


@pytest.mark.parametrize(
    ("stray", "says"), [(("tts_app",), True), (("http_server",), False)], indirect=["stray"]
)
def test_the_evidence_tells_a_stray_of_our_own_from_another_program(config, stray, says):
    process, port = stray
    owner = examine._owners(host(config, port), {port})[str(port)]["owners"][0]
    assert (owner["pid"], owner["ours"], owner["stray"]) == (process.pid, False, says)


@pytest.mark.parametrize("stray", [("tts_app", "deaf")], indirect=True)
def test_a_stray_that_ignores_sigterm_is_killed(config, stray, monkeypatch):
    monkeypatch.setattr(ports, "TERM_WAIT_S", 0.0)
    monkeypatch.setattr(ports, "KILL_WAIT_S", 60.0)
    process, port = stray
    answer = ports.free(host(config, port), str(port), process.pid, proc.start_time(process.pid))
    assert answer["signal"] == "SIGKILL"


@pytest.mark.parametrize("stray", [("http_server",)], indirect=True)
def test_another_program_is_left_alone_and_named(config, stray):
    process, port = stray
    with pytest.raises(Refused, match=r"held by another program: .*http_server"):
        ports.free(host(config, port), str(port), process.pid, proc.start_time(process.pid))
    assert process.poll() is None


def test_a_process_of_another_user_is_left_alone(config, stray):
    process, port = stray
    with pytest.raises(Refused, match="another program"):
        ports.free(
            replace(host(config, port), user="glmtts"), str(port), process.pid, proc.start_time(process.pid)
        )
    assert process.poll() is None


def test_a_process_id_that_was_given_to_another_process_is_left_alone(config, stray):
    process, port = stray
    with pytest.raises(Refused, match="not the one that was seen"):
        ports.free(host(config, port), str(port), process.pid, proc.start_time(process.pid) - 1)
    assert process.poll() is None


def test_a_process_that_does_not_hold_the_port_is_left_alone(config, stray):
    process, port = stray
    other = port - 1 if port > 1024 else port + 1
    with pytest.raises(Refused, match="does not hold"):
        ports.free(host(config, other), str(other), process.pid, proc.start_time(process.pid))
    assert process.poll() is None


def test_the_service_itself_is_never_ended_this_way(config, stray, monkeypatch):
    process, port = stray
    monkeypatch.setattr(proc, "instance_of", lambda pid: "7861")
    with pytest.raises(Refused, match="belongs to instance 7861"):
        ports.free(host(config, port), str(port), process.pid, proc.start_time(process.pid))
    assert process.poll() is None


def test_a_process_that_is_gone_is_an_answer(config):
    with pytest.raises(Refused, match="is gone"):
        ports.free(host(config, 7860), "7860", 2**22 - 1, 1)
