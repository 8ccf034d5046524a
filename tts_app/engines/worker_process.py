"""A worker process that answers JSON lines: start, ask with a time limit, notice how it died, kill."""

from __future__ import annotations

import collections
import contextlib
import itertools
import logging
import os
import queue
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import BinaryIO

from tts_app.glm_worker.protocol import LOAD, MAX_LINE_BYTES, Garbage, Message, decode, encode
from tts_app.glm_worker.words import MAX_LINE_CHARS, fault_line

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2  # how often a waiting call looks whether it was cancelled
_KILL_WAIT_S = 10.0
_GONE_WAIT_S = 30.0
_WRITE_TIMEOUT_S = 30.0
_KEPT_LINES = 400
_TOLD_LINES = 40


class WorkerGone(Exception):
    """The process ended. `returncode` is negative for a signal, as subprocess has it.

    `last_words` is what may be told of its standard error, see WorkerProcess.last_words.
    """

    def __init__(self, returncode: int, last_words: tuple[str, ...]) -> None:
        super().__init__(describe_exit(returncode))
        self.returncode = returncode
        self.last_words = last_words


class WorkerTimeout(Exception):
    """No answer within the limit."""


def describe_exit(returncode: int) -> str:
    """Return how a process ended, in words that log readers look for."""
    if returncode == -signal.SIGSEGV:
        return "Segmentation fault (SIGSEGV)"
    if returncode < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-returncode).name}"
    return f"exit status {returncode}"


class WorkerProcess:
    """One running worker. `ask` from one thread at a time; `kill` from any."""

    def __init__(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start the process in a session of its own. Raises OSError when it can't be started."""
        self._process = subprocess.Popen(
            argv, env=dict(env), start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._answers: queue.Queue[Message | Garbage | None] = queue.Queue()
        self._errors: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
        self._numbers = itertools.count(1)
        self._knows_texts = False  # until then its standard error can quote nobody
        self._threads = [
            threading.Thread(target=self._read_answers, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def alive(self) -> bool:
        """Return whether the process is running."""
        return self._process.poll() is None

    def send(self, message: Message) -> int:
        """Send a request and return its number. Raises WorkerGone, WorkerTimeout."""
        number = next(self._numbers)
        self._knows_texts = self._knows_texts or message.get("op") != LOAD
        self._write({**message, "id": number})
        return number

    def wait(
        self,
        number: int,
        timeout_s: float,
        *,
        on_event: Callable[[Message], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
    ) -> Message:
        """Return the final answer to request `number`; progress goes to `on_event`.

        Raises WorkerTimeout, WorkerGone, Garbage. Once `cancelled` says so the worker is told; its answer is
        still waited for.
        """
        deadline, told = time.monotonic() + timeout_s, False
        while True:
            if not told and cancelled is not None and cancelled():
                self._write({"op": "cancel", "id": number})
                told = True
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise WorkerTimeout(f"no answer within {timeout_s:g} s")
            with contextlib.suppress(queue.Empty):
                answer = self._next(min(remaining, _LOOK_EVERY_S))
                if answer.get("id") != number:
                    continue
                if answer.get("event") != "progress":
                    return answer
                if on_event is not None:
                    on_event(answer)

    def _next(self, timeout_s: float) -> Message:
        answer = self._answers.get(timeout=timeout_s)
        if answer is None:
            self._answers.put(None)  # for whoever asks next
            raise self._gone()
        if isinstance(answer, Garbage):
            raise answer
        return answer

    def kill(self) -> int:
        """End the process and its children, and return how it ended (as WorkerGone.returncode)."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            returncode = self._process.wait(_KILL_WAIT_S)
        except subprocess.TimeoutExpired:  # stuck in a driver call; the kernel ends it when that returns
            log.error("worker pid=%d survives SIGKILL", self._process.pid)
            return -signal.SIGKILL
        self._close()
        return returncode

    def _gone(self) -> WorkerGone:
        try:
            returncode = self._process.wait(_GONE_WAIT_S)
        except subprocess.TimeoutExpired:  # it closed its pipes and lives on
            returncode = self.kill()
        self._threads[1].join(_KILL_WAIT_S)
        self._close()
        return WorkerGone(returncode, self.last_words())

    def last_words(self) -> tuple[str, ...]:
        """Return the end of its standard error, oldest line first; complete once the process has ended.

        All of it while the worker knows nobody's text, later only the lines about faults.
        """
        lines = list(self._errors)
        if self._knows_texts:
            lines = [kept for line in lines if (kept := fault_line(line))]
        return tuple(lines[-_TOLD_LINES:])

    def _close(self) -> None:
        for thread in self._threads:
            thread.join(_KILL_WAIT_S)
        for stream in (self._process.stdin, self._process.stdout, self._process.stderr):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()

    def _write(self, message: Message) -> None:
        """Write without ever blocking for good: a stopped worker doesn't read. Raises WorkerTimeout, WorkerGone."""
        stream, data = self._process.stdin, memoryview(encode(message))
        deadline = time.monotonic() + _WRITE_TIMEOUT_S
        try:
            if stream is None or stream.closed:
                raise BrokenPipeError
            os.set_blocking(stream.fileno(), False)
            writable = select.poll()
            writable.register(stream.fileno(), select.POLLOUT)
            while data:
                if not writable.poll(max(0.0, deadline - time.monotonic()) * 1000):
                    raise WorkerTimeout(f"a request was not read within {_WRITE_TIMEOUT_S:g} s")
                with contextlib.suppress(BlockingIOError):
                    data = data[os.write(stream.fileno(), data) :]
        except (BrokenPipeError, ValueError) as error:
            raise self._gone() from error

    def _read_answers(self, stream: BinaryIO) -> None:
        while line := stream.readline(MAX_LINE_BYTES):
            try:
                self._answers.put(decode(line))
            except Garbage as error:
                self._answers.put(error)
        self._answers.put(None)

    def _read_errors(self, stream: BinaryIO) -> None:
        for line in stream:
            self._errors.append(line.decode("utf-8", "replace").rstrip()[:MAX_LINE_CHARS])
