"""Every failure word is counted once, over rotations, restarts and half-written lines."""

from pathlib import Path

import pytest
from glmtts_remedy import scan_logs

STAMP = "2026-11-27T01:02:03.123Z"
OOM = f"{STAMP} ERROR request=1 tts_app.speech: CUDA out of memory. Tried to allocate 2 GiB\n"
INFO = f"{STAMP} INFO request=1 tts_app.speech: text: FileNotFoundError CUDA out of memory\n"
TRACE = f"{STAMP} ERROR request=2 tts_app.batch: task failed\nTraceback:\nFileNotFoundError: a.wav\n"


@pytest.fixture
def log(config) -> Path:
    return Path(config.log_dir) / "7860/error.log"


def scan(config) -> dict:
    return scan_logs.scan(config)["instances"]["7860"]


def test_errors_and_their_tracebacks_are_counted(config, log):
    log.write_text(OOM + TRACE)
    assert scan(config) == {"errors": 2, "faults": {"cuda_oom": 1, "missing_file": 1}}


def test_whatever_is_wrong_with_a_batch_is_counted_once_a_line(config, log):
    where = f"{STAMP} ERROR request=- tts_app.batch.work: batch=b owner=li file=t.jsonl line=3 field=-"
    log.write_text(f"{where} fault=F2 json.decoder.JSONDecodeError: half\n{where} fault=empty no text\n")
    assert scan(config) == {"errors": 2, "faults": {"bad_task_file": 1, "batch": 2}}


def test_a_line_that_only_quotes_a_failure_is_none(config, log):
    log.write_text(INFO + "CUDA out of memory in what the user typed\n")
    assert scan(config) == {"errors": 0, "faults": {}}


def test_a_second_scan_counts_only_what_is_new(config, log):
    log.write_text(OOM)
    scan(config)
    assert scan(config)["errors"] == 1
    with log.open("a") as file:
        file.write(OOM)
    assert scan(config)["faults"] == {"cuda_oom": 2}


def test_a_line_still_being_written_is_counted_when_it_is_whole(config, log):
    log.write_text(OOM[:40])
    assert scan(config)["errors"] == 0
    log.write_text(OOM)
    assert scan(config) == {"errors": 1, "faults": {"cuda_oom": 1}}


def test_a_rotated_file_is_finished_before_the_new_one_is_begun(config, log):
    log.write_text(OOM)
    scan(config)
    with log.open("a") as file:
        file.write(OOM)
    log.rename(log.with_suffix(".log.1"))
    log.write_text(TRACE)
    assert scan(config) == {"errors": 3, "faults": {"cuda_oom": 2, "missing_file": 1}}


def test_a_file_truncated_in_place_is_read_from_its_start(config, log):
    log.write_text(OOM * 3)
    scan(config)
    log.write_text(OOM)
    assert scan(config)["errors"] == 4


def test_a_crash_of_the_interpreter_is_counted(config, log):
    log.write_text("Fatal Python error: Segmentation fault\n")
    assert scan(config)["faults"] == {"segfault": 1}


def test_a_missing_log_counts_nothing_and_a_later_one_everything(config, log):
    assert scan(config) == {"errors": 0, "faults": {}}
    log.write_text(OOM)
    assert scan(config)["errors"] == 1


def test_a_damaged_memory_starts_again_instead_of_failing(config, log):
    log.write_text(OOM)
    (Path(config.state_dir) / "log_counters.json").write_text("[]")
    assert scan(config)["errors"] == 1


def test_the_largest_log_that_is_written_is_told(config, log, tmp_path):
    log.write_text(OOM)
    log.with_name("access.log").write_bytes(b"x" * 5000)
    log.with_name("error.log.1").write_bytes(b"x" * 90_000)
    scan_logs.scan(type(config)(**{**vars(config), "textfile_dir": str(tmp_path / "metrics")}))
    text = (tmp_path / "metrics/glmtts_logs.prom").read_text()
    assert 'glmtts_log_size_bytes{port="7860"} 5000\n' in text


def test_the_metrics_name_every_fault_from_the_start(config, log, tmp_path):
    scan_logs.scan(type(config)(**{**vars(config), "textfile_dir": str(tmp_path / "metrics")}))
    text = (tmp_path / "metrics/glmtts_logs.prom").read_text()
    for fault in scan_logs.SIGNATURES:
        assert f'glmtts_log_signature_total{{port="7860",fault="{fault}"}} 0\n' in text
