"""What proves a fault of a device: memory, temperature, the driver's own advice, Xid messages. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from remediator.evidence_host import Gpu, same_device
from remediator.signatures import Match, Seen


@dataclass(frozen=True)
class GpuMemory:
    """A device of the instance at or over this percentage of its memory."""

    pct: float

    def match(self, seen: Seen) -> Match | None:
        """Name the first one."""
        for gpu in seen.gpus:
            used, total = gpu.memory_used_mb, gpu.memory_total_mb
            if used is not None and total and 100 * used / total >= self.pct:
                return Match(f"{gpu.uuid}: {used:g} of {total:g} MB used", {"gpu_uuid": gpu.uuid})
        return None


@dataclass(frozen=True)
class GpuForeign:
    """Processes that are not ours hold at least this percentage of a device's memory."""

    pct: float

    def match(self, seen: Seen) -> Match | None:
        """Name the largest holder."""
        for gpu in seen.gpus:
            total, held = gpu.memory_total_mb, sum(one.used_mb for one in gpu.foreign)
            if total and gpu.foreign and 100 * held / total >= self.pct:
                most = max(gpu.foreign, key=lambda one: one.used_mb)
                who = f"pid {most.pid} ({most.name})"
                line = f"{gpu.uuid}: {who} and others hold {held:g} of {total:g} MB"
                return Match(
                    line.replace(" and others", "") if len(gpu.foreign) == 1 else line, {"gpu_uuid": gpu.uuid}
                )
        return None


@dataclass(frozen=True)
class GpuTemperature:
    """A device of the instance at or over this temperature."""

    celsius: float

    def match(self, seen: Seen) -> Match | None:
        """Name the first one."""
        for gpu in seen.gpus:
            if gpu.temperature_c is not None and gpu.temperature_c >= self.celsius:
                return Match(f"{gpu.uuid}: {gpu.temperature_c:g} °C", {"gpu_uuid": gpu.uuid})
        return None


@dataclass(frozen=True)
class GpuAction:
    """The driver's own advice for a device."""

    actions: frozenset[str]

    def match(self, seen: Seen) -> Match | None:
        """Name the first one."""
        for gpu in seen.gpus:
            if gpu.recovery_action in self.actions:
                return _device(f"{gpu.uuid}: recovery action {gpu.recovery_action}", gpu)
        return None


@dataclass(frozen=True)
class Xid:
    """A recent kernel message of this boot with one of these Xid numbers."""

    codes: frozenset[int]

    def match(self, seen: Seen) -> Match | None:
        """Prefer the newest; the device is known only when the driver still lists one at that address."""
        for line in reversed(seen.kernel):
            if line.kind == "xid" and line.xid in self.codes:
                said = f"kernel: {line.text[:300]}"
                gpu = next((one for one in seen.gpus if same_device(one.pci, line.pci)), None)
                return Match(said) if gpu is None else _device(said, gpu)
        return None


@dataclass(frozen=True)
class GpuError:
    """The driver did not answer, and said why in these words."""

    pattern: re.Pattern[str]

    def match(self, seen: Seen) -> Match | None:
        """Search in what it said."""
        said = seen.host.gpu_error
        return Match(said[:300]) if said and self.pattern.search(said) else None


@dataclass(frozen=True)
class ResetUnavailable:
    """An earlier reset was not permitted: a virtual card, or a container without the right."""

    def match(self, seen: Seen) -> Match | None:
        """Ask the helper's mark."""
        return Match("this host may not reset its cards") if seen.host.reset_unavailable else None


def _device(line: str, gpu: Gpu) -> Match:
    """Name the device, and who else would lose it by a reset: then nothing is reset."""
    others = gpu.shared_with
    if others is None:
        return Match(line, {"gpu_uuid": gpu.uuid})
    return Match(f"{line}; also used by {others}", {"gpu_uuid": gpu.uuid, "gpu_shared_with": others})
