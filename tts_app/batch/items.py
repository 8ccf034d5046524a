"""The items of a run: a task with the identity that decides whether it was finished before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tts_app.batch.tasks import EngineFacts, Task


@dataclass(frozen=True)
class Item:
    """One task of this run."""

    task: Task
    key: str  # same text, voice, settings, engine and recording: same key
    audio: Path | None  # real path of the reference recording

    @property
    def file_name(self) -> str:
        """Name of the result below OUT_DIR."""
        return f"{self.task.name}.wav"


def make_items(tasks: Sequence[Task], audio: dict[str, Path], engine: EngineFacts) -> tuple[Item, ...]:
    """Return the items in the file's order. Raises OSError when a recording vanished meanwhile."""
    sums: dict[Path, str] = {}
    items = []
    for task in tasks:
        path = None if task.prompt_audio is None else audio[task.prompt_audio]
        if path is not None and path not in sums:
            sums[path] = _sum_of(path)
        items.append(Item(task, _key(task, None if path is None else sums[path], engine.name), path))
    return tuple(items)


def _sum_of(path: Path) -> str:
    with path.open("rb") as audio:
        return hashlib.file_digest(audio, "sha256").hexdigest()


def _key(task: Task, audio_sum: str | None, engine: str) -> str:
    facts = [
        task.name,
        task.text,
        task.prompt_text,
        task.voice,
        task.sample_rate,
        task.seed,
        task.speed,
        audio_sum,
        engine,
    ]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
