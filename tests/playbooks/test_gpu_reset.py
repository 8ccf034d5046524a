"""A reset of a card: what is put aside before, what is put back after, and when nothing is reset at all."""

import pytest

UUID = "GPU-00000000-0000-0000-0000-000000000201"
OURS = {"pid": 7, "name": "python", "instance": "7860"}
STRANGER = {"pid": 4242, "name": "train.py", "instance": None}
PUT_BACK = [f"gpu-persistence {UUID} on --run run-1", "exporters start --run run-1"]


def holders(*, mig=False, foreign=(), persistence=True, unavailable=False):
    return {
        "ok": True,
        "uuid": UUID,
        "mig": mig,
        "persistence": persistence,
        "recovery_action": "Reset",
        "instances": ["7860"],
        "holders": [*foreign],
        "foreign": [*foreign],
        "reset_unavailable": unavailable,
    }


@pytest.fixture
def card(stage):
    """Return the stage with one card that only our service uses."""
    stage.answer("gpu-holders", holders())
    return stage


def reset(stage):
    return stage.play("gpu_reset", target="gpu01", gpu_uuid=UUID, run_id="run-1")


def test_everything_is_put_aside_before_and_put_back_after(card):
    played = reset(card)
    assert played.status == "successful", played.output
    assert played.verbs == [
        "lease take",
        f"gpu-holders {UUID}",
        "drain 7860 --run run-1",
        "stop 7860 --run run-1",
        f"gpu-holders {UUID}",
        "exporters stop --run run-1",
        f"gpu-persistence {UUID} off --run run-1",
        f"gpu-reset {UUID} --run run-1",
        *PUT_BACK,
        "start 7860 --run run-1",
        "speak 7860",
        "lease release",
    ]


def test_a_card_that_a_stranger_uses_stops_nothing_and_the_stranger_is_named(card):
    card.answer("gpu-holders", holders(foreign=[STRANGER]))
    played = reset(card)
    assert played.status == "failed"
    assert played.verbs == ["lease take", f"gpu-holders {UUID}", "lease release"]
    assert "in use by train.py (pid 4242)" in played.result["error"]


@pytest.mark.slow  # two more plays end like it
def test_when_the_service_does_not_stop_it_is_started_again_and_nothing_is_reset(card):
    card.answer("stop", {"ok": False, "error": "not done within 90 s"}, rc=5)
    played = reset(card)
    assert played.status == "failed"
    assert played.verbs[-3:] == ["stop 7860 --run run-1", "start 7860 --run run-1", "lease release"]
    assert "not done within 90 s" in played.result["error"]


@pytest.mark.slow  # a whole reset once more
def test_a_sick_service_that_cannot_be_drained_is_reset_all_the_same(card):
    card.answer("drain", {"ok": False, "error": "refused"}, rc=1)
    assert reset(card).result["ok"] is True


@pytest.mark.slow
def test_after_a_refused_reset_all_is_put_back_and_the_service_runs_again(card):
    card.answer("gpu-reset", {"ok": False, "error": "this host may not reset its card"}, rc=4)
    played = reset(card)
    assert played.status == "failed"
    assert played.verbs[-5:] == [f"gpu-holders {UUID}", "start 7860 --run run-1", *PUT_BACK, "lease release"]
    assert "may not reset" in played.result["error"]


def test_a_name_that_is_no_card_is_refused(stage):
    played = stage.play("gpu_reset", target="gpu01", gpu_uuid="all", run_id="run-1")
    assert played.status == "failed"
    assert played.calls == []
