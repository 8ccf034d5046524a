"""The explanation of an incident, in both languages."""

from __future__ import annotations

import pytest

from remediator import people
from remediator.errors import UnknownItem
from remediator.why import why
from tests.unit.remediator.test_guard import ORDER
from tests.unit.remediator.world import World, alert, down, host


def test_it_names_alerts_findings_the_plan_every_gate_and_the_run(world: World) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"), result="start-limit-hit")
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert(), alert()])
    world.live(120)
    text = world.store.read(lambda db: why(db, world.incident().id))
    assert "resolved, start_limit_hit on gpu01:7860" in text
    assert "GlmttsDown (alertmanager, 2 times)" in text
    assert "also found: service_down" in text and "Plan: restart gpu01:7860" in text
    assert all(f" {gate}: " in text for gate in ORDER)
    assert "restart gpu01:7860 ok, took 1.0 s" in text or "restart gpu01:7860 ok, took 5.0 s" in text
    assert "Proof: it speaks: 1.2 s" in text


@pytest.mark.parametrize(("language", "word"), [("en", "everything is stopped"), ("zh", "全局停止")])
def test_it_says_why_nothing_happens_in_the_readers_language(world: World, language: str, word: str) -> None:
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.store.write(lambda db: people.stop(db, by="ann", reason="storm", now=world.now))
    world.pipeline.accept([alert()])
    world.work()
    text = world.store.read(lambda db: why(db, world.incident().id, language))
    assert word in text and "ann: storm" in text and "wait" in text


def test_before_the_first_look_it_says_so(world: World) -> None:
    world.pipeline.accept([alert()])
    assert "Nothing has been decided yet." in world.store.read(lambda db: why(db, world.incident().id))


def test_an_unknown_incident_is_named(world: World) -> None:
    with pytest.raises(UnknownItem):
        world.store.read(lambda db: why(db, "inc-0"))
