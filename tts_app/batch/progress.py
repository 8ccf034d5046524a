"""Show a run: a bar on a terminal, one plain line an item everywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tts_app.batch.items import Item
from tts_app.batch.problems import show
from tts_app.batch.runner import Listener
from tts_app.errors import TtsError


class Pace:
    """Tells the time left from the items spoken so far."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._count = clock, clock(), 0

    def begin(self) -> None:
        """Measure from now on."""
        self._began, self._count = self._clock(), 0

    def step(self) -> None:
        """One more item has ended."""
        self._count += 1

    def left_s(self, remaining: int) -> float | None:
        """Return the estimated seconds for `remaining` items; None before the first has ended."""
        if self._count == 0:
            return None
        return (self._clock() - self._began) / self._count * remaining


class Plain(Listener):
    """One line for each item: for logs and pipes."""

    def __init__(self, out: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._pace = out, Pace(clock)
        self._total = self._ended = 0

    def begun(self, total: int, finished: int) -> None:
        """See Listener."""
        self._total, self._ended = total, finished
        if finished:
            self._say(f"{finished} of {total} finished already / 已完成 {finished}/{total}，继续其余任务")

    def ready(self) -> None:
        """See Listener."""
        self._pace.begin()

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """See Listener."""
        self._ended += 1
        self._pace.step()
        left = self._pace.left_s(self._total - self._ended)
        eta = "" if left is None else f", {clock_time(left)} left"
        self._say(f"[{self._ended}/{self._total}{eta}] {line_about(item, error, audio_s)}")

    def _say(self, text: str) -> None:
        print(text, file=self._out, flush=True)


class Bar(Listener):
    """A progress bar with the item in hand and the time left."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._pace = console, Pace(clock)
        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("ETA {task.fields[eta]}", markup=False),
            console=console,
            refresh_per_second=2,  # drawing takes time from whoever speaks
        )
        self._task: TaskID | None = None
        self._remaining = 0

    def begun(self, total: int, finished: int) -> None:
        """See Listener."""
        self._remaining = total - finished
        self._task = self._bar.add_task("loading / 加载中", total=total, completed=finished, eta="-")
        self._bar.start()

    def ready(self) -> None:
        """See Listener."""
        self._pace.begin()

    def item_begun(self, item: Item) -> None:
        """See Listener."""
        self._update(description=item.task.name[:24])

    def piece(self, done: int, total: int) -> None:
        """See Listener."""
        if total > 1:
            self._update(eta=f"{self._eta()} ({done}/{total})")

    def item_ended(self, item: Item, error: TtsError | None, audio_s: float) -> None:
        """See Listener."""
        self._remaining -= 1
        self._pace.step()
        self._update(advance=1, eta=self._eta())
        if error is not None:
            self._console.print(line_about(item, error, audio_s), markup=False, highlight=False)

    def ended(self) -> None:
        """See Listener."""
        self._bar.stop()

    def _eta(self) -> str:
        left = self._pace.left_s(self._remaining)
        return "-" if left is None else clock_time(left)

    def _update(self, **values: object) -> None:
        if self._task is not None:
            self._bar.update(self._task, **values)  # type: ignore[arg-type]  # rich's own keyword names


def line_about(item: Item, error: TtsError | None, audio_s: float) -> str:
    """Return one line about an item that has ended."""
    where = f"line {item.task.line} {item.task.name}"
    if error is None:
        return f"ok {where} {audio_s:.1f} s"
    return f"FAILED {where}: {show(error.message_en)} / {show(error.message_zh)}"


def clock_time(seconds: float) -> str:
    """Return `seconds` as 1:02:03 or 2:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
