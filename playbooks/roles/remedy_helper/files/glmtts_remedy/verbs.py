"""The closed list of verbs: what each one takes, whether it changes the host, how long it may last.

A verb is one function (config, arguments) -> JSON object. Nothing else can be asked of the helper.
"""

from __future__ import annotations

import argparse
import getpass
import os
from dataclasses import dataclass
from typing import Any, Callable

import glmtts_remedy as parts
from glmtts_remedy.config import Config
from glmtts_remedy.lease import LeaseFile

Answer = dict[str, Any]
Arguments = argparse.Namespace
Parser = argparse.ArgumentParser
HANGS_S = 30  # for verbs that only write a file or ask once


def _nothing(parser: Parser) -> None:
    """Take no arguments."""


def _instance(parser: Parser) -> None:
    parser.add_argument("instance")


@dataclass(frozen=True)
class Verb:
    """One thing the helper does."""

    act: Callable[[Config, Arguments], Answer]
    changes: bool = False  # needs the lease, one at a time
    takes: Callable[[Parser], None] = _nothing
    timeout_s: Callable[[Config], float] = lambda config: HANGS_S
    on_adopted: bool = False  # also on a host whose service was there before us


def _speak_takes(parser: Parser) -> None:
    _instance(parser)
    parser.add_argument("--text")
    parser.add_argument("--sample-rate", type=int, choices=(16000, 24000, 32000, 48000))


def _purge_takes(parser: Parser) -> None:
    parser.add_argument("--keep-days", type=float)
    parser.add_argument("--keep-newest", type=int)
    parser.add_argument("--target-free-pct", type=float)
    parser.add_argument("--dry-run", action="store_true")


def _lease_takes(parser: Parser) -> None:
    parser.add_argument("what", choices=("take", "show", "release", "take-over"))
    parser.add_argument("holder", nargs="?")
    parser.add_argument("--ttl", type=int, default=900)
    parser.add_argument("--purpose", default="")
    parser.add_argument("--by", default="")


def _maintenance_takes(parser: Parser) -> None:
    parser.add_argument("what", choices=("begin", "end", "show"))
    parser.add_argument("--seconds", type=int, default=3600)


def _free_port_takes(parser: Parser) -> None:
    _instance(parser)
    parser.add_argument("pid", type=int)
    parser.add_argument("start_time", type=int)


def _gpu_takes(parser: Parser) -> None:
    parser.add_argument("uuid")


def _persistence_takes(parser: Parser) -> None:
    _gpu_takes(parser)
    parser.add_argument("to", choices=("on", "off"))


def _exporters_takes(parser: Parser) -> None:
    parser.add_argument("what", choices=("stop", "start"))


def _purge(config: Config, given: Arguments) -> Answer:
    keep_days = config.keep_days if given.keep_days is None else given.keep_days
    keep_newest = config.keep_newest if given.keep_newest is None else given.keep_newest
    return parts.purge.purge(
        config, parts.purge.Rules(keep_days, keep_newest, given.target_free_pct, given.dry_run)
    )


def _clear_memory(config: Config, given: Arguments) -> Answer:
    reply = parts.web.admin(
        config, config.instance(given.instance), "/admin/clear-memory", config.speak_timeout_s
    )
    return _object(reply)


def _admin(path: str) -> Callable[[Config, Arguments], Answer]:
    def act(config: Config, given: Arguments) -> Answer:
        return _object(parts.web.admin(config, config.instance(given.instance), path, 10))

    return act


def _object(reply: parts.web.Reply) -> Answer:
    body = reply.json()
    return body if isinstance(body, dict) else {}


def _lease(config: Config, given: Arguments) -> Answer:
    leases = LeaseFile(config.run_dir)
    if given.what == "show":
        held = leases.show()
        return {"lease": held.as_json() if held else None}
    if given.what == "take":
        lease, already = leases.take(given.holder or "", given.ttl, given.purpose)
        return {
            "lease": lease.as_json(),
            "already_held": already,
            "left_behind": parts.left_behind.show(config),
        }
    if given.what == "release":
        return {"released": leases.release(given.holder or "")}
    lease, ended = leases.take_over(given.by or os.environ.get("SUDO_USER") or getpass.getuser(), given.ttl)
    return {"lease": lease.as_json(), "ended": ended.as_json() if ended else None}


