"""What the driver says about the cards, by one `nvidia-smi -q -x`."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from glmtts_remedy import commands, proc
from glmtts_remedy.config import Config
from glmtts_remedy.errors import HelperError

UUID = re.compile(r"^GPU-[0-9a-fA-F-]{1,60}\Z")
ASK_TIMEOUT_S = 3.0
UNKNOWN = {"", "N/A", "[N/A]", "Unknown", "Requested functionality has been deprecated"}


def read(config: Config, timeout_s: float = ASK_TIMEOUT_S) -> list[dict[str, object]]:
    """Every card as the evidence shows it. Raises HelperError with the driver's words."""
    result = commands.run([config.nvidia_smi, "-q", "-x"], timeout_s)
    if result.rc != 0:
        raise HelperError(f"nvidia-smi failed ({result.rc}): {result.said}", rc=result.rc)
    return parse(result.out, config.units)


def parse(xml: str, units: Mapping[str, str] = proc.NO_UNITS) -> list[dict[str, object]]:
    """Turn the driver's XML into cards; a value it does not know ("N/A") is None."""
    try:
        root = ET.fromstring(xml)  # noqa: S314 - written by the host's own driver tool, run by root
    except ET.ParseError as error:
        raise HelperError(f"nvidia-smi answered no XML: {error}") from None
    return [_card(index, node, units) for index, node in enumerate(root.findall("gpu"))]


def _card(index: int, node: ET.Element, units: Mapping[str, str]) -> dict[str, object]:
    return {
        "uuid": _text(node, "uuid") or "",
        "index": index,
        "pci": node.get("id"),
        "minor": int(_number(node, "minor_number") or index),
        "name": _text(node, "product_name") or "",
        "memory_used_mb": _number(node, "fb_memory_usage/used") or 0.0,
        "memory_total_mb": _number(node, "fb_memory_usage/total") or 0.0,
        "utilization_pct": _number(node, "utilization/gpu_util"),
        "temperature_c": _number(node, "temperature/gpu_temp"),
        "recovery_action": _text(node, "gpu_recovery_action"),
        "mig": _text(node, "mig_mode/current_mig") == "Enabled",
        "persistence": _text(node, "persistence_mode") == "Enabled",
        "processes": [_process(item, units) for item in node.findall("processes/process_info")],
    }


def _process(node: ET.Element, units: Mapping[str, str]) -> dict[str, object]:
    pid = int(_text(node, "pid") or 0)
    return {
        "pid": pid,
        "name": (_text(node, "process_name") or proc.cmdline(pid))[:200],
        "used_mb": _number(node, "used_memory") or 0.0,
        "instance": proc.instance_of(pid, units),
    }


def _text(node: ET.Element, path: str) -> str | None:
    text = (node.findtext(path) or "").strip()
    return None if text in UNKNOWN else text


def _number(node: ET.Element, path: str) -> float | None:
    match = re.match(r"-?\d+(?:\.\d+)?", _text(node, path) or "")
    return float(match.group(0)) if match else None
