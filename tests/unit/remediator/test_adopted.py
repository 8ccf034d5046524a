"""A service that others deployed: two remedies and no third, and no proof that is not what it says."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError
from remediator.guard import judge, judge_reserved
from remediator.inventory import Adoption, Inventory, parse
from remediator.model import Finding, Plan, Text, VerdictKind
from remediator.notify.message import read_message
from remediator.notify.wording import compose
from remediator.plan import NOT_OFFERED, plan
from remediator.prober import targets_of
from remediator.proved import proved
from remediator.ssh import Address, Answer
from remediator.states import IncidentState
from remediator.store import notifications
from remediator.verify import Verifier
from remediator.why import why
from tests.unit.remediator.notify.kit import reader
from tests.unit.remediator.test_guard import FREE
from tests.unit.remediator.world import CATALOGUE, LISTING, World, alert, down, host, log

OFFERED = {"restart", "purge_outputs"}
SERVICE = {"unit": "glm-tts.service", "health_path": "/health"}


def adopted(**changes: Any) -> Inventory:
    """Return the world's inventory with gpu01's services deployed by others."""
    listing = copy.deepcopy(LISTING)
    for row in listing["_meta"]["hostvars"]["gpu01"]["glmtts_instances"]:
        row["adopted"] = SERVICE | changes
    return parse(listing)


@pytest.mark.parametrize("name", sorted(CATALOGUE.remedies))
def test_the_guard_lets_restart_and_purge_pass_and_no_other(name: str) -> None:
    remedy, now = CATALOGUE.remedies[name], replace(FREE, adopted=True, approved=True)
    asked = Plan("gpu01", "7860", "unknown", name, 0)
    for verdict in (judge(asked, remedy, now), judge_reserved(asked, remedy, now)):
        assert verdict.kind is (VerdictKind.GO if name in OFFERED else VerdictKind.REFUSE)
        assert name in OFFERED or (verdict.gate, name in verdict.reason_en) == ("adopted", True)


def test_a_teams_own_remedy_is_not_offered_unless_it_says_so() -> None:
    own = replace(CATALOGUE.remedies["restart"], name="shout", on_adopted=False)
    now = replace(FREE, adopted=True)
    assert judge(Plan("gpu01", "7860", "unknown", "shout", 0), own, now).gate == "adopted"


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        pytest.param("hung", "restart", id="capture is passed over"),
        pytest.param("cuda_oom", "restart", id="clearing memory is passed over"),
        pytest.param("disk_full", "purge_outputs", id="purging is offered"),
        pytest.param("gpu_needs_reset", NOT_OFFERED, id="nothing resets a card of others"),
        pytest.param("gpu_needs_reboot", NOT_OFFERED, id="nothing reboots a host of others"),
        pytest.param("log_runaway", NOT_OFFERED, id="their logs are left alone"),
    ],
)
def test_rungs_that_are_not_offered_are_passed_over(fault: str, answer: str | Text) -> None:
    row = CATALOGUE.faults[fault]
    found = Finding(
        fault, "7860" if row.scope == "instance" else None, "", "", "", facts={"gpu_uuid": "GPU-0"}
    )
    step = plan("gpu01", found, row, CATALOGUE.remedies, [], adopted=True)
    assert (step.remedy if isinstance(step, Plan) else step) == answer


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        pytest.param({"adopted": None}, "needs unit", id="nothing said"),
        pytest.param({"adopted": {"unit": ""}}, "needs unit", id="no unit"),
        pytest.param({"adopted": {"unit": "a.service", "health_path": "x"}}, "health_path", id="no path"),
        pytest.param({}, "or none of them", id="one of ours beside one of others"),
    ],
)
def test_a_half_described_service_stops_the_remediator_and_is_named(
    row: dict[str, Any], problem: str
) -> None:
    listing = copy.deepcopy(LISTING)
    rows = [{"port": 7860, "adopted": SERVICE}, {"port": 7861, **row}]
    listing["_meta"]["hostvars"]["gpu01"]["glmtts_instances"] = rows
    with pytest.raises(ConfigError) as wrong:
        parse(listing)
    assert any(problem in one and "gpu01" in one for one in wrong.value.problems)


def test_it_is_asked_at_its_own_path() -> None:
    target = targets_of(adopted())["gpu01", "7860"]
    assert (target.base, target.health, target.ready) == ("http://gpu01:7860", "/health", None)


ANSWERED = {"ok": True, "spoken": False, "answered": True, "instance": "7860", "took_s": 0.1}
SPOKEN = {
    "ok": True, "spoken": True, "instance": "7860", "duration_s": 1.0, "rms": 0.1, "sample_rate": 44100,
}  # fmt: skip


@pytest.mark.parametrize(
    ("adoption", "said", "ok", "how"),
    [
        pytest.param(Adoption(), ANSWERED, True, "http", id="an answer is all that can be had"),
        pytest.param(Adoption(), ANSWERED | {"instance": "7861"}, False, "speech", id="of another instance"),
        pytest.param(Adoption(), {"ok": False, "error": "refused"}, False, "speech", id="no answer"),
        pytest.param(Adoption(speaks=True), ANSWERED, False, "speech", id="a page that could speak has to"),
        pytest.param(Adoption(speaks=True), SPOKEN, True, "speech", id="a page that speaks, at its own rate"),
        pytest.param(None, ANSWERED, False, "speech", id="a service of ours has to speak"),
        pytest.param(None, SPOKEN, False, "speech", id="and at a rate of ours"),
    ],
)
def test_an_answer_counts_only_where_nothing_better_can_be_had(
    adoption: Adoption | None, said: dict[str, Any], ok: bool, how: str
) -> None:
    class There:
        def run(self, *_: Any, **__: Any) -> Answer:
            return Answer(0 if said["ok"] else 1, json.dumps(said).encode(), "")

    asked = Verifier(There(), lambda name: Address(name, name), lambda *_: adoption)  # type: ignore[arg-type]
    proof = asked("gpu01", "7860")
    assert (proof.ok, proof.how, proof.spoken) == (ok, how, ok and how == "speech")


def test_a_repair_verified_over_http_is_labelled_everywhere(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory = adopted()
    verify = world.verify
    world.pipeline.stages = replace(
        world.pipeline.stages, verify=lambda name, port: replace(verify(name, port), how="http")
    )
    world.seen["gpu01"] = down(host("7860", "7861"))
    world.heals = lambda run: world.heal(run.host)
    world.pipeline.accept([alert()])
    world.live(120)
    assert world.state() is IncidentState.RESOLVED
    assert world.remedies() == ["restart gpu01:7860"]
    mine = world.incident()
    assert mine.proof is not None and mine.proof["spoken"] is False
    assert "not proved by speech" in world.store.read(lambda db: why(db, mine.id))
    told = world.store.read(lambda db: notifications.of_incident(db, mine.id))
    last = next(row for row in told if row.payload["state"] == "resolved")
    for language, words in (("zh", "未经语音验证"), ("en", "not proved by speech")):
        letter = compose(read_message(last.id, last.kind, last.created_at, last.payload), reader(language))
        assert any(words in str(line) for line in letter.lines)
        assert words in getattr(proved(mine.proof), language)


def test_on_a_host_of_others_what_is_not_offered_is_never_begun(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.inventory = adopted()
    world.seen["gpu01"] = log(host("7860", "7861"), "CUDA error: device-side assert triggered")
    raw = world.seen["gpu01"]
    raw["gpus"][0]["recovery_action"] = "Reset"
    world.pipeline.accept([alert()])
    world.live(60)
    assert world.remedies() == []
    assert world.state() is IncidentState.ESCALATED
    assert (world.incident().decided or {})["reason"]["en"] == NOT_OFFERED.en
