"""Batches that kill themselves with SIGKILL at a chosen moment: dying_run.py ROOT MOMENT...

Each moment gets a process and a folder, ROOT/<moment>; a moment that is named again dies there again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.unit.tts_app.batch.helpers import tasks_file
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tts_app.batch import archive, runner, wavfile
from tts_app.batch import journal as journals

VICTIM = "t002"  # the third of five


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(moment: str) -> None:
    """Patch the step that `moment` names so that the process dies there, at the victim."""
    append, write_all = journals.Journal.append, journals._write_all
    write_part, publish, fill = wavfile.write_part, wavfile.publish, archive._fill

    def dying_append(self, event, **values):
        ours = values.get("name") == VICTIM
        if ours and moment == f"before {event}":
            die()
        if ours and moment == f"half {event}":
            journals._write_all = lambda handle, data, at: (
                write_all(handle, data[: len(data) // 2], at),
                die(),
            )
        append(self, event, **values)
        if ours and moment == f"after {event}":
            die()

    def dying_write_part(final, data):
        if VICTIM in final.name and moment == "half a file":
            wavfile.part_of(final).write_bytes(data[: len(data) // 2])
            die()
        return write_part(final, data)

    def dying_publish(final):
        publish(final)
        if VICTIM in final.name and moment == "after the rename":
            die()

    def dying_fill(part, *rest):
        fill(part, *rest)
        if moment == "before the archive has its name":
            die()

    journals.Journal.append = dying_append
    runner.wavfile.write_part, runner.wavfile.publish = dying_write_part, dying_publish
    archive._fill = dying_fill


class Noting(DirectSpeaker):
    def __init__(self, calls: Path) -> None:
        super().__init__()
        self._calls = calls

    def speak(self, request, on_piece):
        with self._calls.open("a", encoding="utf-8") as out:
            out.write(f"{request.text}\n")
        return super().speak(request, on_piece)


def main(root: Path, moments: list[str]) -> None:
    for moment in moments:
        folder = root / moment
        folder.mkdir(exist_ok=True)
        child = os.fork()  # this process has one thread and has imported everything once
        if child == 0:
            arm(moment)
            run(tasks_file(5), folder / "out", Noting(folder / "calls"), archive_dir=folder / "archives")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, f"{moment}: nothing died"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
