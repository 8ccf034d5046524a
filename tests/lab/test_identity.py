"""What the remediation identity can't do: every way out of its one sudo line, tried on a real host."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.keys import ensure_keys
from tests.lab.lab import Lab
from tests.lab.machine import Machine
from tests.lab.proc import call

pytestmark = [pytest.mark.lab, pytest.mark.slow]
HELPER = "/usr/local/sbin/glmtts-remedy"
USER = "glmtts-remedy"
HOST = "gpu01"
EVIL = "/tmp/evil"
# What an attack would change; the marks are what evil code would leave.
STATE = (
    f"sha256sum {HELPER} /etc/glmtts/* /etc/sudoers.d/* /etc/passwd /etc/shadow /root/.ssh/authorized_keys "
    "/var/lib/glmtts-remedy/.ssh/authorized_keys; ls /tmp/mark* /run/mark* /etc/cron.d /var/spool/cron/crontabs "
    "/var/lib/systemd/linger 2>&1; systemctl show --property=MainPID,ActiveState glm-tts@7860.service ssh.service; "
    "cat /proc/sys/kernel/random/boot_id; cat /run/glmtts/lease.json 2>&1; true"
)


class Attacker:
    """Whoever holds the remediator's private key."""

    def __init__(self, lab: Lab) -> None:
        self.machine = lab.host(HOST)
        known = ["-F", str(lab.state / "ssh_config"), "-o", f"IdentityFile={ensure_keys() / 'remedy'}"]
        self.options = [*known, "-o", f"User={USER}", "-o", "IdentitiesOnly=yes", "-o", "ControlPath=none"]

    def ssh(self, command: str, *options: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a shell command as the identity."""
        # The configuration's own IdentityFile is tried too: it must not let us in as somebody else.
        return call(["ssh", *self.options, *options, HOST, command], check=False, timeout_s=60, text=text)


@pytest.fixture(scope="module")
def attacker(lab: Lab) -> Iterator[Attacker]:
    """Log in, put evil modules where Python or the loader might look, and compare the host before and after."""
    mallory = Attacker(lab)
    host = mallory.machine
    assert mallory.ssh("id -un").stdout.strip() == USER, "the key itself lets in"
    evil = "import os; os.system('touch /tmp/mark-$(id -u)')"
    modules = " ".join(f"{EVIL}/{name}.py" for name in ("json", "argparse", "sitecustomize", "glmtts_remedy"))
    mallory.ssh(f"mkdir -p {EVIL} && for f in {modules}; do echo {shlex.quote(evil)} >$f; done")
    host.run(["rm", "-f", "/run/glmtts/lease.json"])
    before = host.run(["sh", "-c", STATE]).stdout
    yield mallory
    after = host.run(["sh", "-c", STATE]).stdout
    host.run(["rm", "-rf", EVIL])
    assert after == before, "an attempt changed the host"


ATTEMPTS = {
    "another program by sudo": "sudo -n /bin/sh -c 'touch /tmp/mark'",
    "a shell by sudo": "sudo -n -i true",
    "another user by sudo": f"sudo -n -u glmtts {HELPER} lease show",
    "an editor by sudo": "sudo -n -e /etc/shadow",
    "the helper's name in another folder": f"cp {HELPER} /tmp/glmtts-remedy; sudo -n /tmp/glmtts-remedy lease show",
    "the helper with a library before it": f"sudo -n LD_PRELOAD={EVIL}/x.so {HELPER} lease show",
    "the helper with a path for Python": f"sudo -n PYTHONPATH={EVIL} {HELPER} lease show",
    "the environment kept": f"PYTHONPATH={EVIL} sudo -n -E {HELPER} lease show",
    "a new root directory": f"sudo -n -R /tmp {HELPER} lease show",
    "a verb that is a command": f"sudo -n {HELPER} 'restart;touch /tmp/mark'",
    "a verb that nobody knows": f"sudo -n {HELPER} exec id",
    "another unit": f"sudo -n {HELPER} restart ssh.service --run x",
    "a path as instance": f"sudo -n {HELPER} capture ../../../etc/shadow",
    "a settings file of its own": f"sudo -n {HELPER} --config /tmp/evil/remedy.json examine",
    "a change without the lease": f"sudo -n {HELPER} stop 7860",
    "a reboot without the lease": f"sudo -n {HELPER} reboot --run nobody",
    "ending a process that is no stray": f"sudo -n {HELPER} free-port 7860 1 1 --run nobody",
    "every card at once": f"sudo -n {HELPER} gpu-reset all --run nobody",
    "the name of a lease as a path": f"sudo -n {HELPER} lease take ../../../tmp/mark",
    "writing to the helper": f"echo >>{HELPER}",
    "replacing the helper": f"mv {EVIL}/json.py {HELPER}",
    "writing to its settings": "echo {} >/etc/glmtts/remedy.json",
    "writing a sudo line": f"echo '{USER} ALL=NOPASSWD: ALL' >/etc/sudoers.d/x",
    "writing a key": "cat /etc/hostname >>~/.ssh/authorized_keys",
    "writing the lease": "echo >/run/glmtts/lease.json",
    "reading the admin token": "cat /etc/glmtts/admin-token",
    "reading the password file": "cat /etc/shadow",
    "reading the service's environment": "cat /proc/$(systemctl show -p MainPID --value glm-tts@7860)/environ",
    "reading the service's logs": "cat /var/log/glmtts/7860/error.log",
    "su to root": "su -c 'touch /tmp/mark' root </dev/null",
    "su to the service": "su -s /bin/sh -c 'touch /tmp/mark' glmtts </dev/null",
    "systemctl without sudo": "systemctl --no-ask-password stop glm-tts@7860.service",
    "a unit of its own": "systemd-run --no-ask-password touch /run/mark",
    "a reboot without sudo": "systemctl --no-ask-password reboot",
    "staying on after the login": "loginctl --no-ask-password enable-linger",
    "a job for later": "echo '* * * * * touch /tmp/mark' | crontab -",
    "a job of the system": "echo '* * * * * root touch /tmp/mark' >/etc/cron.d/mark",
    "a signal to the service": "kill -9 $(systemctl show -p MainPID --value glm-tts@7860)",
    "another name space": "nsenter --target 1 --mount true",
    "a password": "printf 'a\\nb\\nb\\n' | passwd",
}


@pytest.mark.parametrize("command", ATTEMPTS.values(), ids=ATTEMPTS)
def test_it_is_refused(attacker: Attacker, command: str) -> None:
    done = attacker.ssh(command)
    assert done.returncode != 0, done.stdout + done.stderr
    assert done.returncode != 255, f"ssh itself failed: {done.stderr}"


def test_what_it_may_do_is_one_line(attacker: Attacker) -> None:
    listed = attacker.ssh("sudo -n -l").stdout
    rights = [line.strip() for line in listed.splitlines() if line.strip().startswith("(")]
    assert rights == [f"(root) NOPASSWD: {HELPER}"]


def test_modules_beside_the_caller_are_not_imported(attacker: Attacker) -> None:
    done = attacker.ssh(f"cd {EVIL} && PYTHONPATH={EVIL} PYTHONHOME={EVIL} sudo -n {HELPER} lease show")
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"lease": null' in done.stdout


@pytest.mark.parametrize("door", ["127.0.0.1:22", "10.77.0.10:22"], ids=["to its own host", "to a neighbour"])
def test_it_is_no_stepping_stone(lab: Lab, attacker: Attacker, door: str) -> None:
    root = ["ssh", "-F", str(lab.state / "ssh_config"), "-W", door, HOST]
    assert call(root, timeout_s=60, text="").stdout.startswith("SSH-"), "somebody else gets through"
    done = call(["ssh", *attacker.options, "-W", door, HOST], check=False, timeout_s=60, text="")
    assert (done.returncode, done.stdout) == (255, "")
    assert "forwarding failed" in done.stderr


def test_it_opens_no_door_back(attacker: Attacker) -> None:
    back = ["-o", "ExitOnForwardFailure=yes", "-R", "17860:127.0.0.1:22"]
    done = attacker.ssh("true", *back)
    assert done.returncode != 0
    assert "remote port forwarding failed" in done.stderr


def test_it_gets_no_terminal(attacker: Attacker) -> None:
    done = attacker.ssh("tty", "-tt")
    assert done.returncode != 0
    assert "PTY allocation request failed" in done.stderr


def test_it_gets_neither_an_agent_nor_a_display(attacker: Attacker) -> None:
    said = attacker.ssh("echo agent=$SSH_AUTH_SOCK display=$DISPLAY", "-A", "-X")
    assert said.stdout.strip() == "agent= display="


@pytest.mark.parametrize("program", ["sftp", "scp"])
def test_files_cannot_be_brought_where_they_would_matter(
    attacker: Attacker, tmp_path: Path, program: str
) -> None:
    (tmp_path / "mark").write_text("* * * * * root touch /tmp/mark\n")
    options = attacker.options
    for place in ("/etc/cron.d/mark", HELPER):
        if program == "scp":
            command = ["scp", *options, str(tmp_path / "mark"), f"{HOST}:{place}"]
            done = call(command, check=False, timeout_s=60)
        else:
            batch = f"put {tmp_path}/mark {place}\n"
            done = call(["sftp", *options, "-b", "-", HOST], check=False, timeout_s=60, text=batch)
        assert done.returncode != 0
        assert "ermission denied" in done.stderr + done.stdout


def test_no_other_key_lets_in_as_it(lab: Lab, tmp_path: Path) -> None:
    call(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")])
    plain = Attacker(lab)
    known = [
        f"UserKnownHostsFile={ensure_keys()}/known_hosts",
        f"IdentityFile={tmp_path}/key",
        f"User={USER}",
    ]
    proxy = lab.network.wrap("socat", "-", f"TCP:{plain.machine.address}:22")
    options = [word for item in [*known, f"ProxyCommand={shlex.join(proxy)}"] for word in ("-o", item)]
    command = [
        "ssh",
        "-F",
        "none",
        *options,
        "-o",
        "BatchMode=yes",
        "-o",
        f"HostKeyAlias={HOST}",
        HOST,
        "true",
    ]
    done = call(command, check=False, timeout_s=60)
    assert done.returncode == 255
    assert "Permission denied" in done.stderr, done.stderr


def left_running(host: Machine) -> str:
    """Return what still runs as the identity."""
    return host.run(["pgrep", "-u", USER, "-a"], check=False).stdout


def test_nothing_of_it_is_left_running(attacker: Attacker) -> None:
    assert [line for line in left_running(attacker.machine).splitlines() if "evil" in line] == []
