"""Every remedy: the order of its steps, what it refuses, what it leaves behind."""

HELD = {"ok": False, "error": "the lease is held by person:li.wei until 2026-11-27T09:00:00.000Z"}
SILENT = {"ok": False, "spoken": False, "error": "the sound is silent (rms 0.0000)"}


def test_restart_takes_the_lease_restarts_proves_speech_and_gives_back(play):
    played = play("restart", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "successful", played.output
    assert played.verbs == ["lease take", "restart 7860 --run run-1", "speak 7860", "lease release"]
    assert (played.result["ok"], played.result["instance"], played.result["run_id"]) == (
        True,
        "7860",
        "run-1",
    )


def test_a_restart_after_which_it_does_not_speak_has_failed_and_says_so(stage):
    stage.answer("speak", SILENT, rc=1)
    played = stage.play("restart", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "failed"
    assert played.verbs[-1] == "lease release"
    assert played.result["ok"] is False
    assert "the sound is silent" in played.result["error"]


def test_a_host_that_a_person_holds_is_left_alone(stage):
    stage.answer("lease-take", HELD, rc=3)
    played = stage.play("restart", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "failed"
    assert played.verbs == ["lease take"]
    assert "held by person:li.wei" in played.result["error"]


def test_a_lease_the_run_held_before_is_not_given_back(stage):
    stage.answer("lease-take", {"ok": True, "already_held": True})
    assert stage.play("restart", target="gpu01", instance="7860", run_id="run-1").verbs[-1] == "speak 7860"


def test_an_answer_that_is_no_json_fails_with_what_was_said(stage):
    (stage.folder / "restart.json").write_text("sudo: a password is required")
    (stage.folder / "restart.rc").write_text("1")
    played = stage.play("restart", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "failed"
    assert played.verbs[-1] == "lease release"


def test_check_mode_changes_nothing_and_does_not_fail(play):
    played = play("restart", "--check", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "successful", played.output
    assert (played.calls, played.changed) == ([], 0)


def test_without_a_target_nothing_runs_anywhere(play):
    played = play("restart", instance="7860")
    assert played.status == "failed"
    assert played.calls == []
    assert "set-target-to-one-host" in played.output


def test_more_than_one_host_is_refused(stage):
    stage.hosts = ["gpu01", "gpu02"]
    played = stage.play("restart", target="gpu_hosts", instance="7860")
    assert played.status == "failed"
    assert played.calls == []
    assert "Set target to one host" in played.output


def test_an_instance_that_is_no_port_is_refused(play):
    played = play("restart", target="gpu01", instance="7860; reboot")
    assert played.status == "failed"
    assert played.calls == []
    assert "-e instance=7860" in played.output


def test_a_run_by_hand_carries_the_name_of_whoever_runs_it(play):
    played = play("clear_memory", target="gpu01", instance="7860")
    assert played.verbs[1].startswith("clear-memory 7860 --run person-")
    assert played.result["run_id"].startswith("person-")


def test_purge_passes_numbers_alone(play):
    played = play(
        "purge_outputs", target="gpu01", run_id="run-1", keep_days="3 --keep-newest 0", keep_newest="2"
    )
    assert played.verbs == [
        "lease take",
        "purge --keep-days 0.0 --keep-newest 2 --run run-1",
        "lease release",
    ]


def test_purge_in_check_mode_lists_what_would_go(play):
    played = play("purge_outputs", "--check", target="gpu01", run_id="run-1", keep_days=3)
    assert played.status == "successful", played.output
    assert played.calls == ["purge --dry-run --keep-days 3.0"]


def test_examine_hands_over_the_evidence_without_asking_for_the_lease(stage):
    stage.answer("examine", {"ok": True, "schema": 1, "host": "gpu01"})
    played = stage.play("examine", target="gpu01")
    assert played.calls == ["examine"]
    assert played.result["answers"]["examine"]["schema"] == 1


def test_verify_lets_it_speak_even_in_check_mode(play):
    played = play("verify", "--check", target="gpu01", instance="7861")
    assert played.calls == ["speak 7861"]
