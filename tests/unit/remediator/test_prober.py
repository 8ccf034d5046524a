"""The own check carried out: through the same intake, and a restart does not start counting anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.model import Alert
from remediator.probe import Rules, Target
from remediator.prober import Prober, targets_of
from remediator.store import probes
from tests.unit.remediator import world as w

RULES = Rules(interval_s=300, retry_s=10, limit=3)


class Street:
    """A prober over the world's three instances; `dead` are addresses that don't answer."""

    def __init__(self, folder: Path) -> None:
        self.world = w.World(folder)
        self.dead: set[str] = set()
        self.alerts: list[Alert] = []
        self.asked: list[str] = []
        self.prober = self.fresh()

    def fresh(self) -> Prober:
        return Prober(
            self.world.store, lambda: w.INVENTORY, self.alerts.extend, lambda: self.world.now, RULES,
            timeout_s=1, get=self.get,
        )  # fmt: skip

    def get(self, url: str, **_options: Any) -> requests.Response:
        self.asked.append(url)
        if url.rpartition("/")[0] in self.dead:
            raise requests.ConnectTimeout
        answer = requests.Response()
        answer.status_code, answer._content = 200, b'{"ready": true}'
        return answer

    def live(self, seconds: int, step: int = 5) -> None:
        for _ in range(0, seconds, step):
            self.prober.round()
            self.world.later(step)

    def told(self) -> list[tuple[str, str | None, str]]:
        return [(one.host, one.instance, one.status) for one in self.alerts]


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path)
    yield made
    made.prober.close()
    made.world.store.close()


def test_every_instance_is_asked_at_once_and_then_every_five_minutes(street: Street) -> None:
    street.live(295)
    assert len(street.asked) == 6
    street.live(10)
    assert len(street.asked) == 12
    assert street.alerts == []


def test_a_dead_instance_is_reported_after_twenty_seconds_and_only_that_one(street: Street) -> None:
    street.dead = {"http://gpu01:7861"}
    street.live(20)
    assert street.told() == []
    street.live(5)
    assert street.told() == [("gpu01", "7861", "firing")]


def test_recovery_is_reported(street: Street) -> None:
    street.dead = {"http://gpu01:7861"}
    street.live(30)
    street.dead = set()
    street.live(320)
    assert street.told() == [("gpu01", "7861", "firing"), ("gpu01", "7861", "resolved")]


def test_a_restart_in_between_does_not_start_counting_anew(street: Street) -> None:
    street.dead = {"http://gpu01:7861"}
    street.live(15)
    street.prober.close()
    street.prober = street.fresh()
    street.live(15)
    assert street.told() == [("gpu01", "7861", "firing")]


def test_what_was_seen_is_kept_for_the_page(street: Street) -> None:
    street.dead = {"http://gpu01:7861"}
    street.live(5)
    seen = {(one.host, one.instance): one.detail for one in street.world.store.read(probes.every)}
    assert seen[("gpu01", "7861")] == "/healthz: ConnectTimeout"
    assert seen[("gpu02", "7860")] == "ok"


def test_an_instance_is_asked_where_its_host_answers() -> None:
    from remediator.inventory import parse

    listing = {
        "_meta": {
            "hostvars": {"gpu01": {"ansible_host": "10.77.0.11", "glmtts_instances": [{"port": 7861}]}}
        },
        "gpu_hosts": {"hosts": ["gpu01"]},
    }
    assert targets_of(parse(listing)) == {("gpu01", "7861"): Target("http://10.77.0.11:7861")}
