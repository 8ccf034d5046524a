"""Everything the helper raises on purpose, with the exit code each one ends in.

HelperError       1  the verb failed
├── UsageProblem  2  the command line is wrong; nothing was done
├── LeaseProblem  3  another holds the host's lease, or it is missing; nothing was done
├── Refused       4  not allowed on this host as it is now; nothing was done
└── TimedOut      5  no answer in time; what was begun may still be going on
"""

from __future__ import annotations


class HelperError(Exception):
    """A verb failed; the text is for people."""

    exit_code = 1

    def __init__(self, message: str, **facts: object) -> None:
        super().__init__(message)
        self.facts = facts


class UsageProblem(HelperError):
    """The arguments are not ones this helper takes."""

    exit_code = 2


class LeaseProblem(HelperError):
    """The caller does not hold the lease."""

    exit_code = 3


class Refused(HelperError):
    """The host's state forbids it."""

    exit_code = 4


class TimedOut(HelperError):
    """A command or a verb did not end in time."""

    exit_code = 5
