import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_app.glm_worker.protocol import Garbage, decode, encode, pack, unpack

JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), JSON))
def test_every_message_is_one_line_and_comes_back(message):
    line = encode(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert decode(line) == message


@pytest.mark.parametrize("line", [b"", b"hello\n", b"[1]\n", b"3\n", b'{"a":', b"\xff\xfe\n", b"null\n"])
def test_a_line_that_is_no_message_is_garbage(line):
    with pytest.raises(Garbage):
        decode(line)


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_garbage(line):
    try:
        decode(line)
    except Garbage:
        return


def test_samples_come_back_as_they_were():
    samples = np.linspace(-1, 1, 100, dtype=np.float32)
    np.testing.assert_array_equal(unpack(pack(samples)), samples)
    assert len(unpack(pack(np.zeros(0, np.float32)))) == 0


@pytest.mark.parametrize("text", [None, 5, "!!!", "AAA", "AAAA", [1]])
def test_damaged_samples_are_garbage(text):
    with pytest.raises(Garbage):
        unpack(text)
