import pytest

from tts_app.glm_worker.words import MAX_LINE_CHARS, fault_line, without_text

SECRET = "我的密码是 12345, call me Alice"
OOM = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 23.64 GiB of which 1 GiB is free."


@pytest.mark.parametrize(
    ("message", "left"),
    [
        pytest.param(f"cannot speak {SECRET}!", "cannot speak <text>!", id="the text itself"),
        pytest.param("cannot speak 我的密码是一二三四五", "cannot speak <text>", id="its numbers read out"),
        pytest.param("no token for alice at 7", "no token for <text> at 7", id="a word of it, folded"),
        pytest.param("bad digits 12345 in row 12", "bad digits <text> in row 12", id="its digits"),
        pytest.param("unknown symbol 'b'", "unknown symbol <text>", id="whatever is quoted"),
        pytest.param("list index out of range", "list index out of range", id="nothing of it"),
        pytest.param("shape\n  (3, 4)", "shape (3, 4)", id="line ends"),
    ],
)  # fmt: skip
def test_nothing_of_the_text_is_left(message, left):
    assert without_text(message, [SECRET, ""]) == left


@pytest.mark.parametrize(
    "message",
    [
        OOM,
        "CUDA error: device-side assert triggered",
        "CUDA error: an illegal memory access was encountered",
        "[Errno 2] No such file or directory: 'ckpt/llm/config.json'",
        "[Errno 28] No space left on device",
        "No module named 'torch'",
        "Expecting value: line 1 column 1 (char 0)",
        "libcudart.so.12: cannot open shared object file: No such file or directory",
    ],
)
def test_what_the_machine_says_stays_even_when_a_text_says_the_same(message):
    assert without_text(message, ["CUDA out of memory", "No such file", "device", "torch value"]) == message


def test_without_a_text_nothing_is_cut():
    assert without_text("ValueError: 'a' 你好", []) == "ValueError: 'a' 你好"


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("Fatal Python error: Segmentation fault", True),
        ("Current thread 0x00007f0a8e5a4740 (most recent call first):", True),
        ('  File "/opt/GLM-TTS/llm/glmtts.py", line 118 in inference', True),
        ('  File "/opt/GLM-TTS/llm/glmtts.py", line 118 in <module>', True),
        ("terminate called after throwing an instance of 'c10::Error'", True),
        ("  what():  CUDA error: device-side assert triggered", True),
        (f"torch.OutOfMemoryError: {OOM}", True),
        ("RuntimeError: CUDA error: device-side assert triggered", True),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'ckpt/x'", True),
        ("OSError: [Errno 28] No space left on device", True),
        ("json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)", True),
        ("Processing ['piece-0', 'CUDA out of memory']", False),
        ("Segmentation fault is a nice word", False),
        ('File "/etc/passwd", line 1 in 我的秘密', False),
        ("我说 RuntimeError: CUDA error: device-side assert triggered", False),
        ("terminate called after throwing an instance of '我的秘密'", False),
        ("秘密Error: CUDA error: x", False),
        ("", False),
    ],
)
def test_of_standard_error_only_what_a_dying_process_says_is_kept(line, kept):
    assert fault_line(line) == (line if kept else None)


def test_of_another_exception_only_the_name_is_kept():
    assert fault_line("ValueError: cannot speak 我的秘密") == "ValueError"


def test_a_kept_line_is_bounded():
    assert len(fault_line("RuntimeError: CUDA error: " + "x" * 5000)) == MAX_LINE_CHARS
