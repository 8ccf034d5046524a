"""What conda says when it cannot do something; it ends with exit status 1 each time."""

from __future__ import annotations

from collections.abc import Sequence


class CondaFailure(Exception):
    """A message as conda prints it, its class name in front."""

    def __init__(self, kind: str, said: str) -> None:
        super().__init__(f"{kind}: {said}")


def packages_not_found(packages: Sequence[str], channels: Sequence[str]) -> CondaFailure:
    """Return the failure for packages that no channel has."""
    return CondaFailure(
        "PackagesNotFoundError",
        "The following packages are not available from current channels:\n\n"
        f"{_listed(packages)}\n\nCurrent channels:\n\n{_listed(channels)}\n\n"
        "To search for alternate channels that may provide the conda package you're\n"
        "looking for, navigate to\n\n    https://anaconda.org\n\n"
        "and use the search bar at the top of the page.",
    )


def connection_failed(url: str) -> CondaFailure:
    """Return the failure for a channel whose server was not reached."""
    return CondaFailure(
        "CondaHTTPError",
        f"HTTP 000 CONNECTION FAILED for url <{url}/linux-64/repodata.json>\nElapsed: -\n\n"
        "An HTTP error occurred when trying to retrieve this URL.\n"
        "HTTP errors are often intermittent, and a simple retry will get you on your way.",
    )


def no_such_channel(url: str) -> CondaFailure:
    """Return the failure for a channel that is not where its address says."""
    name = url.rstrip("/").rpartition("/")[2]
    return CondaFailure(
        "UnavailableInvalidChannel",
        f"HTTP 404 NOT FOUND for channel {name} <{url}>\n\n"
        "The channel is not accessible or is invalid.\n\n"
        "You will need to adjust your conda configuration to proceed.",
    )


def checksum_mismatch(url: str, expected: str, actual: str) -> CondaFailure:
    """Return the failure for a package whose bytes are not those that the lock names."""
    return CondaFailure(
        "ChecksumMismatchError",
        "Conda detected a mismatch between the expected content and downloaded content\n"
        f"for url '{url}'.\n  expected md5: {expected}\n  actual md5: {actual}",
    )


def _listed(words: Sequence[str]) -> str:
    return "\n".join(f"  - {word}" for word in words)
