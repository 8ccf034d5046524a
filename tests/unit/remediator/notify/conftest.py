"""Servers that the tests of the channels talk to: a real SMTP server and the robot's stand-in."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.sim.mailbox.box import Mailbox as Box
from tests.sim.wecom.robot import Robot as SimulatedRobot
from tests.sim.wecom.server import serve
from tests.unit.remediator.notify.kit import Clock


class FreePort(Controller):
    """Listens on a port that the system chose; `port` is known after the start."""

    def _create_server(self) -> Any:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        return self.loop.create_server(self._factory_invoker, sock=listening, ssl=self.ssl_context)


@pytest.fixture
def box() -> Box:
    return Box(clock=lambda: 0.0)


def started(controller: Controller) -> Iterator[int]:
    controller.start()
    yield controller.port
    controller.stop()


@pytest.fixture
def plain(box: Box) -> Iterator[int]:
    yield from started(FreePort(box, hostname="127.0.0.1", ready_timeout=30))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sim(clock: Clock) -> SimulatedRobot:
    return SimulatedRobot({"good"}, clock=clock.timestamp, sleep=lambda _seconds: None)


@pytest.fixture
def address(sim: SimulatedRobot) -> Iterator[str]:
    with serve(sim) as server:
        yield f"http://127.0.0.1:{server.port}/cgi-bin/webhook/send?key="
