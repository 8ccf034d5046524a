"""Run the mailbox: `python -m sim.mailbox --host 0.0.0.0 --smtp-port 2525 --port 8025 --journal FILE`."""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from aiosmtpd.controller import Controller

from .box import Mailbox
from .server import serve

stops = {signal.SIGTERM, signal.SIGINT}
signal.pthread_sigmask(signal.SIG_BLOCK, stops)
parser = argparse.ArgumentParser()
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--smtp-port", type=int, default=2525)
parser.add_argument("--port", type=int, default=8025)
parser.add_argument("--journal", type=Path)
options = parser.parse_args()
box = Mailbox(options.journal)
controller = Controller(box, hostname=options.host, port=options.smtp_port)
controller.start()
with serve(box, options.host, options.port):
    signal.sigwait(stops)
controller.stop()
