"""Reset one card, and nothing that anybody else uses.

`nvidia-smi --gpu-reset` without -i resets every card of the host: the UUID is always given. Persistence mode
and monitoring count as users of a card, so both are put aside first, by verbs of their own.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glmtts_remedy import commands, gpu, proc, units
from glmtts_remedy.config import Config, Instance
from glmtts_remedy.errors import HelperError, Refused, UsageProblem

RESET_TIMEOUT_S = 120
ANSWER_TIMEOUT_S = 20
PASSING_S = 10  # longer than our collector lets nvidia-smi take
PAUSE_S = 0.5
NOT_AVAILABLE, NO_PERMISSION = 3, 4
NOT_PERMITTED = re.compile(r"not (permitted|supported|available)|insufficient permission", re.IGNORECASE)
MARK = "gpu_reset_unavailable"


def holders(
    config: Config,
    uuid: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Return who uses the card, which instances are meant to, and whether it is split (MIG).

    While every foreign holder is an nvidia-smi that only asks, as our collector's does every few seconds, it is looked
    at again for PASSING_S. One that stays is a holder like any other.
    """
    end = clock() + PASSING_S
    while True:
        found = _holders(config, uuid)
        foreign = found["foreign"]
        if not foreign or not all(_is_passing(item) for item in foreign) or clock() >= end:
            return found
        sleep(PAUSE_S)


def _is_passing(holder: dict[str, Any]) -> bool:
    """Whether the holder asks and leaves, or has left already."""
    name = proc.text_of(holder["pid"], "comm").strip()
    return holder["how"] == "has it open" and name in {"", "nvidia-smi"}


def _holders(config: Config, uuid: str) -> dict[str, Any]:
    card = _card(config, uuid)
    found = [{**item, "how": "computes on it"} for item in card["processes"]]
    known = {item["pid"] for item in found}
    for pid, files in proc.device_holders(f"/dev/nvidia{card['minor']}").items():
        if pid not in known and f"/dev/nvidia{card['minor']}" in files:
            name, instance = proc.cmdline(pid), proc.instance_of(pid)
            found.append(
                {"pid": pid, "name": name, "used_mb": 0.0, "instance": instance, "how": "has it open"}
            )
    ours = [str(item.port) for item in _instances_on(config, uuid)]
    return {
        "uuid": uuid,
        "mig": card["mig"],
        "persistence": card["persistence"] or uuid in remembered(config),
        "recovery_action": card["recovery_action"],
        "instances": ours,
        "holders": found,
        "foreign": [item for item in found if item["instance"] not in ours],
        "reset_unavailable": is_unavailable(config),
    }


def reset(config: Config, uuid: str) -> dict[str, Any]:
    """Reset the card and see that it answers. Raises Refused while anything at all uses it."""
    found = holders(config, uuid)
    if found["mig"]:
        raise Refused("the card is split (MIG): its parts would not survive a reset", **found)
    if found["holders"]:
        names = ", ".join(f"{item['name']} (pid {item['pid']})" for item in found["holders"])
        raise Refused(f"the card is in use by {names}", **found)
    _require_stopped(config, uuid)
    result = commands.run([config.nvidia_smi, "--gpu-reset", "-i", uuid], RESET_TIMEOUT_S)
    if result.rc in {NOT_AVAILABLE, NO_PERMISSION} or (result.rc and NOT_PERMITTED.search(result.said)):
        _mark(config, result.said)
        raise Refused(f"this host may not reset its card: {result.said}", reset_unavailable=True)
    if result.rc != 0:
        raise HelperError(f"the reset failed ({result.rc}): {result.said}", rc=result.rc)
    card = _card(config, uuid)
    return {"reset": True, "uuid": uuid, "recovery_action": card["recovery_action"], "said": result.said}


def set_persistence(config: Config, uuid: str, on: bool) -> dict[str, Any]:
    """Switch the card's persistence mode and tell what it was."""
    was = _card(config, uuid)["persistence"]
    if was and not on:
        _remember(config, {*remembered(config), uuid})  # first: a run that is cut off must not forget it
    if was != on:
        commands.must([config.nvidia_smi, "-i", uuid, "-pm", "1" if on else "0"], ANSWER_TIMEOUT_S)
    now = _card(config, uuid)["persistence"]
    if on and now:
        _remember(config, {*remembered(config)} - {uuid})
    return {"uuid": uuid, "was": was, "now": now}


def remembered(config: Config) -> list[str]:
    """The cards whose persistence mode was switched off and not on again."""
    try:
        uuids = json.loads(_memory(config).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return sorted(uuid for uuid in uuids if isinstance(uuid, str) and gpu.UUID.match(uuid))


def _remember(config: Config, uuids: set[str]) -> None:
    _memory(config).parent.mkdir(parents=True, exist_ok=True)
    if uuids:
        _memory(config).write_text(json.dumps(sorted(uuids)), encoding="utf-8")
    else:
        _memory(config).unlink(missing_ok=True)


def _memory(config: Config) -> Path:
    return Path(config.state_dir) / "persistence_off.json"


def is_unavailable(config: Config) -> bool:
    """Whether a reset was found impossible here: a virtual card, a container without the right."""
    return (Path(config.state_dir) / MARK).exists()


def _mark(config: Config, why: str) -> None:
    path = Path(config.state_dir) / MARK
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(why + "\n", encoding="utf-8")


def _card(config: Config, uuid: str) -> dict[str, Any]:
    if not gpu.UUID.match(uuid):
        raise UsageProblem("a card is named by its UUID: GPU-...")
    for card in gpu.read(config, ANSWER_TIMEOUT_S):
        if card["uuid"] == uuid:
            return card
    raise HelperError(f"no card {uuid} answers on this host")


def _instances_on(config: Config, uuid: str) -> list[Instance]:
    """The instances that may use the card; one without a list of cards may use any."""
    return [item for item in config.instances.values() if not item.gpu_uuids or uuid in item.gpu_uuids]


def _require_stopped(config: Config, uuid: str) -> None:
    ours = [item.unit for item in _instances_on(config, uuid)]
    if not ours:
        return
    running = [
        unit for unit, state in units.states(ours).items() if state["active"] not in {"inactive", "failed"}
    ]
    if running:
        raise Refused(f"stop {', '.join(running)} first")
