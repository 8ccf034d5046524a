"""A service that was there before us: somebody else's unit, paths and page.

It is only looked at, restarted and cleaned up; whatever else the helper can do needs a service of our own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

UNIT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,200}\.service\Z")
API = re.compile(r"^[A-Za-z0-9_-]{1,100}\Z")
SHALLOWEST = 3  # folders: nothing above such as /root/GLM-TTS/outputs is ever cleaned up
LONGEST_PATTERN = 500


@dataclass(frozen=True)
class Adopted:
    """What is said about it in the inventory. Raises ValueError, with every problem, for what cannot be meant."""

    unit: str  # its systemd unit
    health_path: str = "/"  # answers 2xx while the service is well
    log_files: tuple[str, ...] = ()  # besides the unit's journal
    process_pattern: str = ""  # regular expression over the command line; empty: the unit's main process
    outputs_dir: str = ""  # folder of its batch archives; empty: there is nothing to clean up
    gradio_api: str = ""  # endpoint of its page that speaks; empty: it cannot be proved by speech
    gradio_inputs: tuple[Any, ...] = ("{text}",)  # what the endpoint takes; see gradio.py

    def __post_init__(self) -> None:
        problems = [text for wrong, text in self._rules() if wrong]
        if problems:
            raise ValueError("; ".join(problems))

    def _rules(self) -> list[tuple[bool, str]]:
        folder = self.outputs_dir
        return [
            (not UNIT.match(self.unit), "unit: must be the name of a service unit, such as glm-tts.service"),
            (not _is_path(self.health_path), "health_path: must begin with / and hold no space"),
            (not all(_is_file(path) for path in self.log_files), "log_files: must be whole paths"),
            (not _compiles(self.process_pattern), "process_pattern: must be a regular expression"),
            (
                bool(folder) and (not _is_file(folder) or folder.strip("/").count("/") < SHALLOWEST - 1),
                f"outputs_dir: must be a whole path of at least {SHALLOWEST} folders, without ..",
            ),
            (
                bool(self.gradio_api) and not API.match(self.gradio_api),
                "gradio_api: must be an endpoint's name",
            ),
        ]

    def runs_as(self, cmdline: str) -> bool:
        """Whether a command line is this service's; without a pattern nobody can tell, so it is not."""
        return bool(self.process_pattern) and re.search(self.process_pattern, cmdline) is not None


def read(value: object) -> Adopted:
    """Build it from what the role wrote. Raises ValueError; unknown names are problems too."""
    if not isinstance(value, dict):
        raise ValueError("adopted: must be a table with at least `unit`")
    unknown = sorted(set(value) - {item.name for item in fields(Adopted)})
    if unknown or "unit" not in value:
        raise ValueError(f"adopted: {'unknown: ' + ', '.join(unknown) if unknown else 'unit: is missing'}")
    lists = {name: tuple(value[name]) for name in ("log_files", "gradio_inputs") if name in value}
    return Adopted(**{**value, **lists})


def _is_path(text: str) -> bool:
    return text.startswith("/") and not re.search(r"[\s\x00-\x1f]", text)


def _is_file(text: str) -> bool:
    return text.startswith("/") and "\0" not in text and ".." not in text.split("/")


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return len(pattern) <= LONGEST_PATTERN
