"""A hostile zip is refused with a clear word and leaves nothing outside its folder."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tts_app.batch.helpers import wav
from tests.unit.tts_app.batch.steady import STEADY
from tts_app.batch.unzip import ZipLimits, unzip_audio
from tts_app.errors import BadRequest


def packed(
    *entries: tuple[str, bytes], mode: int | None = None, compress: int = zipfile.ZIP_DEFLATED
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compress) as out:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = compress
            info.external_attr = (mode or (stat.S_IFREG | 0o644)) << 16
            out.writestr(info, data)
    return buffer.getvalue()


def patched(data: bytes, old: bytes, new: bytes) -> bytes:
    assert len(old) == len(new)
    return data.replace(old, new)


def encrypted(data: bytes) -> bytes:
    """The same zip, saying that a password is needed."""
    changed = bytearray(data)
    changed[data.index(b"PK\x03\x04") + 6] |= 1
    changed[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def damaged(compress: int) -> bytes:
    """A zip whose only file starts well and goes on as nonsense."""
    data = packed(("a.wav", wav(1)), compress=compress)
    return data[:50] + b"\xff" * 6 + data[56:]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "in" / "audio"
    folder.mkdir(parents=True)
    return folder


SLIPS = [
    "../evil.wav",
    "../../evil.wav",
    "/etc/evil.wav",
    "a/../../evil.wav",
    "..",
    "c:/evil.wav",
    "a\\..\\evil.wav",
]
HOSTILE = [
    *[pytest.param(packed((name, wav(1))), id=f"slip {name}") for name in SLIPS],
    pytest.param(packed(("a.wav", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), id="symlink"),
    pytest.param(packed(("a.wav", b""), mode=stat.S_IFIFO | 0o644), id="pipe"),
    pytest.param(packed(("a.wav", b""), mode=stat.S_IFCHR | 0o644), id="device"),
    pytest.param(packed(("bomb.wav", b"\0" * 5_000_000)), id="bomb by its ratio"),
    pytest.param(packed(("nested.zip", packed(("a.wav", b"x")))), id="zip in zip"),
    pytest.param(packed(("run.sh", b"rm -rf /")), id="no audio"),
    pytest.param(packed(("a.wav\n.txt.wav", b"x")), id="newline in a name"),
    pytest.param(packed(("a\u202egpj.wav", b"x")), id="name that turns direction"),
    pytest.param(packed(("a.wav", b"x"), ("A.WAV", b"y")), id="names that differ in case alone"),
    pytest.param(packed(("a.wav", b"x"), ("a.wav/b.wav", b"y")), id="a file that is a folder too"),
    pytest.param(packed(("x" * 300 + ".wav", b"x")), id="endless name"),
    pytest.param(packed(("d/" * 20 + "a.wav", b"x")), id="too deep"),
    pytest.param(
        packed(*[(f"{n}.wav", b"x") for n in range(2001)], compress=zipfile.ZIP_STORED), id="too many files"
    ),
    pytest.param(b"PK\x03\x04 half a zip", id="damaged"),
    pytest.param(packed(("a.wav", wav()))[:-40], id="cut off"),
    pytest.param(encrypted(packed(("a.wav", wav(1)))), id="encrypted"),
    pytest.param(b"", id="nothing"),
    pytest.param(wav(), id="no zip"),
    pytest.param(
        patched(packed(("a.wav", b"x" * 999), compress=zipfile.ZIP_STORED), b"xxx", b"yyy"),
        id="checksum wrong",
    ),
    pytest.param(damaged(zipfile.ZIP_LZMA), id="damaged LZMA"),
    pytest.param(damaged(zipfile.ZIP_BZIP2), id="damaged bzip2"),
]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("data", HOSTILE)
def test_a_hostile_zip_is_refused(folder, data) -> None:
    with pytest.raises(BadRequest) as refusal:
        unzip_audio(io.BytesIO(data), folder)
    assert refusal.value.fix
    assert refusal.value.fix_zh
    assert refusal.value.message_en.isprintable()
    outside = [p for p in folder.parents[1].rglob("*") if not p.is_relative_to(folder)]
    assert outside == [folder.parent]


@pytest.mark.parametrize("compress", [zipfile.ZIP_STORED, zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_damaged_zip_in_a_real_file_is_refused_too(folder, tmp_path, compress) -> None:
    (tmp_path / "upload").write_bytes(packed(("a.wav", wav(1)), compress=compress)[100:])
    with (tmp_path / "upload").open("rb") as upload, pytest.raises(BadRequest):
        unzip_audio(upload, folder)


def test_a_zip_that_lies_about_its_size_is_stopped_while_unpacking(folder) -> None:
    truth = (3_000_000).to_bytes(4, "little")
    data = packed(("a.wav", b"\0" * 3_000_000)).replace(truth, (10).to_bytes(4, "little"))
    with pytest.raises(BadRequest):
        unzip_audio(io.BytesIO(data), folder)
    assert sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) < 1_000_000


@pytest.mark.parametrize(
    "limits",
    [
        pytest.param(ZipLimits(max_files=1), id="files"),
        pytest.param(ZipLimits(max_file_bytes=100), id="one file"),
        pytest.param(ZipLimits(max_total_bytes=60_000), id="all files"),
    ],
)
def test_every_limit_holds(folder, limits) -> None:
    data = packed(("a.wav", wav(1)), ("b.wav", wav(1)))
    unzip_audio(io.BytesIO(data), folder.parent)
    with pytest.raises(BadRequest):
        unzip_audio(io.BytesIO(data), folder, limits)


def test_an_honest_zip_is_unpacked_and_what_systems_add_is_left_out(folder) -> None:
    data = packed(
        ("声音/甲.wav", wav()),
        ("b.FLAC", b"x"),
        ("__MACOSX/b.wav", b"x"),
        ("._b.wav", b"x"),
        ("d/.DS_Store", b"x"),
    )
    written = unzip_audio(io.BytesIO(data), folder)
    assert sorted(p.relative_to(folder).as_posix() for p in written) == ["b.FLAC", "声音/甲.wav"]
    assert (folder / "声音" / "甲.wav").read_bytes() == wav()


@STEADY
@given(st.binary(max_size=300), st.integers(min_value=0, max_value=400))
def test_a_zip_with_damage_anywhere_is_refused_or_unpacked_inside(tmp_path_factory, junk, at) -> None:
    folder = tmp_path_factory.mktemp("unzip")
    honest = packed(("a.wav", b"RIFF" * 20), ("b/c.wav", zlib.compress(b"x" * 50)))
    at = min(at, len(honest))
    try:
        written = unzip_audio(io.BytesIO(honest[:at] + junk + honest[at + len(junk) :]), folder)
    except BadRequest:
        return
    assert all(p.resolve().is_relative_to(folder) for p in written)
