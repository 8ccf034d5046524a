"""Log lines as people and the log diagnosis read them, across rotations and crashes."""

import logging
import re
import signal
import subprocess
import sys

import pytest

from tts_app import logs

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ request=[\w-]+ [\w.]+: .+")


@pytest.fixture
def log_dir(tmp_path):
    root, access = logging.getLogger(), logs.access
    before = root.handlers[:], root.level, access.handlers[:], access.propagate
    logs.set_up(tmp_path, on_console=False)
    yield tmp_path
    for handler in {*root.handlers, *access.handlers} - {*before[0], *before[2]}:
        handler.close()
    root.handlers[:], access.handlers[:], access.propagate = before[0], before[2], before[3]
    root.setLevel(before[1])


def lines(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_a_line_has_time_level_request_and_logger(log_dir):
    token = logs.request_id.set("abc-1")
    logging.getLogger("tts_app.somewhere").error("it broke")
    logs.request_id.reset(token)
    (line,) = lines(log_dir / "error.log")
    assert LINE.fullmatch(line)
    assert line.endswith("ERROR request=abc-1 tts_app.somewhere: it broke")


def test_exceptions_keep_their_own_words(log_dir):
    try:
        (log_dir / "missing.wav").open()
    except OSError as error:
        logging.getLogger("tts_app").error("no reference", exc_info=error)
    text = (log_dir / "error.log").read_text()
    assert "FileNotFoundError: [Errno 2] No such file or directory" in text


def test_accesses_go_to_their_own_file_alone(log_dir):
    logs.access.info("127.0.0.1 GET /healthz status=200 ms=1.0")
    assert len(lines(log_dir / "access.log")) == 1
    assert lines(log_dir / "error.log") == []


def test_a_rotation_loses_nothing(log_dir):
    log = logging.getLogger("tts_app")
    log.error("before")
    (log_dir / "error.log").rename(log_dir / "error.log.1")
    log.error("after")
    assert lines(log_dir / "error.log.1")[0].endswith("before")
    assert lines(log_dir / "error.log")[0].endswith("after")


def test_a_native_crash_leaves_its_words(tmp_path):
    program = (
        "import faulthandler, pathlib, sys; from tts_app import logs; "
        "logs.set_up(pathlib.Path(sys.argv[1])); faulthandler._sigsegv()"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=120)
    assert ended.returncode == -signal.SIGSEGV
    assert "Fatal Python error: Segmentation fault" in (tmp_path / "error.log").read_text()


def test_a_crash_right_after_a_rotation_is_in_the_new_file(tmp_path):
    program = (
        "import faulthandler, pathlib, sys; from tts_app import logs; folder = pathlib.Path(sys.argv[1]); "
        "logs.set_up(folder); (folder / 'error.log').rename(folder / 'error.log.1'); "
        "logs.follow_rotation(); faulthandler._sigsegv()"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=120)
    assert "Segmentation fault" in (tmp_path / "error.log").read_text()
    assert (tmp_path / "error.log.1").read_text() == ""
