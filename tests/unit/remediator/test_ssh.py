"""Commands on hosts: quoted, bounded, and with honest reasons when nothing comes back."""

import shlex
from pathlib import Path

import pytest

from remediator.settings import Settings
from remediator.ssh import Address, Ssh, SshFailed, SshOptions, SshTimedOut, SshTooMuch

GPU01 = Address("gpu01", "10.77.0.11")
BOUND_S = 60


@pytest.fixture
def ssh_that(tmp_path):
    """Return a function that makes an Ssh whose program is a short script; it keeps its arguments."""

    def make(script):
        program = tmp_path / "ssh"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/argv\n{script}\n', encoding="utf-8")
        program.chmod(0o755)
        return Ssh(SshOptions("glmtts-remedy", Path("/k"), Path("/h"), tmp_path / "cp", program=str(program)))

    return make


def run(ssh, command=("true",), timeout_s=BOUND_S, max_bytes=1000):
    return ssh.run(GPU01, command, timeout_s=timeout_s, max_bytes=max_bytes)


def test_the_answer_holds_status_and_both_streams(ssh_that):
    answer = run(ssh_that("echo out; echo err >&2; exit 3"))
    assert (answer.status, answer.stdout, answer.stderr) == (3, b"out\n", "err")


def test_an_argument_stays_one_argument_on_the_far_side(ssh_that, tmp_path):
    run(ssh_that(""), ("speak", "7860; rm -rf / $(id)"))
    sent = (tmp_path / "argv").read_text(encoding="utf-8").splitlines()[-1]
    assert shlex.split(sent) == ["speak", "7860; rm -rf / $(id)"]


def test_an_address_is_never_taken_for_an_option(ssh_that, tmp_path):
    ssh_that("").run(Address("gpu01", "-oProxyCommand=id"), ["true"], timeout_s=BOUND_S, max_bytes=10)
    sent = (tmp_path / "argv").read_text(encoding="utf-8").splitlines()
    assert sent[sent.index("--") + 1] == "-oProxyCommand=id"


def test_ssh_own_failure_is_told_with_its_reason(ssh_that):
    with pytest.raises(SshFailed, match="No route to host"):
        run(ssh_that("echo 'connect to host: No route to host' >&2; exit 255"))


def test_a_command_that_does_not_end_is_cut_off(ssh_that):
    with pytest.raises(SshTimedOut):
        run(ssh_that("exec sleep 600"), timeout_s=0.2)


def test_a_command_that_closes_its_output_and_lives_on_is_cut_off(ssh_that):
    with pytest.raises(SshTimedOut):
        run(ssh_that("exec sleep 600 >&- 2>&-"), timeout_s=0.2)


def test_endless_output_is_cut_off(ssh_that):
    with pytest.raises(SshTooMuch):
        run(ssh_that("exec yes"))


def test_endless_complaints_do_no_harm(ssh_that):
    answer = run(ssh_that("head -c 1000000 /dev/zero >&2; echo done"))
    assert answer.stdout == b"done\n"
    assert len(answer.stderr) < 10_000


def test_host_keys_are_always_checked_and_nothing_is_asked():
    flags = " ".join(SshOptions.from_settings(Settings()).arguments())
    assert "StrictHostKeyChecking=yes" in flags
    assert "BatchMode=yes" in flags
    assert "UserKnownHostsFile=/var/lib/remediator/ssh/known_hosts" in flags


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        pytest.param({}, Address("gpu01", "gpu01", 22), id="no variables: the name itself"),
        pytest.param({"ansible_host": "10.77.0.11"}, GPU01, id="an address"),
        pytest.param({"ansible_port": "2222"}, Address("gpu01", "gpu01", 2222), id="a port as text"),
    ],
)
def test_the_address_comes_from_the_inventory(variables, address):
    assert Address.from_vars("gpu01", variables) == address
