"""Run questions side by side, each in a process of its own with its own deadline.

A question that blocks in the kernel (a dead mount, a hung driver) cannot be interrupted, only left
behind: the forked child is killed with its whole session, and the answer is "timeout".
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from typing import Any, Callable, NamedTuple, NoReturn

from glmtts_remedy.errors import HelperError

LARGEST_ANSWER = 4 << 20


class Question(NamedTuple):
    """What to ask and how long to wait, in seconds."""

    ask: Callable[[], Any]
    timeout_s: float


class Answer(NamedTuple):
    """What came back; `state` is "ok" or why there is no value."""

    value: Any
    state: str


class _Child:
    """One question being answered."""

    def __init__(self, question: Question) -> None:
        self.deadline = time.monotonic() + question.timeout_s
        self.timeout_s = question.timeout_s
        self.data = b""
        self.fd, write_fd = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.fd)
            _answer(question, write_fd)
        os.close(write_fd)

    def read(self) -> bool:
        """Take what is there; False at the end."""
        chunk = os.read(self.fd, 1 << 16)
        self.data += chunk
        return bool(chunk) and len(self.data) <= LARGEST_ANSWER

    def close(self) -> None:
        """Close the pipe, end the child's session, and reap it if it is dead already."""
        os.close(self.fd)
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            _kill(self.pid)
        os.waitpid(self.pid, os.WNOHANG)

    def answer(self) -> Answer:
        """Turn the child's bytes into an answer."""
        try:
            value, state = json.loads(self.data)
        except ValueError:
            return Answer(None, "ended without an answer")
        return Answer(value, str(state))


def ask_all(questions: dict[str, Question]) -> dict[str, Answer]:
    """Ask everything at once and return every answer, at the latest after the longest timeout."""
    children = {name: _Child(question) for name, question in questions.items()}
    answers: dict[str, Answer] = {}
    while len(answers) < len(children):
        waiting = {child.fd: name for name, child in children.items() if name not in answers}
        next_end = min(children[name].deadline for name in waiting.values())
        ready, _, _ = select.select(list(waiting), [], [], max(0.0, next_end - time.monotonic()))
        for fd in ready:
            child = children[waiting[fd]]
            if not child.read():
                answers[waiting[fd]] = child.answer()
                child.close()
        _expire(children, answers)
    return answers


def _expire(children: dict[str, _Child], answers: dict[str, Answer]) -> None:
    now = time.monotonic()
    for name, child in children.items():
        if name not in answers and now >= child.deadline:
            answers[name] = Answer(None, f"timeout after {child.timeout_s:g} s")
            child.close()


def _answer(question: Question, write_fd: int) -> NoReturn:
    """In the child: ask, write, end at once without running the parent's exit handlers."""
    try:
        os.setsid()
        signal.alarm(0)
        try:
            answer: tuple[Any, str] = (question.ask(), "ok")
        except HelperError as error:
            answer = (None, str(error)[:300])
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            answer = (None, f"{type(error).__name__}: {error}"[:300])
        data = json.dumps(answer).encode()
        while data:
            data = data[os.write(write_fd, data) :]
    finally:
        os._exit(0)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)
