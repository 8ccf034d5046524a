"""Speak by a worker process: started when needed, killed when it hangs, started again after a crash."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tts_app.batch import wire
from tts_app.batch.speak import StopBatch
from tts_app.engines.base import PieceCallback, Speech, SpeechRequest
from tts_app.errors import EngineError, EngineStuck, LoadFailed, TtsError

END_GRACE_S = 10.0  # for a worker that was told to end
SPOKEN_SIGNALS = {signal.SIGSEGV: "Segmentation fault", signal.SIGABRT: "Aborted", signal.SIGKILL: "Killed"}


class WorkerDied(EngineError):
    """The worker process ended while it spoke this item."""

    zh = "合成进程意外退出"


class WorkerSpeaker:
    """Speaks in a process of its own. Not thread-safe."""

    def __init__(
        self,
        *,
        task_timeout_s: float,
        load_timeout_s: float,
        command: Sequence[str] = (sys.executable, "-m", "tts_app.batch.worker"),
        env: Mapping[str, str] | None = None,
        log_file: Path | None = None,
    ) -> None:
        """Nothing is started yet. `env` is the worker's whole environment; None: this process's own.

        `log_file` takes what the worker says on standard error, a native crash's last words among it.
        """
        self._task_timeout_s, self._load_timeout_s = task_timeout_s, load_timeout_s
        self._command, self._env, self._log_file = tuple(command), env, log_file
        self._process: subprocess.Popen[bytes] | None = None
        self._receiver: wire.Receiver | None = None
        self._speaking = False
        self.starts = 0

    def ready(self) -> None:
        """See Speaker; the worker has loaded its engine when this returns."""
        self._running()

    def speak(self, request: SpeechRequest, on_piece: PieceCallback) -> Speech:
        """See Speaker."""
        process, receiver = self._running()
        self._speaking = True
        try:
            wire.send_within(_handle(process.stdin), wire.pack_request(request), self._task_timeout_s)
            return self._wait(receiver, on_piece)
        except wire.TooLate:
            self._kill()
            limit = self._task_timeout_s
            raise EngineStuck(f"no result after {limit:g} s", f"{limit:g} 秒内没有结果") from None
        except wire.Closed:
            raise self._death() from None

    def close(self) -> None:
        """Let the worker end; kill it when it was left in the middle of a text."""
        if self._speaking:
            self._kill()
        self._end()

    def _wait(self, receiver: wire.Receiver, on_piece: PieceCallback) -> Speech:
        deadline = time.monotonic() + self._task_timeout_s
        while True:
            message, payload = receiver.receive(max(0.0, deadline - time.monotonic()))
            if message["event"] == "piece":
                on_piece(message["done"], message["total"])
                continue
            self._speaking = False
            if message["event"] == "speech":
                return wire.unpack_speech(message, payload)
            error = wire.unpack_error(message)
            if isinstance(
                error, LoadFailed
            ):  # an engine that came to nothing meanwhile, a server that is gone
                raise StopBatch("engine", error.message_en, error.message_zh) from error
            raise error

    def _running(self) -> tuple[subprocess.Popen[bytes], wire.Receiver]:
        if self._process is None or self._receiver is None:
            self._process = self._start_or_stop()
            self.starts += 1
            os.set_blocking(_handle(self._process.stdin), False)
            self._receiver = wire.Receiver(_handle(self._process.stdout))
            self._load(self._receiver)
        return self._process, self._receiver

    def _start_or_stop(self) -> subprocess.Popen[bytes]:
        try:
            return self._start()
        except OSError as error:  # no memory, no program: it is not the item's fault
            raise StopBatch(
                "engine",
                f"the worker can't be started: {error.strerror}",
                f"无法启动合成进程：{error.strerror}",
            ) from error

    def _start(self) -> subprocess.Popen[bytes]:
        with contextlib.ExitStack() as stack:
            errors = None if self._log_file is None else stack.enter_context(self._log_file.open("ab"))
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=None if self._env is None else dict(self._env),
                start_new_session=True,  # Ctrl-C on the terminal is for the batch, which ends the item first
            )

    def _load(self, receiver: wire.Receiver) -> None:
        """Wait until the worker has its engine. Raises StopBatch: without an engine no item can be spoken."""
        try:
            message, _ = receiver.receive(self._load_timeout_s)
        except wire.TooLate:
            self._kill()
            limit = self._load_timeout_s
            raise StopBatch(
                "engine", f"the engine was not ready after {limit:g} s", f"语音引擎在 {limit:g} 秒内未就绪"
            ) from None
        except wire.Closed:
            died = self._death()
            raise StopBatch("engine", died.message_en, died.message_zh) from died
        if message["event"] != "loaded":
            self._end()
            failed: TtsError = wire.unpack_load_failure(message)
            raise StopBatch("engine", failed.message_en, failed.message_zh) from failed

    def _death(self) -> WorkerDied:
        """Reap the worker that is gone and say how it ended."""
        status = self._reap()
        if status >= 0:
            return WorkerDied(f"the worker ended with status {status}", f"合成进程退出，状态码 {status}")
        name = SPOKEN_SIGNALS.get(signal.Signals(-status), signal.Signals(-status).name)
        return WorkerDied(f"the worker died: {name}", f"合成进程崩溃：{name}")

    def _kill(self) -> None:
        """End the worker and everything it started, at once."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._reap()

    def _end(self) -> None:
        """Close the worker's input, wait a little, then kill it."""
        if self._process is None:
            return
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._reap()

    def _reap(self) -> int:
        """Forget the worker once it has ended. Returns its exit status, 0 when there was none."""
        process, self._process = self._process, None
        self._speaking = False
        if self._receiver is not None:
            self._receiver.close()
            self._receiver = None
        if process is None:
            return 0
        status = _wait_or_kill(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        return status


def _wait_or_kill(process: subprocess.Popen[bytes]) -> int:
    try:
        return process.wait(END_GRACE_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return process.wait()


def _handle(pipe: object) -> int:
    handle: int = pipe.fileno()  # type: ignore[attr-defined]  # Popen was given PIPE
    return handle
