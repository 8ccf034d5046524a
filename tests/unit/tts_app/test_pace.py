"""A host's speed is compared with its own past."""

import json

import pytest

from tts_app.pace import BASELINE_SAMPLES, Pace


def fill(pace, rtf, times=BASELINE_SAMPLES):
    for _ in range(times):
        pace.add(took_s=rtf * 2, audio_s=2.0)


def test_the_first_syntheses_make_the_baseline(tmp_path):
    pace = Pace(tmp_path / "deep" / "pace.json")
    fill(pace, 0.5, BASELINE_SAMPLES - 1)
    assert pace.baseline is None
    fill(pace, 0.5, 1)
    assert pace.baseline == pytest.approx(0.5)


def test_the_baseline_survives_a_restart_and_shows_a_slow_host(tmp_path):
    fill(Pace(tmp_path / "pace.json"), 0.5)
    later = Pace(tmp_path / "pace.json")
    fill(later, 1.25)
    assert later.baseline == pytest.approx(0.5)
    assert later.ratio == pytest.approx(2.5)


def test_short_utterances_do_not_count():
    pace = Pace()
    pace.add(took_s=5.0, audio_s=0.99)
    assert pace.recent is None
    pace.add(took_s=5.0, audio_s=1.0)
    assert pace.recent == pytest.approx(5.0)


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"rtf": "fast"}', '{"rtf": -1}', '{"rtf": null}', "\x00"]
)
def test_a_damaged_file_is_measured_anew(tmp_path, content):
    (tmp_path / "pace.json").write_text(content)
    assert Pace(tmp_path / "pace.json").baseline is None


def test_an_unwritable_folder_does_not_stop_speech(tmp_path):
    (tmp_path / "file").write_text("")
    pace = Pace(tmp_path / "file" / "pace.json")
    fill(pace, 0.5)
    assert pace.baseline == pytest.approx(0.5)


def test_the_file_is_small_json(tmp_path):
    fill(Pace(tmp_path / "pace.json"), 0.25)
    assert json.loads((tmp_path / "pace.json").read_text()) == {"rtf": 0.25}
