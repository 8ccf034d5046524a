"""Run the simulated robot: `python -m sim.wecom --host 0.0.0.0 --port 8026 --journal FILE`."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from .robot import Robot
from .server import serve

stops = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, stops)
parser = argparse.ArgumentParser()
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8026)
parser.add_argument("--journal", type=Path)
parser.add_argument("--keys-file", type=Path, help="keys of the robots that exist, one a line")
options = parser.parse_args()
keys = set(options.keys_file.read_text().split()) if options.keys_file else None
with serve(Robot(keys, journal=options.journal), options.host, options.port):
    signal.sigwait(stops)
