"""One database: many readers, one writer at a time.

SQLite's own queue for writers is unfair (a writer was seen to wait 3 s behind 15 others), so all writes of a
process go through one thread; each job has its savepoint, one COMMIT carries the batch. In PostgreSQL, every
write waits for one advisory lock: decisions count what other workers do (hosts out, attempts), so that two of
them at once could both find room for the last one.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from remediator.errors import StoreUnavailable

T = TypeVar("T")
Job = tuple[Callable[[Connection], Any], "Future[Any]"]
BATCH = 64  # jobs that share one COMMIT
PATIENCE_S = 30.0
WRITER = 0x566F6963  # the advisory lock of PostgreSQL's writers: "Voic"
SQLITE_POOL = {"pool_size": 20, "max_overflow": 40}
POSTGRESQL_POOL = {"pool_size": 10, "max_overflow": 20}  # of the server's usual 100, for three remediators


class Store:
    """An open database. `close()` ends the writer thread after the jobs it already has.

    `patience_s` is the longest wait for other writers, of this process and of others.
    """

    def __init__(self, url: str, *, patience_s: float = PATIENCE_S) -> None:
        self.url, self._patience_s = url, patience_s
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _engine(url, self.is_sqlite, patience_s)
        self._reads: dict[str, Any] = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self._writer: threading.Thread | None = None
        if self.is_sqlite:
            self._writer = threading.Thread(target=self._serve, name="store-writer", daemon=True)
            self._writer.start()

    def read(self, work: Callable[[Connection], T]) -> T:
        """Return work(connection) over one consistent snapshot. Raises StoreUnavailable."""
        try:
            with self.engine.connect().execution_options(**self._reads) as db, db.begin():
                return work(db)
        except (OperationalError, PoolTimeout) as error:
            raise StoreUnavailable(f"the database could not be read: {error}"[:300]) from error

    def write(self, work: Callable[[Connection], T]) -> T:
        """Return work(connection) after COMMIT. Whatever it raises undoes only its own writes.

        Raises StoreUnavailable when nothing was stored.
        """
        if self._writer is None:
            return self._write_directly(work)
        if self._closed:
            raise StoreUnavailable("the store is closed")
        done: Future[Any] = Future()
        self._jobs.put((work, done))
        try:
            return cast(T, done.result(timeout=self._patience_s))
        except TimeoutError:
            # A job that has begun can no longer be taken back: its answer decides.
            if done.cancel():
                raise StoreUnavailable(f"no write slot within {self._patience_s:g} s") from None
            return cast(T, done.result())

    def close(self) -> None:
        """Finish the queued writes and let go of the file."""
        self._closed = True
        if self._writer is not None:
            self._jobs.put(None)
            self._writer.join(timeout=self._patience_s)
        self.engine.dispose()

    def _write_directly(self, work: Callable[[Connection], T]) -> T:
        if self._closed:
            raise StoreUnavailable("the store is closed")
        try:
            with self.engine.connect() as db, db.begin():
                lock_writer(db, self._patience_s)
                return work(db)
        except OperationalError as error:
            raise StoreUnavailable(f"the database did not take the write: {error.orig}") from error
        except PoolTimeout:
            raise StoreUnavailable(f"no connection within {self._patience_s:g} s") from None

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            batch, ended = self._gather(job)
            self._commit(batch)
            if ended:
                return

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        batch = [first]
        while len(batch) < BATCH and not self._jobs.empty():
            job = self._jobs.get()
            if job is None:
                return batch, True
            batch.append(job)
        return batch, False

    def _commit(self, batch: list[Job]) -> None:
        mine = [job for job in batch if job[1].set_running_or_notify_cancel()]
        answers: list[tuple[Future[Any], Any, BaseException | None]] = []
        try:
            with self.engine.connect().execution_options(writes=True) as db, db.begin():
                answers = [self._one(db, work, done) for work, done in mine]
        except OperationalError as error:
            lost = StoreUnavailable(f"the database did not take the write: {error.orig}")
            answers = [(done, None, lost) for _, done in mine]
        for done, value, raised in answers:
            if raised is None:
                done.set_result(value)
            else:
                done.set_exception(raised)

    def _one(
        self, db: Connection, work: Callable[[Connection], Any], done: Future[Any]
    ) -> tuple[Future[Any], Any, BaseException | None]:
        value = None
        with _Captured() as captured, db.begin_nested():
            value = work(db)
        return done, value, captured.error


class _Captured:
    """Keeps what a job raised for the caller that queued it; a database that refuses ends the batch."""

    error: BaseException | None = None

    def __enter__(self) -> _Captured:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        self.error = error
        return isinstance(error, Exception) and not isinstance(error, OperationalError)


def lock_writer(db: Connection, patience_s: float) -> None:
    """Wait until no other transaction of PostgreSQL writes; OperationalError after `patience_s`."""
    db.execute(select(func.set_config("lock_timeout", f"{int(1000 * patience_s)}ms", True)))
    db.execute(select(func.pg_advisory_xact_lock(WRITER)))


def _engine(url: str, is_sqlite: bool, patience_s: float) -> Engine:
    # What a statement carries (log lines, messages) stays out of exceptions.
    if not is_sqlite:
        return create_engine(
            url, pool_pre_ping=True, pool_timeout=patience_s, hide_parameters=True, **POSTGRESQL_POOL
        )
    engine = create_engine(url, pool_timeout=patience_s, hide_parameters=True, **SQLITE_POOL)
    event.listen(engine, "connect", partial(_on_connect, patience_s))
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(patience_s: float, connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver would begin and commit by itself, and break savepoints
    for pragma in (
        f"busy_timeout={int(1000 * patience_s)}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _on_begin(db: Connection) -> None:
    # IMMEDIATE: a transaction that reads first and writes later would fail with "database is locked".
    writes = db.get_execution_options().get("writes", False)
    db.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
