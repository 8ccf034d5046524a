"""Over thousands of random faults of real servers: nothing lost, order kept, every repetition recognizable."""

from __future__ import annotations

import logging
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from remediator.notify import rows
from remediator.notify.budget import Budget
from remediator.notify.channel import Channel, Limited, Pool
from remediator.notify.mail import Mailbox, Server
from remediator.notify.receivers import Receiver
from remediator.notify.wecom import Robot
from remediator.store import notifications
from tests.sim.mailbox.box import Mailbox as Box
from tests.sim.scripted import Script
from tests.sim.wecom.robot import Robot as SimulatedRobot
from tests.unit.remediator.notify.kit import NOW, Clock, reader
from tests.unit.remediator.notify.world import World

KINDS = ("opened", "decided", "result")
ROBOT_TROUBLES = (
    ("errcode", "-1"), ("errcode", "45009"), ("reset", ""), ("lost", ""), ("html", ""), ("invalid_json", ""),
    ("http", "503"),
)  # fmt: skip
MAIL_TROUBLES = (("temporary", ""), ("greylist", ""), ("drop", ""), ("lost", ""))


@dataclass(frozen=True)
class Wire:
    """A channel, the troubles of its server, and the ids of the messages that the server kept."""

    channel: Channel
    script: Script
    troubles: tuple[tuple[str, str], ...]
    kept: Callable[[], list[str]]


@pytest.fixture
def robot(sim: SimulatedRobot, address: str) -> Wire:
    def kept() -> list[str]:
        return [re.findall(r"msg-[\w-]+", one.content)[-1] for one in sim.messages]

    return Wire(Robot(address + "good", "robot 1"), sim.script, ROBOT_TROUBLES, kept)


@pytest.fixture
def mail(box: Box, plain: int) -> Wire:
    channel = Mailbox(
        Server("localhost", plain), "remediator@control.example", "ops@example.com", clock=lambda: NOW
    )
    return Wire(
        channel,
        box.script,
        MAIL_TROUBLES,
        lambda: [one.headers["X-Voicekeeper-Message"] for one in box.mails],
    )


SLOW_SEEDS = range(1, 21)  # 20 times 500 faults: 10,000 of each server
PARTS = [pytest.param(500, seed, marks=pytest.mark.slow, id=f"seed {seed:02}") for seed in SLOW_SEEDS]


@pytest.mark.parametrize(("faults", "seed"), [pytest.param(60, 0, id="a few"), *PARTS])
@pytest.mark.parametrize("server", ["robot", "mail"])
def test_over_thousands_of_random_faults_nothing_is_lost_and_order_is_kept(
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    clock: Clock,
    server: str,
    faults: int,
    seed: int,
) -> None:
    caplog.set_level(logging.CRITICAL)
    wire: Wire = request.getfixturevalue(server)
    dice = random.Random(20261127 + seed)
    pool = Pool([Limited(wire.channel, Budget(server, 20, reserve=5))])
    world = World(Receiver(server, pool, reader()), clock=clock, chance=0.0)
    written = torment(world, wire, dice, faults)
    assert set(world.states()) == {"delivered", "merged"}
    assert order_of_arrival(world, wire.kept()) == {
        incident: list(range(count)) for incident, count in written.items()
    }
    if faults > 100:
        kept = wire.kept()
        assert len(kept) > len(set(kept)), "some were repeated, under the same id"


def torment(world: World, wire: Wire, dice: random.Random, faults: int) -> Counter[str]:
    """Write and deliver until the server has met `faults` troubles; return the messages per incident."""
    written: Counter[str] = Counter()
    met = 0
    for step in range(20 * faults):
        waiting = world.store.read(lambda db: rows.backlog(db)[0])
        if waiting < 9 and met < faults:
            incident = f"inc-{step // 12}-{dice.randrange(3)}"
            if written[incident] < len(KINDS):
                world.say(KINDS[written[incident]], incident=incident, severity="critical")
                written[incident] += 1
                world.outbox.fan_out()
        elif not waiting:
            break
        scripted = met < faults and dice.random() < 0.9
        if scripted:
            wire.script.add(*dice.choice(wire.troubles))
        world.outbox.deliver(world.receivers[0])
        met += scripted and not len(wire.script)
        wire.script.clear()
        world.clock.tick(dice.uniform(100, 400))
    assert met == faults
    return written


def order_of_arrival(world: World, kept: list[str]) -> dict[str, list[int]]:
    """Return per incident which of its messages arrived, alone or in a digest, in order of their first arrival."""
    rows_of = {row.id: row for row in world.store.read(lambda db: notifications.latest(db, 100_000))}
    carried: dict[str, list[str]] = {}
    for row in rows_of.values():
        if row.state == "merged" and row.error:
            carried.setdefault(row.error.removeprefix("merged into "), []).append(row.id)
    told: dict[str, list[int]] = {}
    for message_id in dict.fromkeys(kept):
        for one in sorted(carried.get(message_id, [message_id]), key=lambda name: rows_of[name].created_at):
            row = rows_of[one]
            told.setdefault(str(row.incident_id), []).append(KINDS.index(row.kind))
    return told
