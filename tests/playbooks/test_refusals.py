"""What each remedy refuses, before it has changed anything: the reason is named and the helper is left alone."""

from pathlib import Path

import pytest
import yaml

PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
UUID = "GPU-00000000-0000-0000-0000-000000000201"
INSTANCE, HOST, CARD = {"instance": "7860"}, {}, {"gpu_uuid": UUID}
REMEDIES = {
    "restart": INSTANCE, "clear_memory": INSTANCE, "drain": INSTANCE, "undrain": INSTANCE, "capture": INSTANCE,
    "verify": INSTANCE, "free_port": INSTANCE, "examine": HOST, "purge_outputs": HOST, "rotate_logs": HOST,
    "reboot": HOST, "gpu_reset": CARD,
}  # fmt: skip
TARGETS = {
    "no target": ({}, "set-target-to-one-host"),
    "an unknown host": ({"target": "gpu99"}, "gpu99"),
    "all hosts": ({"target": "all"}, "Set target to one host"),
    "a pattern": ({"target": "gpu0*"}, "Set target to one host"),
    "two hosts": ({"target": "gpu01,gpu02"}, "Set target to one host"),
    "a group": ({"target": "gpu_hosts"}, "Set target to one host"),
}
HELD = {"ok": False, "error": "the lease is held by run-9 until 2026-11-27T09:00:00.000Z"}


def test_the_table_names_every_remedy():
    from tests.playbooks.test_contracts import REMEDIES as FILES

    assert set(REMEDIES) == {path.stem for path in FILES}


@pytest.mark.parametrize("name", REMEDIES)
def test_one_host_is_required_before_anything_else(name):
    """Quick, for all; the tests below play both of these beginnings."""
    (play,) = yaml.safe_load((PLAYBOOKS / f"{name}.yml").read_text())
    first = play["tasks"][0]["ansible.builtin.include_role"]
    expected = "require_instance" if REMEDIES[name] is INSTANCE else "require_target"
    assert first == {"name": "remedy_steps", "tasks_from": expected}
    assert "pre_tasks" not in play and "roles" not in play
    steps = yaml.safe_load((PLAYBOOKS / "roles/remedy_steps/tasks/require_instance.yml").read_text())
    assert steps[0]["ansible.builtin.include_tasks"] == "require_target.yml"


@pytest.mark.slow
@pytest.mark.parametrize("refusal", TARGETS)
@pytest.mark.parametrize("name", ["restart", "gpu_reset"])  # both ways to begin; see the test above
def test_whatever_is_no_single_host_is_refused(stage, name, refusal):
    stage.hosts = ["gpu01", "gpu02"]
    target, said = TARGETS[refusal]
    played = stage.play(name, **REMEDIES[name], **target, run_id="run-1")
    assert (played.status, played.calls) == ("failed", [])
    assert said in played.output


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in REMEDIES if name not in {"examine", "verify", "capture"}])
def test_a_host_that_another_run_holds_is_left_alone(stage, name):
    stage.answer("lease-take", HELD, rc=3)
    played = stage.play(name, **REMEDIES[name], target="gpu01", run_id="run-1")
    assert (played.status, played.verbs) == ("failed", ["lease take"])
    assert "held by run-9" in played.result["error"]


@pytest.mark.slow
@pytest.mark.parametrize("instance", ["", "ssh", "7860 7861", "../7860"])
def test_what_is_no_port_is_refused(stage, instance):
    played = stage.play("restart", target="gpu01", instance=instance, run_id="run-1")
    assert (played.status, played.calls) == ("failed", [])
    assert "-e instance=7860" in played.output


OTHER = {"pid": 77, "name": "python -m tts_app serve --port 7861", "instance": "7861"}
STRANGER = {"pid": 4242, "name": "train.py", "instance": None}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"foreign": [OTHER], "holders": [OTHER]}, "port 7861 (pid 77)", id="another instance"),
        pytest.param({"mig": True}, "split (MIG)", id="a card in parts"),
        pytest.param({"reset_unavailable": True}, "unable to reset its card", id="not permitted before"),
    ],
)
def test_a_card_is_not_reset_and_nothing_is_stopped(stage, changes, said):
    card = {
        "ok": True, "uuid": UUID, "mig": False, "persistence": True, "recovery_action": "Reset",
        "instances": ["7860"], "holders": [], "foreign": [], "reset_unavailable": False,
    }  # fmt: skip
    stage.answer("gpu-holders", card | changes)
    played = stage.play("gpu_reset", target="gpu01", gpu_uuid=UUID, run_id="run-1")
    assert played.status == "failed"
    assert played.verbs == ["lease take", f"gpu-holders {UUID}", "lease release"]
    assert said in played.result["error"]


@pytest.mark.slow
def test_what_a_run_that_was_cut_off_left_is_put_back_first_and_a_failure_of_that_stops_nothing(stage):
    left = {"exporters": ["dcgm.service"]}
    stage.answer("lease-take", {"ok": True, "already_held": False, "left_behind": left})
    stage.answer("settle", {"ok": False, "error": "not put back: exporters"}, rc=1)
    played = stage.play("restart", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "successful", played.output
    assert played.verbs[:3] == ["lease take", "settle --run run-1", "restart 7860 --run run-1"]
    assert played.result["answers"]["settle"]["error"] == "not put back: exporters"
