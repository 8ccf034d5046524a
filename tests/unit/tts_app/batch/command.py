"""`python -m tts_app batch` with the fake engine: command.py ARGUMENTS..."""

import sys

from tests.unit.tts_app.batch import worker_engine
from tts_app.batch import cli

if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:], make=worker_engine.make, worker_engine=worker_engine.FACTORY))
