"""A real PostgreSQL for tests: a cluster of its own, on a socket in a folder that goes away."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

PROGRAMS = Path("/usr/lib/postgresql")  # where Debian keeps them, by version
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses=")


class Cluster:
    """A running cluster; `database()` makes an empty database and returns its address."""

    def __init__(self, socket_dir: Path) -> None:
        self._socket_dir = socket_dir

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://tester@/{name}?host={self._socket_dir}"

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"test_{uuid.uuid4().hex}"
        self._admin(f"CREATE DATABASE {name}")
        try:
            yield self.url(name)
        finally:
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _admin(self, statement: str) -> None:
        engine = create_engine(self.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT")
        with engine.connect() as db:
            db.execute(text(statement))


def programs() -> Path:
    """Return the folder of the newest server's programs; skip, with the reason, where there is none."""
    pytest.importorskip("psycopg", reason="psycopg is not installed (tests/requirements.txt)")
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed (tests/debian_packages.sh)")
    return found[-1].parent


def as_server(folder: Path) -> list[str]:
    """Return what goes before a command: the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    user = "postgres" if any(one.pw_name == "postgres" for one in pwd.getpwall()) else "nobody"
    shutil.chown(folder, user)
    return ["setpriv", f"--reuid={user}", f"--regid={pwd.getpwnam(user).pw_gid}", "--clear-groups"]


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a cluster of our own."""
    folder = programs()
    with tempfile.TemporaryDirectory(prefix="voicekeeper-pg-", dir="/tmp") as place:
        data = Path(place) / "data"
        before = as_server(Path(place))
        _run([*before, str(folder / "initdb"), "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8",
              "--no-sync", "--locale=C"])  # fmt: skip
        options = " ".join(f"-c {one}" for one in (*FAST, f"unix_socket_directories={place}"))
        control = [*before, str(folder / "pg_ctl"), "-D", str(data), "-w", "-t", "120"]
        _run([*control, "-l", f"{place}/log", "-o", options, "start"])
        try:
            yield Cluster(Path(place))
        finally:
            _run([*control, "-m", "immediate", "stop"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd="/", check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
