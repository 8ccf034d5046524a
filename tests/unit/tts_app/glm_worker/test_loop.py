import io
import json

import numpy as np
import pytest

from tts_app.glm_worker.failures import WorkerError
from tts_app.glm_worker.loop import Worker
from tts_app.glm_worker.protocol import pack, unpack

REFERENCE = pack(np.full(160, 0.1, np.float32))
SPEAK = {
    "op": "speak", "id": 2, "pieces": ["你好，", "世界。"], "units": [2, 2], "sample_rate": 24000, "seed": 7,
    "prompt_text": "参考文本", "prompt": {"16000": REFERENCE, "24000": REFERENCE},
}  # fmt: skip
LOAD = {"op": "load", "id": 1}


class Model:
    """Speaks at once; `error` is raised instead, when there is one."""

    device, sample_rates = "cpu", (24000,)

    def __init__(self, error=None):
        self.error, self.released, self.tasks = error, 0, []

    def speak(self, task, *, on_piece, cancelled):
        self.tasks.append(task)
        if self.error is not None:
            raise self.error
        for done in range(len(task.pieces)):
            if cancelled():
                raise WorkerError("cancelled", "cancelled")
            on_piece(done + 1, len(task.pieces))
        return np.full(240, 0.5, np.float32)

    def release(self):
        self.released += 1


def talk(*requests, model=None, load=None):
    """Return the worker's answers to all requests."""
    lines = b"".join(r if isinstance(r, bytes) else json.dumps(r).encode() + b"\n" for r in requests)
    answers = io.BytesIO()
    model = model or Model()
    Worker(io.BytesIO(lines), answers, load or (lambda: model), at_end=lambda: None).run()
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_it_loads_reports_progress_and_speaks():
    loaded, first, second, spoken = talk(LOAD, SPEAK)
    assert (loaded["event"], loaded["id"], loaded["sample_rates"]) == ("loaded", 1, [24000])
    assert [(a["event"], a["done"], a["total"]) for a in (first, second)] == [
        ("progress", 1, 2),
        ("progress", 2, 2),
    ]
    assert spoken["id"] == 2 and len(unpack(spoken["samples"])) == 240
    assert spoken["memory"]["rss_mb"] > 0


def test_it_loads_once_however_often_it_is_asked():
    loads = []
    talk(LOAD, {"op": "load", "id": 2}, load=lambda: loads.append(1) or Model())
    assert loads == [1]


@pytest.mark.parametrize("error", [None, ValueError("bad"), MemoryError()])
def test_cached_memory_is_given_back_after_every_text_good_or_bad(error):
    model = Model(error)
    talk(LOAD, SPEAK, model=model)
    assert model.released == 1  # F13


def test_nothing_more_is_asked_of_a_dead_context():
    model = Model(RuntimeError("CUDA error: device-side assert triggered"))
    _, failed = talk(LOAD, SPEAK, model=model)
    assert failed["kind"] == "context_dead"
    assert model.released == 0


def test_a_failure_is_an_answer_and_the_next_text_is_served():
    model = Model(IndexError("list index out of range"))
    _, failed, again = talk(LOAD, SPEAK, {**SPEAK, "id": 3}, model=model)
    assert (failed["event"], failed["kind"], failed["id"]) == ("failed", "failed", 2)
    assert again["id"] == 3


def test_a_failure_never_quotes_the_text():
    model = Model(ValueError("cannot speak 你好， after 参考文本"))
    _, failed = talk(LOAD, SPEAK, model=model)
    assert failed["message"] == "ValueError: cannot speak <text> after <text>"


def test_a_text_about_a_dead_context_kills_no_worker():
    pieces = ["他说 CUDA error: device-side assert triggered"]
    model = Model(ValueError(f"cannot speak {pieces[0]}"))
    _, failed = talk(LOAD, {**SPEAK, "pieces": pieces, "units": [9]}, model=model)
    assert failed["kind"] == "failed"


def test_a_failed_load_says_where_in_upstreams_code_it_happened():
    def load():
        try:
            raise FileNotFoundError(2, "No such file", "ckpt")
        except OSError as error:
            raise WorkerError("load_failed", "FileNotFoundError: ckpt") from error

    (failed,) = talk(LOAD, load=load)
    assert failed["where"][-1].startswith(__file__)


def test_a_failed_load_can_be_tried_again():
    attempts = iter([FileNotFoundError(2, "No such file", "ckpt"), None])

    def load():
        if error := next(attempts):
            raise error
        return Model()

    failed, loaded = talk(LOAD, {"op": "load", "id": 2}, load=load)  # F2
    assert failed["event"] == "failed" and "FileNotFoundError" in failed["message"]
    assert loaded["event"] == "loaded"


@pytest.mark.parametrize(
    "change",
    [
        {"pieces": None},
        {"prompt": "x"},
        {"seed": "x"},
        {"units": ["a"]},
        {"sample_rate": None},
        {"prompt": {"16000": "!"}},
    ],
)
def test_a_speak_request_of_the_wrong_shape_is_refused(change):
    answers = talk(LOAD, {**SPEAK, **change})
    assert answers[-1]["kind"] == "bad_request"


@pytest.mark.parametrize("request_", [{"op": "fly", "id": 9}, {"id": 9}, SPEAK])
def test_an_unknown_op_or_speaking_before_loading_is_refused(request_):
    (answer,) = talk(request_)
    assert answer["kind"] == "bad_request"


def test_garbage_is_answered_and_what_follows_is_served():
    garbage, loaded = talk(b"not json\n", LOAD)
    assert garbage["kind"] == "bad_request"
    assert loaded["event"] == "loaded"


def test_a_task_that_was_cancelled_before_it_began_is_not_spoken():
    answers = talk(LOAD, {"op": "cancel", "id": 2}, {"op": "clear", "id": 5})
    assert [a["event"] for a in answers] == ["loaded", "cleared"]


def test_each_task_brings_its_own_values():
    model = Model()
    talk(LOAD, SPEAK, model=model)
    (task,) = model.tasks
    assert task.pieces == ("你好，", "世界。") and task.seed == 7
    assert set(task.prompt) == {16000, 24000}