def _maintenance(config: Config, given: Arguments) -> Answer:
    if given.what == "begin":
        return {"maintenance_until": parts.maintenance.begin(config, given.seconds)}
    if given.what == "end":
        return {"was_open": parts.maintenance.end(config), "maintenance_until": None}
    return {"maintenance_until": parts.maintenance.until(config)}


VERBS: dict[str, Verb] = {
    "examine": Verb(lambda config, given: parts.examine.evidence(config), on_adopted=True),
    "speak": Verb(
        lambda config, given: parts.speak.speak(
            config, config.instance(given.instance), given.text, given.sample_rate
        ),
        takes=_speak_takes,
        timeout_s=lambda config: config.speak_timeout_s + 10,
        on_adopted=True,
    ),
    "start": Verb(
        lambda config, given: parts.units.start(config, config.instance(given.instance)),
        changes=True,
        takes=_instance,
        timeout_s=lambda config: config.start_timeout_s + 30,
    ),
    "stop": Verb(
        lambda config, given: parts.units.stop(config, config.instance(given.instance)),
        changes=True,
        takes=_instance,
        timeout_s=lambda config: config.stop_timeout_s + 30,
    ),
    "restart": Verb(
        lambda config, given: parts.units.restart(config, config.instance(given.instance)),
        changes=True,
        takes=_instance,
        timeout_s=lambda config: config.start_timeout_s + config.stop_timeout_s + 30,
        on_adopted=True,
    ),
    "clear-memory": Verb(
        _clear_memory, changes=True, takes=_instance, timeout_s=lambda config: config.speak_timeout_s + 10
    ),
    "drain": Verb(_admin("/admin/drain"), changes=True, takes=_instance),
    "undrain": Verb(_admin("/admin/undrain"), changes=True, takes=_instance),
    "purge": Verb(_purge, changes=True, takes=_purge_takes, timeout_s=lambda config: 600, on_adopted=True),
    "rotate-logs": Verb(
        lambda config, given: parts.rotate.rotate(config), changes=True, timeout_s=lambda config: 300
    ),
    "scan-logs": Verb(lambda config, given: parts.scan_logs.scan(config), on_adopted=True),
    "capture": Verb(
        lambda config, given: parts.capture.capture(config, config.instance(given.instance)),
        takes=_instance,
        timeout_s=lambda config: 60,
    ),
    "free-port": Verb(
        lambda config, given: parts.ports.free(config, given.instance, given.pid, given.start_time),
        changes=True,
        takes=_free_port_takes,
    ),
    "gpu-holders": Verb(
        lambda config, given: parts.gpu_reset.holders(config, given.uuid),
        takes=_gpu_takes,
        timeout_s=lambda config: 60,
    ),
    "gpu-persistence": Verb(
        lambda config, given: parts.gpu_reset.set_persistence(config, given.uuid, given.to == "on"),
        changes=True,
        takes=_persistence_takes,
        timeout_s=lambda config: 90,
    ),
    "gpu-reset": Verb(
        lambda config, given: parts.gpu_reset.reset(config, given.uuid),
        changes=True,
        takes=_gpu_takes,
        timeout_s=lambda config: 200,
    ),
    "exporters": Verb(
        lambda config, given: (
            parts.exporters.stop(config) if given.what == "stop" else parts.exporters.start(config)
        ),
        changes=True,
        takes=_exporters_takes,
        timeout_s=lambda config: 300,
    ),
    "settle": Verb(
        lambda config, given: parts.left_behind.settle(config), changes=True, timeout_s=lambda config: 400
    ),
    "reboot": Verb(lambda config, given: parts.power.reboot(config), changes=True),
    "lease": Verb(_lease, takes=_lease_takes, on_adopted=True),
    "maintenance": Verb(_maintenance, changes=True, takes=_maintenance_takes, on_adopted=True),
}
