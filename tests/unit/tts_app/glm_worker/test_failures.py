import pytest

from tts_app.glm_worker.failures import (
    BAD_TOKEN,
    CONTEXT_DEAD,
    FAILED,
    OUT_OF_MEMORY,
    WorkerError,
    kind_of,
    message_of,
)


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), OUT_OF_MEMORY),
        (MemoryError(), OUT_OF_MEMORY),
        (RuntimeError("CUDA error: device-side assert triggered"), CONTEXT_DEAD),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), CONTEXT_DEAD),
        (OutOfMemoryError("while handling: device-side assert triggered"), CONTEXT_DEAD),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), CONTEXT_DEAD),
        (IndexError("list index out of range"), FAILED),
        (ValueError("out of memory"), FAILED),
        (WorkerError(BAD_TOKEN, "token -5"), BAD_TOKEN),
    ],
)
def test_kind_of(error, kind):
    assert kind_of(error) == kind


def test_the_words_people_look_for_stay_in_the_message():
    assert "CUDA out of memory. Tried" in message_of(
        OutOfMemoryError("CUDA out of memory. Tried\nto allocate")
    )


def test_the_users_text_is_cut_out_of_the_message():
    error = ValueError("cannot speak 我的密码是 12345!")
    assert message_of(error, private=("我的密码是 12345!",)) == "ValueError: cannot speak <text>"


def test_a_message_is_one_bounded_line():
    assert len(message_of(ValueError("x\n" * 5000))) <= 600
