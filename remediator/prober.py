"""Carries out the checks that `probe` decides about; what it knows survives a restart."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from time import monotonic

import requests

from remediator.inventory import Inventory
from remediator.model import Alert
from remediator.probe import Rules, Target, Watch, alert, look, step
from remediator.store import Store, probes

log = logging.getLogger(__name__)
AT_ONCE = 8
Key = tuple[str, str]


class Prober:
    """Looks at every instance of the inventory when its time has come."""

    def __init__(
        self,
        store: Store,
        inventory: Callable[[], Inventory],
        accept: Callable[[list[Alert]], object],
        clock: Callable[[], datetime],
        rules: Rules,
        *,
        timeout_s: float,
        get: Callable[..., requests.Response] = requests.get,
    ) -> None:
        self._store, self._inventory, self._accept, self._clock = store, inventory, accept, clock
        self._rules, self._timeout_s, self._get = rules, timeout_s, get
        self._watches: dict[Key, Watch] = {}
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="probe")

    def round(self) -> None:
        """Check every instance that is due and report what begins or ends."""
        targets = targets_of(self._inventory())
        self._learn(targets)
        now = self._clock()
        due = [key for key in targets if (at := self._watches[key].next_at) is None or at <= now]
        list(self._pool.map(lambda key: self._one(key, targets[key]), due))

    def close(self) -> None:
        """Start no more checks."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _learn(self, targets: Mapping[Key, Target]) -> None:
        """Start to watch instances that are new to this process, from what the last one stored."""
        new = [key for key in targets if key not in self._watches]
        if not new:
            return
        known = {(one.host, one.instance): one for one in self._store.read(probes.every)}
        for key in new:
            one = known.get(key)
            after = self._rules.retry_s if one and one.failures else self._rules.interval_s
            self._watches[key] = Watch(
                *key,
                failures=one.failures if one else 0,
                firing_since=one.firing_since if one else None,
                next_at=one.checked_at + timedelta(seconds=after) if one else None,
            )

    def _one(self, key: Key, target: Target) -> None:
        before = self._watches[key]
        began = monotonic()
        wrong = look(self._get, target, self._timeout_s)
        took_s = monotonic() - began
        now = self._clock()
        after, event = step(before, wrong, now, self._rules)
        if event is not None:
            self._accept([alert(before, after, event, now)])
        self._watches[key] = after
        row = probes.ProbeState(*key, after.failures, after.firing_since, now, took_s, after.detail)
        self._store.write(lambda db: probes.put(db, row))
        if wrong or event:
            fields = {"host": key[0], "instance": key[1], "failures": after.failures, "why": wrong}
            log.info("probe failed" if wrong else "probe answers again", extra=fields)


def targets_of(inventory: Inventory) -> dict[Key, Target]:
    """Return where to ask every instance, as the control host reaches it."""
    found = {}
    for host in inventory.hosts.values():
        for port in host.instances:
            base = f"http://{host.variables.get('ansible_host', host.name)}:{port}"
            adoption = host.adoptions.get(port)
            taken = Target(base, adoption.health_path, None) if adoption else Target(base)
            found[host.name, port] = taken
    return found
