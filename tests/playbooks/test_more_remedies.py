"""Draining, freeing a port, rotating logs, capturing."""

import base64

import pytest

STRAY = {"pid": 99, "start_time": 5, "user": "glmtts", "cmdline": "python -m tts_app serve", "ours": False}


QUICK = {"remedy_steps_boot_pause_s": 0, "remedy_steps_boot_looks": 2}


def evidence(*owners):
    port = {"listening": True, "owners": list(owners)}
    return {"ok": True, "schema": 1, "boot_id": "a", "instances": {"7860": {"port": port}}}


def test_a_port_is_freed_from_the_very_process_that_was_seen(stage):
    stage.answer("examine", evidence({**STRAY, "pid": 7, "ours": True}, STRAY))
    played = stage.play("free_port", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "successful", played.output
    assert played.verbs[2:] == [
        "free-port 7860 99 5 --run run-1",
        "start 7860 --run run-1",
        "speak 7860",
        "lease release",
    ]


def test_with_nobody_on_the_port_nothing_is_ended(stage):
    stage.answer("examine", evidence())
    played = stage.play("free_port", target="gpu01", instance="7860", run_id="run-1")
    assert played.status == "failed"
    assert played.verbs == ["lease take", "examine", "lease release"]
    assert "nobody but the service itself" in played.result["error"]


def test_a_port_is_not_freed_from_another_process_than_the_one_that_was_examined(stage):
    stage.answer("examine", evidence(STRAY))
    asked = {"target": "gpu01", "instance": "7860", "run_id": "run-1", "stray_pid": 99}
    played = stage.play("free_port", **asked, stray_start_time=4)
    assert played.status == "failed"
    assert played.verbs == ["lease take", "examine", "lease release"]
    assert "another process than the one that was examined" in played.result["error"]
    assert stage.play("free_port", **asked, stray_start_time=5).status == "successful"


def test_a_refusal_of_the_helper_is_told_and_nothing_is_started(stage):
    stage.answer("examine", evidence(STRAY))
    stage.answer(
        "free-port", {"ok": False, "error": "port 7860 is held by another program: nginx of root"}, rc=4
    )
    played = stage.play("free_port", target="gpu01", instance="7860", run_id="run-1")
    assert "nginx of root" in played.result["error"]
    assert not [call for call in played.calls if call.startswith("start")]


def test_a_drained_instance_is_put_back_and_speaks(stage):
    assert stage.play("undrain", target="gpu01", instance="7860", run_id="run-1").verbs == [
        "lease take",
        "undrain 7860 --run run-1",
        "speak 7860",
        "lease release",
    ]


def test_a_capture_is_written_here_and_its_content_stays_out_of_the_result(stage):
    archive = base64.b64encode(bytes(range(256))).decode()
    stage.answer("capture", {"ok": True, "archive": archive, "size_b": 256, "parts": {"error.log": "ok"}})
    folder = stage.folder / "captures"
    played = stage.play("capture", target="gpu01", instance="7860", run_id="run-1", capture_dir=str(folder))
    assert played.status == "successful", played.output
    assert (folder / "gpu01-7860-run-1.tar.gz").read_bytes() == bytes(range(256))
    assert "archive" not in played.result["answers"]["capture"]
    assert archive not in played.output
    assert (folder.stat().st_mode & 0o777) == 0o700


def test_a_host_that_may_not_be_rebooted_is_left_as_it_is(stage):
    stage.answer("examine", evidence())
    stage.answer("reboot", {"ok": False, "error": "this host may not be rebooted by a remedy"}, rc=4)
    played = stage.play("reboot", target="gpu01", run_id="run-1")
    assert played.status == "failed"
    assert played.verbs == [
        "lease take",
        "examine",
        "drain 7860 --run run-1",
        "reboot --run run-1",
        "lease release",
    ]


def test_a_rebooted_host_has_another_boot_id_its_lease_again_and_speaks(stage):
    stage.answer("examine", evidence())
    stage.answer("booted", {**evidence(), "boot_id": "b"})
    played = stage.play("reboot", target="gpu01", run_id="run-1", **QUICK)
    assert played.status == "successful", played.output
    assert played.verbs == [
        "lease take",
        "examine",
        "drain 7860 --run run-1",
        "reboot --run run-1",
        "examine",
        "lease take",
        "speak 7860",
        "lease release",
    ]


@pytest.mark.slow  # a whole reboot once more
def test_a_host_that_answers_with_the_same_boot_id_was_not_rebooted(stage):
    stage.answer("examine", evidence())
    played = stage.play("reboot", target="gpu01", run_id="run-1", **QUICK)
    assert played.status == "failed"
    assert "did not reboot" in played.result["error"]
    assert "speak 7860" not in played.calls


@pytest.mark.slow  # a whole reboot once more
def test_a_rebooted_host_that_stays_silent_is_given_its_time_and_no_more(stage):
    stage.answer("examine", evidence())
    stage.answer("booted", {**evidence(), "boot_id": "b"})
    stage.answer("speak", {"ok": False, "error": "no sound"}, rc=1)
    (stage.folder / "speak.takes_s").write_text("5")
    played = stage.play("reboot", target="gpu01", run_id="run-1", remedy_steps_ready_timeout_s=5, **QUICK)
    assert played.status == "failed"
    assert played.verbs[-2:] == ["speak 7860", "lease release"]
    assert played.calls.count("speak 7860") == 1
