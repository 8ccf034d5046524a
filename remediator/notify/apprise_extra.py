"""Slack, Telegram and a hundred others through Apprise, when that package is installed.

Honest about what it can't tell: Apprise says only yes or no. A "no" is retried, since it may be temporary, and
some of its plugins say yes to a message that the server refused.
"""

from __future__ import annotations

import importlib
import logging
from typing import Any

from remediator.errors import ConfigError, NotifyError
from remediator.notify.letter import Letter
from remediator.notify.mail import text


class Apprise:
    """One Apprise address."""

    def __init__(self, url: str, name: str) -> None:
        library = _library()
        self.name = name
        self._sender: Any = library.Apprise()
        # Its debug log shows addresses with their keys.
        logging.getLogger("apprise").setLevel(logging.CRITICAL)
        if not self._sender.add(url):
            raise ConfigError(f"apprise_urls_file: the address in line {name} is not understood by Apprise")

    def send(self, letter: Letter) -> str:
        """Deliver `letter`. Raises NotifyError; nobody can say whether trying again helps."""
        if not self._sender.notify(title=letter.headline, body=text(letter)):
            raise NotifyError("Apprise says no")
        return "Apprise says yes"


def _library() -> Any:
    try:
        return importlib.import_module("apprise")
    except ImportError:
        raise ConfigError(
            "apprise_urls_file: needs the package apprise; install remediator/requirements-apprise.txt "
            "or leave this empty"
        ) from None
