"""One host of a lab: a systemd-nspawn machine with its own systemd, addresses and disk."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.lab import cgroups
from tests.lab.network import ADDRESSES, BRIDGE, Network
from tests.lab.paths import HERE
from tests.lab.proc import LabError, call
from tests.lab.simulations import install
from tests.lab.storage import DATA_MOUNT, Storage

BOOT_TIMEOUT_S = 120
NETWORK_FILE = """[Match]
Name=host0
[Network]
Address={address}/24
LinkLocalAddressing=no
IPv6AcceptRA=no
"""


class Machine:
    """One machine. `run` enters it directly and works without its network; `ssh` takes the real way in."""

    def __init__(self, lab_id: str, host: str, network: Network, storage: Storage, state: Path) -> None:
        self.host = host
        self.address = ADDRESSES[host]
        self.network = network
        self.storage = storage
        self.name = f"vk-{lab_id}-{host}"
        self.group = f"voicekeeper-{lab_id}/{host}"
        self.log = state / "logs" / f"{host}.console.log"
        self._ssh_config = state / "ssh_config"

    @property
    def leader(self) -> int | None:
        """The machine's first process, or None when it isn't running."""
        return cgroups.leader(self.group)

    def start(self, keys: Path, wheelhouse: Path) -> None:
        """Boot; nothing happens when the machine runs."""
        if self.leader is not None:
            return
        cgroups.kill(self.group)
        self.storage.mount()
        self._prepare(keys)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = ["setsid", "--fork", "sh", str(HERE / "keeper.sh"), self.group, str(self.network.path)]
        with self.log.open("a") as log:
            subprocess.run([*command, *self._nspawn(wheelhouse)], stdout=log, stderr=log, check=True)

    def _nspawn(self, wheelhouse: Path) -> list[str]:
        return [
            "systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--console=pipe",
            f"--directory={self.storage.merged}", f"--machine={self.name}", f"--hostname={self.host}",
            f"--network-bridge={BRIDGE}", "--settings=no", "--resolv-conf=off",
            "--timezone=off", "--link-journal=no",
            f"--bind={self.storage.data}:{DATA_MOUNT}", f"--bind-ro={wheelhouse}:/srv/wheelhouse",
        ]  # fmt: skip

    def wait(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Return once systemd has booted and ssh answers. Raises LabError when it does not."""
        deadline = time.monotonic() + timeout_s
        state = ""
        while time.monotonic() < deadline:
            if self.leader is not None:
                done = self.run(
                    ["systemctl", "is-system-running", "--wait"], check=False, timeout_s=timeout_s
                )
                state = done.stdout.strip()
                if state in {"running", "degraded"}:
                    break
            time.sleep(0.1)
        else:
            raise LabError(
                f"{self.host} did not boot in {timeout_s:.0f} s ({state or 'no systemd'}); see {self.log}"
            )
        self._wait_ssh(deadline)

    def _wait_ssh(self, deadline: float) -> None:
        while True:
            done = self.ssh(["true"], check=False)
            if done.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise LabError(f"{self.host} answers no ssh: {done.stderr.strip()}")
            time.sleep(0.1)

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout_s: float = 60, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root inside, without the network."""
        leader = self.leader
        if leader is None:
            raise LabError(f"{self.host} isn't running; `python -m tests.lab up` boots it")
        enter = [
            "nsenter",
            f"--target={leader}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--root",
            "--wd=/",
        ]
        path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        clean = ["env", "-i", "-C", "/", path, "HOME=/root", "LANG=C.UTF-8"]
        return call([*enter, *clean, *argv], check=check, timeout_s=timeout_s, text=text)

    def ssh(
        self, argv: Sequence[str], *, check: bool = True, timeout_s: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root through a real ssh connection."""
        return call(
            ["ssh", "-F", str(self._ssh_config), self.host, shlex.join(argv)],
            check=check,
            timeout_s=timeout_s,
        )

    def power_off(self, timeout_s: float = 60) -> None:
        """Shut the machine down as its own systemd does it, then unmount its files."""
        leader = self.leader
        if leader is not None:
            with suppress(ProcessLookupError):
                os.kill(leader, signal.SIGRTMIN + 4)
            deadline = time.monotonic() + timeout_s
            while cgroups.pids(self.group) and time.monotonic() < deadline:
                time.sleep(0.1)
        self.kill()

    def kill(self) -> None:
        """End the machine at once, as a power cut does, and unmount its files."""
        cgroups.kill(self.group)
        shutil.rmtree(Path("/run/systemd/nspawn/propagate") / self.name, ignore_errors=True)
        self.storage.unmount()

    def _prepare(self, keys: Path) -> None:
        """Write what makes this host this host: name, address, keys, simulations."""
        root = self.storage.merged
        self._write("etc/hostname", f"{self.host}\n")
        network = NETWORK_FILE.format(address=self.address)
        self._write("etc/systemd/network/10-host0.network", network)
        self._write("root/.ssh/authorized_keys", (keys / "provision.pub").read_text(), 0o600)
        for suffix, mode in (("", 0o600), (".pub", 0o644)):
            text = (keys / f"host-{self.host}{suffix}").read_text()
            self._write(f"etc/ssh/ssh_host_ed25519_key{suffix}", text, mode)
        (root / "root" / ".ssh").chmod(0o700)
        install(root, self.host)

    def _write(self, name: str, text: str, mode: int = 0o644) -> None:
        path = self.storage.merged / name
        if path.exists() and path.read_text() == text:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=mode)
        path.write_text(text)
        path.chmod(mode)
