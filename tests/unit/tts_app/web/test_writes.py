"""The watch over written files sees what it must see."""

from tests.unit.tts_app.web import writes


def test_a_write_and_a_new_folder_are_seen_and_reading_is_not(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "old").write_text("x")
    with writes.noted() as written:
        (tmp_path / "data" / "inside").write_text("")
        (tmp_path / "old").read_text()
        (tmp_path / "data" / ".." / "new").mkdir()
        (tmp_path / "old").rename(tmp_path / "moved")
    assert writes.outside(written, tmp_path / "data") == [tmp_path / "moved", tmp_path / "new"]
