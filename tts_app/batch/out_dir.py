"""What lies in OUT_DIR before a run: what a batch made, and what is other people's and must stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tts_app.batch.journal import read_history
from tts_app.batch.problems import Problem, problem
from tts_app.batch.tasks import Task

JOURNAL, REPORT = "journal.jsonl", "report.json"
TASKS = "tasks.jsonl"  # the tasks in canonical form


@dataclass(frozen=True)
class OutDir:
    """A look at the folder. `is_batch`: the journal in it is of a batch."""

    entries: frozenset[str] = frozenset()
    is_batch: bool = False
    made: frozenset[str] = frozenset()  # files that the journal tells of
    finished: frozenset[str] = frozenset()  # names of the tasks whose files lie here, done

    def in_the_way(self, task: Task) -> Iterator[Problem]:
        """Tell when `task`'s result would replace a file that no batch made."""
        file = f"{task.name}.wav"
        if file in self.entries and file not in self.made:
            yield problem("name_taken", line=task.line, field=task.spelled("uttid"), value=file)

    def strangers(self) -> Iterator[Problem]:
        """Tell of files with the names of our own that no batch wrote, the owner's tasks file perhaps."""
        if not self.is_batch:
            for name in sorted(self.entries.intersection((JOURNAL, REPORT, TASKS))):
                yield problem("out_dir_taken", value=name)


def look(folder: Path) -> OutDir:
    """Return what lies in `folder`; nothing when it doesn't exist or can't be read."""
    try:
        entries = frozenset(entry.name for entry in folder.iterdir())
        history = read_history(folder / JOURNAL)
    except OSError:
        return OutDir()
    made = {str(record.get("file")) for record in (*history.made.values(), *history.done.values())}
    done = {str(record.get("name")) for record in history.done.values() if record.get("file") in entries}
    return OutDir(entries, history.batch_id is not None, frozenset(made), frozenset(done))
