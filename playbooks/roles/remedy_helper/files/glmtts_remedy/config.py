"""What the role tells the helper about this host: /etc/glmtts/remedy.json, root-owned, no secrets."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from glmtts_remedy import adopted
from glmtts_remedy.adopted import Adopted
from glmtts_remedy.errors import HelperError, UsageProblem

CONFIG_PATH = Path("/etc/glmtts/remedy.json")


@dataclass(frozen=True)
class Instance:
    """One speech service of this host."""

    port: int
    engine: str = ""
    gpu_uuids: tuple[str, ...] = ()
    adopted: Adopted | None = None  # it was there before us

    @property
    def unit(self) -> str:
        """The instance's systemd unit."""
        return self.adopted.unit if self.adopted else f"glm-tts@{self.port}.service"

    @property
    def health_path(self) -> str:
        """Where it says that it is well."""
        return self.adopted.health_path if self.adopted else "/healthz"


@dataclass(frozen=True)
class Config:
    """Everything the helper knows in advance. Units are in the names."""

    host: str = ""  # the inventory's name for this host; empty: the kernel's
    user: str = "glmtts"  # owner of the services' files; purging is done as this user
    instances: dict[str, Instance] = field(default_factory=dict)
    data_dir: str = "/var/lib/glmtts"  # <data_dir>/<port>/outputs/batch holds the archives
    log_dir: str = "/var/log/glmtts"  # <log_dir>/<port>/error.log
    run_dir: str = "/run/glmtts"  # the lease; forgotten at a reboot
    state_dir: str = "/var/lib/glmtts-remedy"  # what must outlive a reboot
    admin_token_file: str = "/etc/glmtts/admin-token"  # noqa: S105 - a path, not the secret
    nvidia_smi: str = "nvidia-smi"
    kernel_log: str = "dmesg"  # or the path of a file
    purge_dir: str = "outputs/batch"
    purge_pattern: str = "*.zip"
    keep_days: float = 7
    keep_newest: int = 3  # archives per instance that are never deleted, whatever their age
    start_timeout_s: int = 300
    stop_timeout_s: int = 60
    speak_timeout_s: int = 75
    speak_text: str = "你好，世界。"
    exporters: tuple[str, ...] = ()  # units that hold the GPU and are stopped around a reset
    logrotate_config: str = "/etc/logrotate.d/glmtts"
    textfile_dir: str = ""  # where scan-logs writes its metrics; empty: only on stdout
    reboot_allowed: bool = True
    py_spy: str = "/opt/glmtts/current/env/bin/py-spy"  # shows where a hung process is

    def instance(self, name: str) -> Instance:
        """Return the instance called `name`. Raises UsageProblem for any other word."""
        try:
            return self.instances[name]
        except KeyError:
            known = ", ".join(sorted(self.instances)) or "none"
            raise UsageProblem(f"no instance {name[:40]!r} on this host; known: {known}") from None

    @property
    def adopted(self) -> bool:
        """Whether a service of this host was there before us: then the whole host is handled with care."""
        return any(item.adopted for item in self.instances.values())

    @property
    def units(self) -> dict[str, str]:
        """The units of adopted services, each with its instance."""
        return {item.unit: name for name, item in self.instances.items() if item.adopted}

    @property
    def archives_path(self) -> str:
        """A path on the filesystem that archives fill."""
        folders = [item.adopted.outputs_dir for item in self.instances.values() if item.adopted]
        found = next((path for path in folders if path), "/" if self.adopted else self.data_dir)
        while self.adopted and not os.path.isdir(found):
            found = os.path.dirname(found)
        return found

    def disk_paths(self) -> list[str]:
        """Paths whose filesystems matter, the most telling first."""
        if self.adopted:
            files = [
                path for item in self.instances.values() if item.adopted for path in item.adopted.log_files
            ]
            return [self.archives_path, *sorted({os.path.dirname(path) for path in files}), "/"]
        own = [f"{self.data_dir}/{name}" for name in sorted(self.instances)]
        return [self.data_dir, *own, self.log_dir, "/"]


def load(path: Path = CONFIG_PATH) -> Config:
    """Read the host's settings. Raises HelperError when they are missing or malformed."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return from_json(raw)
    except (OSError, ValueError, TypeError) as error:
        raise HelperError(f"cannot read {path}: {error}") from None


def from_json(raw: dict[str, Any]) -> Config:
    """Build the settings from the JSON object the role wrote. Unknown keys are errors."""
    known = {item.name for item in fields(Config)}
    unknown = sorted(set(raw) - known)
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(unknown)}")
    values = dict(raw)
    values["instances"] = {str(name): _instance(name, value) for name, value in raw["instances"].items()}
    values["exporters"] = tuple(raw.get("exporters", ()))
    return Config(**values)


def _instance(name: str, value: dict[str, Any]) -> Instance:
    taken = adopted.read(value["adopted"]) if "adopted" in value else None
    return Instance(int(name), str(value.get("engine", "")), tuple(value.get("gpu_uuids", ())), taken)
