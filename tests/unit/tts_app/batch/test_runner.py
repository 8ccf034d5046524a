"""What fails is recorded and the next item runs; nothing finished is repeated; the end tells the truth."""

from __future__ import annotations

import errno
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from tests.unit.tts_app.batch.helpers import line, tasks_file, wav
from tests.unit.tts_app.batch.runs import DirectSpeaker, run
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch import wavfile
from tts_app.batch.journal import Journal, JournalBusy, read_history, read_records
from tts_app.batch.report import Exit
from tts_app.batch.runner import Listener
from tts_app.batch.speak import StopBatch
from tts_app.engines.base import Speech
from tts_app.errors import BadRequest, ContextDead, EngineStuck, OutOfMemory


@pytest.fixture
def out_dir(tmp_path: Path) -> Path:
    return tmp_path / "out"


def statuses(report) -> list[str]:
    return [row.status for row in report.rows]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OutOfMemory("CUDA out of memory. Tried to allocate 2 GiB"), id="out of memory"),
        pytest.param(ContextDead("device-side assert triggered"), id="context dead"),
        pytest.param(EngineStuck("no result"), id="hang"),
        pytest.param(BadRequest("text", "no", "不行"), id="refused by the engine"),
    ],
)
def test_a_failing_item_is_recorded_and_the_others_run(out_dir, error) -> None:
    engine = FakeEngine()
    engine.errors["第1句话"] = error
    report = run(tasks_file(3), out_dir, DirectSpeaker(engine))
    assert statuses(report) == ["ok", "failed", "ok"]
    assert report.exit_status is Exit.SOME_FAILED
    failed = report.to_json()["faults"][-1]
    assert (failed["line"], failed["code"]) == (2, type(error).__name__)
    assert not (out_dir / "t001.wav").exists()


def test_all_failing_is_an_exit_status_of_its_own(out_dir) -> None:
    engine = FakeEngine()
    engine.errors = {f"第{n}句话": OutOfMemory("x") for n in range(2)}
    assert run(tasks_file(2), out_dir, DirectSpeaker(engine)).exit_status is Exit.NONE_OK


def test_a_second_run_speaks_nothing_again(out_dir) -> None:
    run(tasks_file(3), out_dir)
    speaker = DirectSpeaker()
    report = run(tasks_file(3), out_dir, speaker)
    assert speaker.spoken == []
    assert report.exit_status is Exit.ALL_OK


def test_a_failed_item_is_tried_again_only_on_demand(out_dir) -> None:
    engine = FakeEngine()
    engine.errors["第1句话"] = OutOfMemory("x")
    run(tasks_file(3), out_dir, DirectSpeaker(engine))
    again, retried = DirectSpeaker(), DirectSpeaker()
    assert run(tasks_file(3), out_dir, again).exit_status is Exit.SOME_FAILED
    assert again.spoken == []
    assert run(tasks_file(3), out_dir, retried, retry_failed=True).exit_status is Exit.ALL_OK
    assert retried.spoken == ["第1句话"]


def test_a_changed_line_is_a_new_item(out_dir) -> None:
    run(tasks_file(3), out_dir)
    speaker = DirectSpeaker()
    run(tasks_file(3).replace("第1句话".encode(), "换一句话".encode()), out_dir, speaker)
    assert speaker.spoken == ["换一句话"]


def test_a_changed_recording_is_a_new_item(tmp_path, out_dir) -> None:
    task = line(prompt_audio="voice.wav", prompt_text="好").encode()
    (tmp_path / "voice.wav").write_bytes(wav())
    run(task, out_dir)
    (tmp_path / "voice.wav").write_bytes(wav(level=0.1))
    speaker = DirectSpeaker()
    run(task, out_dir, speaker)
    assert len(speaker.spoken) == 1


def test_a_result_that_was_removed_or_damaged_is_made_again(out_dir) -> None:
    run(tasks_file(3), out_dir)
    (out_dir / "t000.wav").unlink()
    cut = (out_dir / "t002.wav").read_bytes()[:-10]
    (out_dir / "t002.wav").write_bytes(cut)
    speaker = DirectSpeaker()
    assert run(tasks_file(3), out_dir, speaker).exit_status is Exit.ALL_OK
    assert speaker.spoken == ["第0句话", "第2句话"]


class Liar(DirectSpeaker):
    def __init__(self, samples: np.ndarray, rate: int = 24000) -> None:
        super().__init__()
        self._speech = Speech(samples.astype(np.float32), rate, False, 1)

    def speak(self, request, on_piece):
        return self._speech


@pytest.mark.parametrize(
    ("samples", "rate"),
    [
        pytest.param(np.zeros(24000), 24000, id="silence"),
        pytest.param(np.zeros(0), 24000, id="nothing"),
        pytest.param(np.full(24000, np.nan), 24000, id="no numbers"),
        pytest.param(np.full(24, 0.3), 24000, id="far too short"),
        pytest.param(np.full(24000 * 90, 0.3), 24000, id="a minute and a half for four characters"),
        pytest.param(np.full(16000, 0.3), 16000, id="another sample rate"),
        pytest.param(np.full((24000, 2), 0.3), 24000, id="two channels"),
    ],
)
def test_what_can_not_be_the_text_is_a_failure(out_dir, samples, rate) -> None:
    report = run(tasks_file(1), out_dir, Liar(samples, rate))
    assert report.exit_status is Exit.NONE_OK
    assert report.rows[0].error == "Implausible"
    assert list(out_dir.glob("*.wav")) == []


