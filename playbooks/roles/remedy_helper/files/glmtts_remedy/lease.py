"""Who may change this host now: one lease, with an expiry, kept under /run.

A run takes it, a person may take it over at any time, and every changing verb asks for it first.
The file is read and written under a lock and replaced atomically; a reboot forgets it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable

from glmtts_remedy.clock import utc_text
from glmtts_remedy.errors import LeaseProblem, UsageProblem

HOLDER = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:@+-]{0,119}\Z")
LONGEST_TTL_S = 6 * 3600
VERB_WAIT_S = 30.0


@dataclass(frozen=True)
class Lease:
    """The right to change this host until `expires` (epoch seconds)."""

    holder: str
    purpose: str
    expires: float

    def as_json(self) -> dict[str, object]:
        """The lease as the evidence shows it."""
        return {"holder": self.holder, "purpose": self.purpose, "expires_at": utc_text(self.expires)}


class LeaseFile:
    """The host's lease on disk."""

    def __init__(self, run_dir: str, now: Callable[[], float] = time.time) -> None:
        self._dir, self._now = Path(run_dir), now
        self._path = self._dir / "lease.json"

    def show(self) -> Lease | None:
        """Return the lease in force, or None."""
        try:
            lease = Lease(**json.loads(self._path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return lease if lease.expires > self._now() else None

    def take(self, holder: str, ttl_s: int, purpose: str = "") -> tuple[Lease, bool]:
        """Take or renew the lease; the second value says whether `holder` had it already.

        Raises LeaseProblem while another holds it.
        """
        _check(holder, ttl_s)
        with self._locked():
            held = self.show()
            if held and held.holder != holder:
                raise _held_by(held)
            return self._write(holder, ttl_s, purpose), held is not None

    def take_over(self, person: str, ttl_s: int) -> tuple[Lease, Lease | None]:
        """Give the lease to a person, whoever held it; the second value is the lease that ended."""
        holder = f"person:{person}"
        _check(holder, ttl_s)
        with self._locked():
            held = self.show()
            return self._write(holder, ttl_s, "taken over by hand"), held

    def release(self, holder: str) -> bool:
        """End the lease of `holder` and say whether there was one. Raises LeaseProblem if it is another's."""
        with self._locked():
            held = self.show()
            if held and held.holder != holder:
                raise _held_by(held)
            self._path.unlink(missing_ok=True)
            return held is not None

    def require(self, holder: str | None) -> None:
        """Raise LeaseProblem unless `holder` has the lease now."""
        if not holder:
            raise LeaseProblem("this verb changes the host: give --run RUN_ID of the lease you hold")
        held = self.show()
        if held is None:
            raise LeaseProblem(f"{holder} does not hold the lease: nobody does", holder=None)
        if held.holder != holder:
            raise _held_by(held)

    @contextlib.contextmanager
    def changing(self, holder: str | None) -> Iterator[None]:
        """Hold off every other changing verb, and make sure the lease is the caller's."""
        self.require(holder)
        with self._lock("verb.lock", VERB_WAIT_S):
            self.require(holder)
            yield

    def _write(self, holder: str, ttl_s: int, purpose: str) -> Lease:
        lease = Lease(holder, " ".join(purpose.split())[:200], self._now() + ttl_s)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(lease)), encoding="utf-8")
        fresh.replace(self._path)
        return lease

    def _locked(self) -> contextlib.AbstractContextManager[None]:
        return self._lock("lease.lock", 5.0)

    @contextlib.contextmanager
    def _lock(self, name: str, wait_s: float) -> Iterator[None]:
        self._dir.mkdir(mode=0o755, parents=True, exist_ok=True)
        handle = os.open(self._dir / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _flock(handle, wait_s)
            yield
        finally:
            os.close(handle)


def _flock(handle: int, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise LeaseProblem("another verb is still changing this host") from None
            time.sleep(0.05)
        else:
            return


def _check(holder: str, ttl_s: int) -> None:
    if not HOLDER.match(holder):
        raise UsageProblem("a run id is 1 to 120 letters, digits and . _ : @ + -")
    if not 1 <= ttl_s <= LONGEST_TTL_S:
        raise UsageProblem(f"--ttl is 1 to {LONGEST_TTL_S} seconds")


def _held_by(held: Lease) -> LeaseProblem:
    until = utc_text(held.expires)
    return LeaseProblem(f"the lease is held by {held.holder} until {until}", **held.as_json())
