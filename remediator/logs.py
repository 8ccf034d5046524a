"""Log lines: time, level, a constant sentence, then the fields as JSON. Secrets never get here."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
QUIET = {
    "apscheduler": logging.ERROR,
    "waitress.queue": logging.ERROR,
    "urllib3": logging.WARNING,
    "alembic": logging.WARNING,
}


class Formatter(logging.Formatter):
    """One event, one line (plus a traceback when there is one)."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        at = datetime.fromtimestamp(record.created, UTC)
        fields = {name: value for name, value in vars(record).items() if name not in STANDARD}
        line = f"{at:%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03}Z {record.levelname} {record.name}: {record.getMessage()}"
        if fields:
            line += " " + json.dumps(fields, ensure_ascii=False, default=str)
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up(level: str) -> None:
    """Log to standard error, which systemd's journal keeps."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(least)
