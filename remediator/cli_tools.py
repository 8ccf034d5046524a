"""What the commands share: settings, the database, who is asking."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import click

from remediator.errors import ConfigError, RemediatorError
from remediator.settings import Settings, load
from remediator.store import Store, open_store

P = ParamSpec("P")
R = TypeVar("R")
UNUSABLE = 2  # exit status when settings or arguments can't be used


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turn our own errors into lines on standard error and an exit status."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except ConfigError as error:
            for problem in error.problems:
                click.echo(f"problem: {problem}", err=True)
            sys.exit(UNUSABLE)
        except RemediatorError as error:
            click.echo(f"error: {error}", err=True)
            sys.exit(1)

    return run


def settings() -> Settings:
    """Return the settings of this environment. Raises ConfigError."""
    return load(os.environ)


@contextmanager
def store() -> Iterator[Store]:
    """Open the database that the settings name."""
    opened = open_store(settings().database_url)
    try:
        yield opened
    finally:
        opened.close()


def me() -> str:
    """Return the name that the audit records for this user."""
    return f"cli:{os.environ.get('SUDO_USER') or getpass.getuser()}"
