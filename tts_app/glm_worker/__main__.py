"""python -m tts_app.glm_worker ROOT [--phonemes]: serve requests on the standard streams (see protocol.py).

Standard output belongs to the protocol alone: whatever upstream prints goes to standard error.
"""

from __future__ import annotations

import faulthandler
import os
import sys
from pathlib import Path

from tts_app.glm_worker.loop import Worker
from tts_app.glm_worker.model import load


def main() -> None:
    """Take over the streams and serve until standard input ends."""
    root, use_phoneme = Path(sys.argv[1]).resolve(), "--phonemes" in sys.argv[2:]
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    faulthandler.enable(file=sys.stderr, all_threads=False)
    Worker(requests, answers, lambda: load(root, use_phoneme=use_phoneme)).run()


if __name__ == "__main__":
    main()
