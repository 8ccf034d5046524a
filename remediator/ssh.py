"""One warm ssh connection per host, for short read-only looks.

The connection belongs to the remediator alone. Runs open one of their own, so that stopping the
remediator never cuts the connection of a run. Host keys are always checked.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from remediator.errors import RemediatorError
from remediator.inventory import Inventory
from remediator.settings import Settings

CONNECT_TIMEOUT_S = 5
PERSIST_S = 600
SSH_FAILED = 255  # ssh's own exit status; the helper never uses it
MAX_ERROR_BYTES = 8 * 1024
CHUNK_BYTES = 64 * 1024


class SshFailed(RemediatorError):
    """The host was not reached: no route, refused, wrong key, connection lost. `str()` says which."""


class SshTimedOut(RemediatorError):
    """The host was reached, but the command did not end in time; it was cut off."""


class SshTooMuch(RemediatorError):
    """The command wrote more than we are willing to hold; it was cut off."""


@dataclass(frozen=True)
class Address:
    """Where a host of the inventory answers ssh."""

    host: str  # inventory name
    address: str
    port: int = 22

    @classmethod
    def from_vars(cls, host: str, variables: Mapping[str, Any]) -> Address:
        """Return the address from the host's Ansible variables."""
        return cls(host, str(variables.get("ansible_host", host)), int(variables.get("ansible_port", 22)))


def addresses(inventory: Inventory) -> Callable[[str], Address]:
    """Return the function that finds a host's address; KeyError for a host the inventory doesn't have."""
    return lambda host: Address.from_vars(host, inventory.hosts[host].variables)


@dataclass(frozen=True)
class Answer:
    """What a command on the host answered."""

    status: int
    stdout: bytes
    stderr: str


@dataclass(frozen=True)
class SshOptions:
    """How to reach hosts."""

    user: str
    key: Path
    known_hosts: Path
    control_dir: Path  # keep it short: a socket's path may have about 100 characters
    config_extra: Path | None = None
    program: str = "ssh"

    @classmethod
    def from_settings(cls, settings: Settings) -> SshOptions:
        """Return what `settings` say; key and known hosts lie in the state folder unless named."""
        return cls(
            user=settings.ssh_user,
            key=settings.ssh_key or settings.ssh_dir / "id_ed25519",
            known_hosts=settings.ssh_known_hosts or settings.ssh_dir / "known_hosts",
            control_dir=settings.ssh_dir / "cp",
            config_extra=settings.ssh_config_extra,
        )

    def arguments(self) -> list[str]:
        """Return ssh's options; everything that isn't named here is ssh's compiled-in default."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "UpdateHostKeys": "no",
            "IdentityFile": str(self.key),
            "IdentitiesOnly": "yes",
            "PasswordAuthentication": "no",
            "ConnectTimeout": str(CONNECT_TIMEOUT_S),
            "ServerAliveInterval": "3",
            "ServerAliveCountMax": "2",
            "LogLevel": "ERROR",
        }
        flags = [item for name, value in options.items() for item in ("-o", f"{name}={value}")]
        return ["-F", str(self.config_extra or "none"), *flags]


class Ssh:
    """Runs commands on hosts through one shared connection per host."""

    def __init__(self, options: SshOptions) -> None:
        self._options = options

    def run(self, where: Address, command: Sequence[str], *, timeout_s: float, max_bytes: int) -> Answer:
        """Run `command` on the host and return its answer.

        Raises SshFailed, SshTimedOut or SshTooMuch. A host that doesn't answer is given up by ssh itself
        within about 11 s, so choose a larger `timeout_s` to tell a dead host from a stuck command.
        """
        process = subprocess.Popen(
            self._command(where, command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            stdout, stderr = _collect(process, time.monotonic() + timeout_s, max_bytes)
        finally:
            _end(process)
        text = stderr.decode("utf-8", "replace").strip()
        if process.returncode == SSH_FAILED:
            raise SshFailed(text[-300:] or "ssh gave no reason")
        return Answer(process.returncode, stdout, text)

    def warm(self, where: Address) -> None:
        """Open the shared connection, or keep it open. Raises as `run` does."""
        self.run(where, ["true"], timeout_s=15, max_bytes=1024)

    def _command(self, where: Address, command: Sequence[str]) -> list[str]:
        self._options.control_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        shared = {
            "ControlMaster": "auto",
            "ControlPersist": str(PERSIST_S),
            "ControlPath": str(self._options.control_dir / "%C"),
        }
        flags = [item for name, value in shared.items() for item in ("-o", f"{name}={value}")]
        target = ["-l", self._options.user, "-p", str(where.port), "--", where.address]
        # The far side hands the words to a shell: quoting keeps each argument one argument.
        return [self._options.program, *self._options.arguments(), *flags, *target, shlex.join(command)]


def _collect(process: subprocess.Popen[bytes], deadline: float, max_bytes: int) -> tuple[bytes, bytes]:
    """Read both streams to their end and wait, until `deadline` on the monotonic clock."""
    streams = {
        cast(IO[bytes], process.stdout): (bytearray(), max_bytes),
        cast(IO[bytes], process.stderr): (bytearray(), MAX_ERROR_BYTES),
    }
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for stream in _readable(selector, deadline):
                _take(stream, selector, *streams[stream], keep_all=stream is process.stdout)
    try:
        process.wait(timeout=max(deadline - time.monotonic(), 0.1))
    except subprocess.TimeoutExpired:
        raise SshTimedOut from None
    (stdout, _), (stderr, _) = streams.values()
    return bytes(stdout), bytes(stderr)


def _readable(selector: selectors.BaseSelector, deadline: float) -> list[IO[bytes]]:
    left = deadline - time.monotonic()
    if left <= 0:
        raise SshTimedOut
    return [cast(IO[bytes], key.fileobj) for key, _ in selector.select(left)]


def _take(
    stream: IO[bytes], selector: selectors.BaseSelector, held: bytearray, limit: int, *, keep_all: bool
) -> None:
    chunk = os.read(stream.fileno(), CHUNK_BYTES)
    if not chunk:
        selector.unregister(stream)
        return
    if keep_all and len(held) + len(chunk) > limit:
        raise SshTooMuch(f"more than {limit} bytes")
    held.extend(chunk[: max(limit - len(held), 0)])


def _end(process: subprocess.Popen[bytes]) -> None:
    """End ssh, but not the shared connection, which lives in a session of its own."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()
