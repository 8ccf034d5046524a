"""Everything the remediator raises on purpose.

RemediatorError
├── ConfigError        settings, catalogue or inventory are wrong; `problems` lists every one at once
├── BadAlert           one alert can never work: which field, what is wrong, what to do; answer 400
├── UnknownItem        an id or name that does not exist; answer 404
├── Conflict           the item is no longer in the state the caller expects; answer 409
├── IllegalTransition  a bug in this service; never shown to a sender
├── StoreUnavailable   nothing was stored; answer 503, the sender tries again
├── ExecuteError       a run could not be started, and certainly did not begin
└── NotifyError        a message was not delivered; `permanent` says whether trying again can help
"""

from __future__ import annotations

from collections.abc import Iterable


class RemediatorError(Exception):
    """Root of the tree."""


class ConfigError(RemediatorError):
    """What an operator wrote cannot be used; `problems` names every mistake at once."""

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class BadAlert(RemediatorError):
    """One alert of a payload cannot be used: the field, what is wrong with it, and the fix."""

    def __init__(self, field: str, problem: str, fix: str) -> None:
        self.field, self.problem, self.fix = field, problem, fix
        super().__init__(f"{field}: {problem}; {fix}")


class UnknownItem(RemediatorError):
    """No incident, run, approval or hold has this id."""


class Conflict(RemediatorError):
    """The item has moved on: what the caller asked for is not possible any more."""


class IllegalTransition(RemediatorError):
    """A move that the transition table does not have."""


class StoreUnavailable(RemediatorError):
    """The database did not take the write; nothing was stored and trying again is right."""


class ExecuteError(RemediatorError):
    """A run could not be started. Raised only when nothing of it can have begun."""


class NotifyError(RemediatorError):
    """A message was not delivered; retry only when `permanent` is false."""

    def __init__(self, reason: str, *, permanent: bool = False, retry_after_s: float | None = None) -> None:
        self.permanent, self.retry_after_s = permanent, retry_after_s
        super().__init__(reason)