class Spoiler(Listener):
    """Spoils a finished file while the batch goes on."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path, self._data = path, data

    def ended(self) -> None:
        self._path.write_bytes(self._data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="emptied"),
        pytest.param(wav(0.5)[:500], id="cut"),
        pytest.param(wav(1.0), id="swapped"),
    ],
)
def test_the_truth_check_finds_a_file_that_changed_during_the_run(out_dir, data) -> None:
    report = run(tasks_file(3), out_dir, listener=Spoiler(out_dir / "t001.wav", data))
    assert statuses(report) == ["ok", "failed", "ok"]


def test_a_stop_finishes_the_item_in_hand_and_can_be_resumed(out_dir) -> None:
    speaker = DirectSpeaker()
    report = run(tasks_file(5), out_dir, speaker, must_stop=lambda: len(speaker.spoken) == 2)
    assert statuses(report) == ["ok", "ok", "waiting", "waiting", "waiting"]
    assert report.exit_status is Exit.STOPPED
    assert speaker.closed
    resumed = DirectSpeaker()
    assert run(tasks_file(5), out_dir, resumed).exit_status is Exit.ALL_OK
    assert resumed.spoken == ["第2句话", "第3句话", "第4句话"]


class Gone(DirectSpeaker):
    def speak(self, request, on_piece):
        if len(self.spoken) == 1:
            raise StopBatch("draining", "draining", "下线中")
        return super().speak(request, on_piece)


def test_when_no_item_can_be_spoken_the_batch_stops_and_blames_none(out_dir) -> None:
    for _ in range(3):  # not counted as a death of the item
        report = run(tasks_file(2), out_dir, Gone())
    assert report.exit_status in {Exit.STOPPED, Exit.ALL_OK}
    assert read_history(out_dir / "journal.jsonl").failed == {}
    assert run(tasks_file(2), out_dir).exit_status is Exit.ALL_OK


class Unready(DirectSpeaker):
    def ready(self) -> None:
        raise StopBatch("engine", "no model file", "没有模型文件")


def test_an_engine_that_is_not_ready_leaves_every_item_untouched(out_dir) -> None:
    report = run(tasks_file(2), out_dir, Unready())
    assert report.stopped.reason == "engine"
    events = [record["event"] for record in read_records((out_dir / "journal.jsonl").read_bytes())]
    assert events == ["batch", "stopped"]


def test_nothing_is_loaded_for_what_is_finished(out_dir) -> None:
    run(tasks_file(1), out_dir)
    assert run(tasks_file(1), out_dir, Unready()).exit_status is Exit.ALL_OK


def full_disk_after(monkeypatch, count: int) -> None:
    """Let the disk be full from the `count`th wav on."""
    real, written = wavfile.write_part, []

    def write_part(final: Path, data: bytes) -> Path:
        if final.suffix == ".wav":
            written.append(final)
            if len(written) > count:
                raise OSError(errno.ENOSPC, "No space left on device")
        return real(final, data)

    monkeypatch.setattr(wavfile, "write_part", write_part)


def test_a_full_disk_stops_the_batch_without_blaming_an_item(out_dir, monkeypatch, caplog) -> None:
    with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
        full_disk_after(patch, 1)
        report = run(tasks_file(3), out_dir)
    assert statuses(report) == ["ok", "waiting", "waiting"]
    assert report.stopped.reason == "disk_full"
    assert "OSError: [Errno 28] No space left on device" in caplog.text
    speaker = DirectSpeaker()
    assert run(tasks_file(3), out_dir, speaker).exit_status is Exit.ALL_OK
    assert speaker.spoken == ["第1句话", "第2句话"]


def test_a_recording_that_vanished_fails_its_items_only(tmp_path, out_dir, caplog) -> None:
    (tmp_path / "voice.wav").write_bytes(wav())
    data = (
        line(output_name="a") + "\n" + line(output_name="b", prompt_audio="voice.wav", prompt_text="好")
    ).encode()

    class Vanishing(Listener):
        def begun(self, total: int, finished: int) -> None:
            (tmp_path / "voice.wav").unlink()

    with caplog.at_level(logging.ERROR):
        report = run(data, out_dir, listener=Vanishing())
    assert statuses(report) == ["ok", "failed"]
    assert report.rows[1].error == "FileNotFoundError"
    assert report.to_json()["faults"][-1]["fault"] == "missing_audio"
    assert "FileNotFoundError: [Errno 2]" in caplog.text


def test_two_batches_never_share_a_directory(out_dir) -> None:
    out_dir.mkdir()
    with Journal(out_dir / "journal.jsonl"), pytest.raises(JournalBusy):
        run(tasks_file(1), out_dir)


def test_the_report_lies_in_the_output_directory(out_dir) -> None:
    report = run(tasks_file(2), out_dir)
    assert json.loads((out_dir / "report.json").read_bytes()) == report.to_json()


def test_the_log_names_owner_and_line_and_never_the_text(out_dir, caplog) -> None:
    engine = FakeEngine()
    engine.errors["第0句话"] = OutOfMemory("CUDA out of memory. Tried to allocate 2.00 GiB")
    with caplog.at_level(logging.DEBUG):
        run(tasks_file(1), out_dir, DirectSpeaker(engine))
    assert "owner=alice line=1" in caplog.text
    assert "CUDA out of memory" in caplog.text
    assert "第0句话" not in caplog.text


def test_nothing_is_written_outside_the_output_directory(tmp_path, out_dir) -> None:
    run(tasks_file(2), out_dir)
    assert {p.name for p in tmp_path.iterdir()} == {"out"}
    assert {p.name for p in out_dir.iterdir()} == {
        "journal.jsonl",
        "report.json",
        "tasks.jsonl",
        "t000.wav",
        "t001.wav",
    }
