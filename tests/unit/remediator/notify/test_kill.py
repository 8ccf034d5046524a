"""A real process, really killed: whenever the robot has a message and its sender does not know it yet."""

from __future__ import annotations

import itertools
import os
import random
import re
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from remediator.store import Store, incidents, notifications
from tests.sim.wecom.robot import Message
from tests.sim.wecom.robot import Robot as SimulatedRobot
from tests.sim.wecom.server import serve
from tests.unit.remediator.notify.kit import NOW, payload
from tests.unit.remediator.world import PATIENCE_S, migrated

ROOT = Path(__file__).parents[4]
EACH = 3  # calls per incident: pages are never merged
KILLS = 10


class DeadlyRobot(SimulatedRobot):
    """Ends its caller with SIGKILL when it has kept a message, before it answers."""

    def __init__(self, kills: set[int]) -> None:
        minutes = itertools.count(0, 4)
        super().__init__({"good"}, clock=lambda: float(next(minutes)))
        self._kills, self.caller = kills, 0

    def _keep(self, message: Message) -> None:
        super()._keep(message)
        if len(self.messages) in self._kills:
            os.kill(self.caller, signal.SIGKILL)


@pytest.mark.slow
def test_a_process_killed_again_and_again_loses_nothing_and_repeats_only_what_it_could_not_know(
    tmp_path: Path,
) -> None:
    dice = random.Random(20261127)
    (tmp_path / "r.db").write_bytes(migrated())
    url = f"sqlite:///{tmp_path}/r.db"
    store = Store(url, patience_s=PATIENCE_S)
    names = [written(store, f"gpu{place:02}") for place in range(12)]
    robot = DeadlyRobot(set(dice.sample(range(1, 40), KILLS)))
    deaths = 0
    with serve(robot) as server:
        address = f"http://127.0.0.1:{server.port}/cgi-bin/webhook/send?key=good"
        while True:
            command = [sys.executable, "-m", "tests.unit.remediator.notify.sender", url, address]
            child = subprocess.Popen(command, cwd=ROOT)
            robot.caller = child.pid
            status = child.wait(timeout=PATIENCE_S)
            if status == 0:
                break
            assert status == -signal.SIGKILL
            deaths += 1
    assert deaths == KILLS
    assert_told(store, names, [re.findall(r"msg-[\w-]+", one.content)[-1] for one in robot.messages], deaths)
    store.close()


def written(store: Store, host: str) -> str:
    """Write an incident and its calls; return its id."""
    mine = store.write(
        lambda db: incidents.open_new(
            db, host=host, severity="critical", instance=None, now=NOW, lookback=timedelta(0)
        )
    ).id
    for level in range(EACH):
        facts = payload(kind="escalation", incident_id=mine, state="escalated", level=level)
        at = NOW + timedelta(seconds=level)
        store.write(lambda db, f=facts, t=at: notifications.add(db, "escalation", f, t, incident_id=mine))
    return mine


def assert_told(store: Store, names: list[str], kept: list[str], deaths: int) -> None:
    """Every message arrived, in the order of its incident; what came twice has the same id."""
    rows = {row.id: row for row in store.read(lambda db: notifications.latest(db, 1000))}
    told: dict[str, list[int]] = {}
    for message_id in dict.fromkeys(kept):
        row = rows[message_id]
        told.setdefault(str(row.incident_id), []).append(row.payload["level"])
    assert told == {name: list(range(EACH)) for name in names}
    assert len(kept) - len(set(kept)) == deaths, "each kill repeats what was on the wire, and only that"
    assert {row.state for row in rows.values()} == {"split", "delivered"}
