"""The command as people run it: real processes, real signals, a fake engine in a real worker."""

from __future__ import annotations

import json
import signal

import pytest

from tests.unit.tts_app.batch.helpers import WAIT_S
from tests.unit.tts_app.batch.place import gone, wait_for
from tts_app.batch.archive import read_manifest
from tts_app.batch.report import Exit


def test_trouble_with_three_items_of_five_leaves_two_and_says_so(place) -> None:
    place.write("one", "crash", "two", "bug", "memory")
    status, output = place.run()
    assert status == Exit.SOME_FAILED, output
    assert sorted(p.name for p in place.out.glob("*.wav")) == ["t0.wav", "t2.wav"]
    report = json.loads((place.out / "report.json").read_bytes())
    assert [item["status"] for item in report["items"]] == ["ok", "failed", "ok", "failed", "failed"]
    assert "FAILED line 2 t1" in output
    assert "部分失败" in output
    log = (place.out / "error.log").read_text(encoding="utf-8")
    assert "Fatal Python error: Segmentation fault" in log
    assert "CUDA out of memory" in log
    assert "owner=alice line=2" in log
    archive = next(place.zips.glob("*.zip"))
    assert read_manifest(archive)["ok"] == 2


def test_killing_the_batch_takes_its_worker_along_and_the_next_start_goes_on(place) -> None:
    place.write("one", "hang", "two")
    process = place.start()
    wait_for(lambda: "hang" in place.asked(), "the second item in hand")
    worker = int(place.calls.read_text(encoding="utf-8").split()[0])
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=WAIT_S)
    wait_for(lambda: gone(worker), "the worker's end")
    assert [p.name for p in place.out.glob("*.wav")] == ["t0.wav"]
    status, output = place.run(FAKE_WELL="1")
    assert status == Exit.ALL_OK, output
    assert place.asked() == ["one", "hang", "hang", "two"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_after_the_item_in_hand_and_the_next_start_goes_on(place, number) -> None:
    place.write("one", "gate", "two")
    gate = place.folder / "gate"
    process = place.start(FAKE_GATE=str(gate))
    wait_for(lambda: "gate" in place.asked(), "the second item in hand")
    process.send_signal(number)
    gate.touch()
    output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == Exit.STOPPED, output.decode()
    assert sorted(p.name for p in place.out.glob("*.wav")) == ["t0.wav", "t1.wav"]
    assert "resume" in output.decode()
    status, output_text = place.run(FAKE_GATE=str(gate))
    assert status == Exit.ALL_OK, output_text
    assert place.asked() == ["one", "gate", "two"]


def test_an_engine_that_can_not_load_leaves_everything_for_later(place) -> None:
    place.write("one", "two")
    status, output = place.run(FAKE_LOAD="fails")
    assert status == Exit.STOPPED
    assert "no model file" in output
    assert place.run()[0] == Exit.ALL_OK


@pytest.mark.parametrize("how", ["speaks", "checks"])
def test_a_reader_that_goes_away_changes_nothing(place, how) -> None:
    place.write("one")
    place.env.pop("PYTHONUNBUFFERED", None)
    process = place.start(*(["--check"] if how == "checks" else []))
    process.stdout.close()
    assert process.wait(WAIT_S) == Exit.ALL_OK
    assert place.asked() == (["one"] if how == "speaks" else [])
