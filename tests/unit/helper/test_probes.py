"""Every question has its own deadline, and none can hold up or break another."""

import os
import time
from pathlib import Path

from glmtts_remedy.errors import HelperError
from glmtts_remedy.probes import Question, ask_all


def _raise(error: Exception) -> None:
    raise error


def test_a_question_that_hangs_is_left_behind_and_the_others_answer():
    answers = ask_all(
        {
            "dead": Question(lambda: time.sleep(3600), 0.2),
            "alive": Question(lambda: {"a": [1]}, 60),
        }
    )
    assert answers["alive"] == ({"a": [1]}, "ok")
    assert answers["dead"] == (None, "timeout after 0.2 s")


def test_a_failing_question_says_why():
    answers = ask_all(
        {
            "helper": Question(lambda: _raise(HelperError("the driver is gone")), 60),
            "system": Question(lambda: Path("/no/such/path").stat(), 60),
        }
    )
    assert answers["helper"] == (None, "the driver is gone")
    assert answers["system"].state.startswith("FileNotFoundError")


def test_a_question_whose_process_dies_is_no_answer():
    assert ask_all({"dying": Question(lambda: os._exit(9), 60)})["dying"].state == "ended without an answer"


def test_an_answer_larger_than_a_pipe_arrives_whole():
    assert len(ask_all({"big": Question(lambda: "x" * 500_000, 60)})["big"].value) == 500_000
