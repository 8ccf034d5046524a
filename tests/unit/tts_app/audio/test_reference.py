import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_app.audio.reference import KEPT_RATE, read_recording
from tts_app.errors import BadRequest


def tone(seconds=4.0, rate=24000, level=0.3, channels=1):
    wave = level * np.sin(2 * np.pi * 220 * np.arange(int(seconds * rate)) / rate)
    return np.repeat(wave.astype(np.float32)[:, None], channels, axis=1)


def wav(samples, rate=24000, container="WAV", subtype="PCM_16"):
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=container, subtype=subtype)
    return out.getvalue()


def codes(recording):
    return [weakness.code for weakness in recording.warnings]


def refusal(content, **kwargs):
    with pytest.raises(BadRequest) as caught:
        read_recording(content, **kwargs)
    assert caught.value.fix and caught.value.fix_zh and caught.value.message_zh
    return caught.value.message_en


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")],
)
def test_every_offered_format_is_read(container, subtype):
    recording = read_recording(wav(tone(), 24000, container, subtype))
    assert recording.duration_s == pytest.approx(4.0, abs=0.1)
    assert codes(recording) == []


def test_stereo_becomes_the_mean_of_both_channels():
    left_only = np.stack(
        [tone()[:, 0], np.zeros(len(tone()))], axis=1
    )  # F11: upstream takes channel 0 in one place
    recording = read_recording(wav(left_only))
    assert recording.samples.ndim == 1
    assert np.abs(recording.samples).max() == pytest.approx(0.15, abs=0.01)


# F14: one of upstream's own prompts has 2.70 s.
@pytest.mark.parametrize(
    ("seconds", "found"),
    [(2.7, ["short"]), (3.0, []), (10.0, []), (10.1, ["long"]), (1.0, ["short"]), (30.0, ["long"])],
)
def test_a_length_outside_3_to_10_s_is_a_warning(seconds, found):
    assert codes(read_recording(wav(tone(seconds)))) == found


@pytest.mark.parametrize("seconds", [0.9, 30.1, 300])
def test_a_length_outside_1_to_30_s_is_refused(seconds):
    assert "lasts" in refusal(wav(tone(seconds)))


def test_strict_mode_refuses_what_is_a_warning_otherwise():
    assert "short" in refusal(wav(tone(2.7)), strict=True)


def test_silence_is_refused_and_a_whisper_is_a_warning():
    assert "silent" in refusal(wav(tone(level=0.0)))
    assert codes(read_recording(wav(tone(level=0.008)))) == ["quiet"]


def test_clipping_is_a_warning():
    assert codes(read_recording(wav(np.clip(tone(level=3.0), -1, 1)))) == ["clipped"]


def test_one_clipped_channel_is_heard_beside_a_quiet_one():
    loud, quiet = np.clip(tone(level=3.0)[:, 0], -1, 1), tone(level=0.05)[:, 0]
    assert codes(read_recording(wav(np.stack([loud, quiet], axis=1)))) == ["clipped"]


def test_a_telephone_rate_is_a_warning_and_less_is_refused():
    assert codes(read_recording(wav(tone(rate=8000), 8000))) == ["low_rate"]
    assert "4000 Hz" in refusal(wav(tone(rate=4000), 4000))


def test_a_high_rate_is_brought_down():
    recording = read_recording(wav(tone(rate=96000), 96000))
    assert recording.sample_rate == KEPT_RATE
    assert recording.duration_s == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"%PDF-1.7 " * 100, id="a document"),
        pytest.param(b"PK\x03\x04" + bytes(500), id="a zip"),
        pytest.param(b"RIFF", id="four letters"),
        pytest.param(b"RIFF\xff\xff\xff\x7fWAVEfmt ", id="half a header"),
        pytest.param(b"fLaC" + bytes(1000), id="a disguised FLAC"),
        pytest.param(b"OggS" + bytes(1000), id="a disguised OGG"),
        pytest.param(b"ID3" + b"\x04" * 2000, id="a disguised MP3"),
        pytest.param(b"FORM" + bytes(64), id="a disguised AIFF"),
        pytest.param(b"<svg onload=alert(1)>", id="a picture"),
        pytest.param(wav(tone())[:60] + bytes(3), id="a header without sound"),
    ],
)
def test_a_damaged_or_disguised_file_is_refused_without_a_crash(content):
    refusal(content)


def test_a_header_that_claims_ten_hours_costs_no_memory():
    content = bytearray(wav(tone(2)))
    content[4:8] = struct.pack("<I", 0x7FFFFFF0)
    content[40:44] = struct.pack("<I", 0x7FFFFF00)
    recording = read_recording(bytes(content))
    assert recording.duration_s == pytest.approx(2.0, abs=0.01)


def test_many_channels_at_a_high_rate_are_mixed_without_holding_them_all():
    seconds, rate, channels = 10, 192_000, 8
    content = wav(np.zeros((seconds * rate, channels), np.int16), rate, "FLAC")
    held = seconds * rate * channels * 4  # bytes, as float32
    tracemalloc.start()
    try:
        assert "silent" in refusal(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < held / 2


def test_a_file_of_ten_hours_is_refused_by_its_size(tmp_path):
    long = tmp_path / "long.wav"
    with long.open("wb") as file:
        file.write(wav(tone(2)))
        file.truncate(10 * 3600 * 24000 * 2)  # sparse: takes no place
    assert "larger than" in refusal(long)


SAMPLES = {
    container: wav(tone(1.2, 8000), 8000, container, subtype)
    for container, subtype in [
        ("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16"),
    ]
}  # fmt: skip


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("container", SAMPLES)
def test_a_file_with_wrong_bytes_is_read_or_refused_never_worse(container):
    good = SAMPLES[container]
    headers_first = st.one_of(st.integers(0, 63), st.integers(0, len(good) - 1))
    wrong_bytes = st.lists(st.tuples(headers_first, st.integers(0, 255)), min_size=1, max_size=8)

    @settings(max_examples=80, derandomize=True, deadline=None, database=None)
    @given(wrong=wrong_bytes, length=st.integers(1, len(good)))
    def holds(wrong, length):
        content = bytearray(good)
        for place, value in wrong:
            content[place] = value
        try:
            recording = read_recording(bytes(content[:length]))
        except BadRequest as error:
            assert error.fix and error.fix_zh
        else:
            assert recording.samples.ndim == 1
            assert np.isfinite(recording.samples).all()

    holds()


def test_every_cut_of_a_file_is_read_or_refused_never_worse():
    content = wav(tone(1.5), subtype="PCM_16")
    for length in range(0, len(content), 997):
        try:
            read_recording(content[:length])
        except BadRequest as error:
            assert error.field == "reference"


def test_not_a_number_in_a_float_file_is_refused():
    samples = tone()
    samples[100] = np.nan
    refusal(wav(samples, subtype="FLOAT"))


def test_size_is_checked_before_anything_is_decoded(tmp_path):
    big = tmp_path / "big.wav"
    big.write_bytes(b"RIFF" + bytes(3000))
    assert "larger than" in refusal(big, max_bytes=2000)


def test_an_empty_or_missing_file_is_named_as_such(tmp_path):
    (tmp_path / "empty.wav").touch()
    assert "0 bytes" in refusal(tmp_path / "empty.wav")
    assert "can't be read" in refusal(tmp_path / "missing.wav", field="prompt_audio")
