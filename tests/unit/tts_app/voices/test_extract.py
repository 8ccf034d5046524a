"""The preset voices can be rebuilt, from the pinned package alone."""

import hashlib
import io
import tarfile

import numpy as np
import pytest

from tts_app.voices import FOLDER, PRESETS, STYLE_SHAPE, extract


def package(path):
    """Write a package of random voices; return them."""
    random = np.random.default_rng(1)
    vectors = {voice.id: random.normal(size=STYLE_SHAPE).astype("<f4") for voice in PRESETS}
    with tarfile.open(path, "w:gz") as tar:
        for name, values in vectors.items():
            member = tarfile.TarInfo(f"package/voices/{name}.bin")
            member.size = values.nbytes
            tar.addfile(member, io.BytesIO(values.tobytes()))
    return vectors


def test_another_package_than_the_pinned_one_is_refused(tmp_path):
    package(tmp_path / "kokoro.tgz")
    with pytest.raises(ValueError, match=r"not kokoro-js 1\.2\.1"):
        extract.extract(tmp_path / "kokoro.tgz", tmp_path / "voices.npz")
    assert not (tmp_path / "voices.npz").exists()


def test_the_presets_are_extracted_rounded_and_the_same_every_time(tmp_path, monkeypatch):
    vectors = package(tmp_path / "kokoro.tgz")
    monkeypatch.setattr(
        extract, "PACKAGE_SHA256", hashlib.sha256((tmp_path / "kokoro.tgz").read_bytes()).hexdigest()
    )
    for name in ("a.npz", "b.npz"):
        extract.extract(tmp_path / "kokoro.tgz", tmp_path / name)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    with np.load(tmp_path / "a.npz") as archive:
        for name, values in vectors.items():
            assert archive[name].dtype == np.float16
            np.testing.assert_allclose(archive[name], values, atol=0.002)


def test_what_is_shipped_has_the_form_that_is_extracted():
    with np.load(FOLDER / "voices.npz") as archive:
        assert {name: archive[name].shape for name in archive} == {v.id: STYLE_SHAPE for v in PRESETS}
