"""Whatever is wrong with a tasks file, its owner hears line, field and fix in two languages."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.helpers import CLONES, PRESET, context, line, wav
from tts_app.batch import jsonl
from tts_app.batch.estimate import Limits
from tts_app.batch.preflight import Preflight, Verdict, check

GOOD = line(output_name="good")
BOM = "\ufeff"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of recordings, good and bad, beside a secret that must stay out of reach."""
    (tmp_path / "secret.wav").write_bytes(wav())
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "voice.wav").write_bytes(wav())
    (inside / "empty.wav").write_bytes(b"")
    (inside / "dir.wav").mkdir()
    (inside / "out.wav").symlink_to(tmp_path / "secret.wav")
    (inside / "loop.wav").symlink_to(inside / "loop.wav")
    (inside / "up").symlink_to(tmp_path)
    os.mkfifo(inside / "pipe.wav")
    return inside


def judge(folder: Path, data: str | bytes, engine=PRESET) -> Preflight:
    return check(
        data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, context(folder, engine)
    )


def reference(**values: object) -> str:
    return line(voice=None, prompt_text="你好", **values)


SYNTAX = [
    # id, the second line of the file, code, column
    ("half a line", '{"output_name": "a", "input_te', "half_line", None),
    ("cut after a colon", '{"output_name":', "half_line", None),
    ("cut inside a character", '{"a": "你'.encode()[:-1], "half_line", 8),
    ("single quotes", "{'output_name': 'a'}", "not_json", 2),
    ("trailing comma", '{"output_name": "a",}', "not_json", None),
    ("missing comma", '{"output_name": "a" "input_text": "b"}', "not_json", 21),
    ("missing colon", '{"output_name" "a"}', "not_json", 16),
    ("comment", "// a comment", "not_json", 1),
    ("bare word", "hello", "not_json", 1),
    ("two objects", "{} {}", "not_json", 4),
    ("bad escape", r'{"output_name": "\x"}', "not_json", None),
    ("bad unicode escape", r'{"output_name": "\u12"}', "not_json", None),
    ("raw control character", '{"output_name": "a\x01"}', "not_json", 19),
    ("raw tab in a string", '{"output_name": "a\tb"}', "not_json", 19),
    ("NUL byte", '{"output_name": "a\0"}', "nul", 19),
    ("NaN", '{"seed": NaN}', "bad_number", 10),
    ("Infinity", '{"speed": -Infinity}', "bad_number", 11),
    ("a float beyond all floats", '{"speed": 1e999}', "bad_number", 11),
    ("a number of 5000 digits", '{"seed": ' + "9" * 5000 + "}", "bad_number", 10),
    ("nested too deeply", "[" * 100_000 + "]" * 100_000, "too_deep", None),
    ("nested too deeply in a field", '{"a": ' + "[" * 21 + "]" * 21 + "}", "too_deep", None),
    ("nested to the brink in a field", '{"a": ' + "[" * 900 + "]" * 900 + "}", "too_deep", None),
    ("an array", '["a"]', "not_object", 1),
    ("a string", '"a"', "not_object", 1),
    ("a number", "42", "not_object", 1),
    ("null", "null", "not_object", 1),
    ("duplicate key", '{"input_text": "a", "output_name": "b", "input_text": "c"}', "duplicate_key", 41),
    ("duplicate key inside", '{"output_name": {"a": 1, "a": 2}}', "duplicate_key", None),
    ("GBK", '{"input_text": "你好"}'.encode("gbk"), "not_utf8", 17),
    ("a lone byte", b'{"a": "\xff"}', "not_utf8", 8),
    ("BOM inside", BOM + GOOD, "bom_inside", 1),
    ("an endless line", '{"a": "' + "x" * jsonl.MAX_LINE_BYTES + '"}', "line_too_long", None),
]


@pytest.mark.parametrize(("second", "code", "column"), [pytest.param(*row[1:], id=row[0]) for row in SYNTAX])
def test_a_line_that_is_no_object_is_told_with_line_and_column(folder, second, code, column) -> None:
    raw = second.encode("utf-8") if isinstance(second, str) else second
    found = judge(folder, GOOD.encode() + b"\n" + raw)
    errors = [e for e in found.errors if e.code == code]
    assert len(errors) == 1, found.problems
    assert errors[0].line == 2
    assert column is None or errors[0].column == column
    assert [t.name for t in found.tasks] == ["good"]
    _says_all(errors[0])


FIELDS = [
    # id, the line, code, field, engine
    ("name missing", line(output_name=None), "missing", "output_name", PRESET),
    ("text missing", line(input_text=None), "missing", "input_text", PRESET),
    (
        "name null",
        '{"output_name": null, "input_text": "a", "voice": "zf_test"}',
        "missing",
        "output_name",
        PRESET,
    ),
    ("empty object", "{}", "missing", "output_name", PRESET),
    ("name a number", line(output_name=7), "wrong_type", "output_name", PRESET),
    ("name a list", line(output_name=["a"]), "wrong_type", "output_name", PRESET),
    ("name empty", line(output_name=""), "empty", "output_name", PRESET),
    ("name of spaces", line(output_name="   "), "empty", "output_name", PRESET),
    ("name climbs up", line(output_name="../../etc/cron.d/x"), "name_unsafe", "output_name", PRESET),
    ("name absolute", line(output_name="/tmp/x"), "name_unsafe", "output_name", PRESET),
    ("name with a backslash", line(output_name="a\\b"), "name_unsafe", "output_name", PRESET),
    ("name a dot", line(output_name="."), "name_unsafe", "output_name", PRESET),
    ("name hidden", line(output_name=".bashrc"), "name_unsafe", "output_name", PRESET),
    ("name like an option", line(output_name="-rf"), "name_unsafe", "output_name", PRESET),
    ("name reserved on Windows", line(output_name="NUL"), "name_unsafe", "output_name", PRESET),
    ("name with a colon", line(output_name="c:x"), "name_unsafe", "output_name", PRESET),
    ("name with NUL", line(output_name="a\0b"), "name_unsafe", "output_name", PRESET),
    ("name with a newline", line(output_name="a\nb"), "name_unsafe", "output_name", PRESET),
    ("name that turns direction", line(output_name="a\u202egpj"), "name_unsafe", "output_name", PRESET),
    (
        "name with half a surrogate",
        r'{"output_name": "\ud800", "input_text": "a"}',
        "name_unsafe",
        "output_name",
        PRESET,
    ),
    ("name of 121 characters", line(output_name="x" * 121), "name_unsafe", "output_name", PRESET),
    ("name of 100 wide characters", line(output_name="长" * 100), "name_unsafe", "output_name", PRESET),
    ("name only .wav", line(output_name=".wav"), "name_unsafe", "output_name", PRESET),
    ("text a number", line(input_text=5), "wrong_type", "input_text", PRESET),
    ("text an object", line(input_text={"a": 1}), "wrong_type", "input_text", PRESET),
    ("text true", line(input_text=True), "wrong_type", "input_text", PRESET),
    ("text empty", line(input_text=""), "empty", "input_text", PRESET),
    ("text of spaces", line(input_text=" \n\t "), "empty", "input_text", PRESET),
    ("text of emoji", line(input_text="😀🎉"), "not_speakable", "input_text", PRESET),
    ("text of punctuation", line(input_text="。。。！？"), "not_speakable", "input_text", PRESET),
    ("text of direction marks", line(input_text="\u202e\u2066\u200f"), "not_speakable", "input_text", PRESET),
    ("text with NUL", line(input_text="a\0b"), "bad_character", "input_text", PRESET),
    (
        "text with half a surrogate",
        r'{"output_name": "a", "input_text": "x\udc00"}',
        "bad_character",
        "input_text",
        PRESET,
    ),
    ("text too long", line(input_text="长" * 5001), "too_long", "input_text", PRESET),
    ("text huge", line(input_text="a" * 500_000), "too_long", "input_text", PRESET),
    ("both names of the text", line(syn_text="b"), "two_names", "syn_text", PRESET),
    ("both names of the name", line(uttid="b"), "two_names", "uttid", PRESET),
    ("rate a word", line(sample_rate="24000"), "wrong_type", "sample_rate", PRESET),
    ("rate a fraction", line(sample_rate=24000.0), "wrong_type", "sample_rate", PRESET),
    ("rate true", line(sample_rate=True), "wrong_type", "sample_rate", PRESET),
    ("rate unknown", line(sample_rate=44100), "not_a_choice", "sample_rate", PRESET),
    ("rate negative", line(sample_rate=-1), "not_a_choice", "sample_rate", PRESET),
    ("seed a word", line(seed="x"), "wrong_type", "seed", PRESET),
    ("seed negative", line(seed=-1), "out_of_range", "seed", PRESET),
    ("seed too large", line(seed=2**32), "out_of_range", "seed", PRESET),
    ("speed a word", line(speed="fast"), "wrong_type", "speed", PRESET),
    ("speed zero", line(speed=0), "out_of_range", "speed", PRESET),
    ("speed too high", line(speed=2.01), "out_of_range", "speed", PRESET),
    ("voice unknown", line(voice="nobody"), "unknown_voice", "voice", PRESET),
    ("voice a number", line(voice=1), "wrong_type", "voice", PRESET),
    ("neither voice nor recording", line(voice=None), "needs_reference", "prompt_audio", PRESET),
    (
        "recording without transcript",
        line(voice=None, prompt_audio="voice.wav"),
        "no_transcript",
        "prompt_text",
        CLONES,
    ),
    (
        "transcript of emoji",
        line(prompt_audio="voice.wav", prompt_text="😀"),
        "not_speakable",
        "prompt_text",
        CLONES,
    ),
    (
        "transcript too long",
        line(prompt_audio="voice.wav", prompt_text="长" * 501),
        "too_long",
        "prompt_text",
        CLONES,
    ),
    ("path a number", reference(prompt_audio=3), "wrong_type", "prompt_audio", PRESET),
    ("path empty", reference(prompt_audio=""), "empty", "prompt_audio", PRESET),
    ("path with NUL", reference(prompt_audio="voice.wav\0.txt"), "bad_character", "prompt_audio", PRESET),
    ("path with a newline", reference(prompt_audio="a\nb.wav"), "bad_character", "prompt_audio", PRESET),
    ("path of 5000 characters", reference(prompt_audio="a" * 5000), "too_long", "prompt_audio", PRESET),
    ("path missing", reference(prompt_audio="nowhere.wav"), "path_missing", "prompt_audio", PRESET),
    (
        "path under GLM-TTS's name missing",
        reference(prompt_speech="x.wav"),
        "path_missing",
        "prompt_speech",
        PRESET,
    ),
    (
        "path component too long",
        reference(prompt_audio="a" * 300 + ".wav"),
        "path_unreadable",
        "prompt_audio",
        PRESET,
    ),
    ("path climbs up", reference(prompt_audio="../secret.wav"), "path_outside", "prompt_audio", PRESET),
    (
        "path climbs up to nothing",
        reference(prompt_audio="../nothing.wav"),
        "path_outside",
        "prompt_audio",
        PRESET,
    ),
    (
        "path through a directory link",
        reference(prompt_audio="up/secret.wav"),
        "path_outside",
        "prompt_audio",
        PRESET,
    ),
    ("path absolute", reference(prompt_audio="/etc/passwd"), "path_outside", "prompt_audio", PRESET),
    ("link to the outside", reference(prompt_audio="out.wav"), "path_outside", "prompt_audio", PRESET),
    ("link to itself", reference(prompt_audio="loop.wav"), "path_unreadable", "prompt_audio", PRESET),
    ("path a directory", reference(prompt_audio="dir.wav"), "path_not_file", "prompt_audio", PRESET),
    ("path below a file", reference(prompt_audio="voice.wav/x"), "path_missing", "prompt_audio", PRESET),
    ("path a pipe", reference(prompt_audio="pipe.wav"), "path_not_file", "prompt_audio", PRESET),
    (
        "path a URL",
        reference(prompt_audio="http://169.254.169.254/x.wav"),
        "path_url",
        "prompt_audio",
        PRESET,
    ),
    ("path a file URL", reference(prompt_audio="file:///etc/passwd"), "path_url", "prompt_audio", PRESET),
    ("recording of 0 bytes", reference(prompt_audio="empty.wav"), "audio_bad", "prompt_audio", PRESET),
]


@pytest.mark.parametrize(("bad", "code", "field", "engine"), [pytest.param(*r[1:], id=r[0]) for r in FIELDS])
def test_a_wrong_field_is_told_with_line_field_and_fix(folder, bad, code, field, engine) -> None:
    good = line(output_name="good", prompt_audio="voice.wav", prompt_text="你好", voice=None)
    found = judge(folder, f"{good}\n\n{bad}\n{GOOD.replace('good', 'good2')}\n", engine)
    errors = [e for e in found.errors if e.code == code]
    assert [(e.line, e.field) for e in errors[:1]] == [(3, field)], found.problems
    assert found.bad_lines == (3,)
    assert [t.name for t in found.tasks] == ["good", "good2"]
    assert found.verdict is Verdict.REFUSED
    _says_all(errors[0])


def _says_all(found) -> None:
    english, chinese = found.sentences()
    assert found.en
    assert found.fix_en
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
    assert f"line {found.line}" in english
    assert f"第 {found.line} 行" in chinese
    assert english.isprintable()
    assert chinese.isprintable()
    assert len(english) < 700


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        out.writestr("tasks.jsonl", GOOD)
    return buffer.getvalue()


WHOLE = [
    ("nothing", b"", "file_empty"),
    ("blank lines", b"\n \r\n\t\n", "file_empty"),
    ("only a BOM", BOM.encode(), "file_empty"),
    ("UTF-16", GOOD.encode("utf-16"), "file_utf16"),
    ("a zip", zipped(), "file_packed"),
    ("gzip", gzip.compress(GOOD.encode(), mtime=0), "file_packed"),
    ("one JSON array", f"[\n{GOOD}\n]".encode(), "file_array"),
    ("one JSON array on one line", f"[{GOOD}]".encode(), "file_array"),
]


@pytest.mark.parametrize(("data", "code"), [pytest.param(*row[1:], id=row[0]) for row in WHOLE])
def test_a_file_of_another_kind_is_named_as_such(folder, data, code) -> None:
    found = judge(folder, data)
    assert [e.code for e in found.errors] == [code]
    assert found.verdict is Verdict.REFUSED
    assert not found.can_skip


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("a", "a", id="same"),
        pytest.param("a", "A", id="case"),
        pytest.param("a", "a.wav", id="ending"),
        pytest.param("é", "e\u0301", id="two forms of one letter"),
        pytest.param("a1", "a\uff11", id="full width"),
    ],
)
def test_names_that_meet_in_one_file_are_told_with_the_first_line(folder, first, second) -> None:
    found = judge(folder, line(output_name=first) + "\n" + line(output_name=second))
    assert [(e.code, e.line) for e in found.errors] == [("name_duplicate", 2)]
    assert "line 1" in found.errors[0].en


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(f"{GOOD}\n", id="plain"),
        pytest.param(GOOD, id="no line end"),
        pytest.param(f"{BOM}{GOOD}\n", id="BOM"),
        pytest.param(f"{GOOD}\r\n", id="CRLF"),
        pytest.param(f"\n\n{GOOD}\n   \n", id="blank lines"),
        pytest.param(f"  {GOOD}  \n", id="spaces around"),
        pytest.param(json.dumps(json.loads(GOOD)), id="escaped characters"),
    ],
)
def test_harmless_forms_are_accepted(folder, data) -> None:
    found = judge(folder, data)
    assert found.verdict is Verdict.GO, found.problems
    assert [task.text for task in found.tasks] == ["你好，世界"]


def test_both_families_of_field_names_mean_the_same(folder) -> None:
    glm = {"uttid": "a", "syn_text": "你好", "prompt_speech": "voice.wav", "prompt_text": "早"}
    article = {"output_name": "a", "input_text": "你好", "prompt_audio": "voice.wav", "prompt_text": "早"}
    one, two = (judge(folder, json.dumps(task), CLONES).tasks for task in (glm, article))
    assert one == two
    assert len(one) == 1


def test_every_problem_of_a_file_is_told_at_once(folder) -> None:
    bad = line(output_name="a/b", input_text="😀", sample_rate=1, seed=-1, speed=9, voice="x")
    found = judge(folder, f"{bad}\nnot json\n{line(input_text=None)}")
    fields = {(e.line, e.field) for e in found.errors}
    names = ("output_name", "input_text", "sample_rate", "seed", "speed", "voice")
    assert fields == {*((1, name) for name in names), (2, None), (3, "input_text")}


def test_a_flood_of_bad_lines_ends_early(folder) -> None:
    found = judge(folder, "x\n" * 100_000)
    assert len(found.problems) == jsonl.MAX_PROBLEMS + 1
    assert found.problems[0].code == "too_many_problems"


def test_a_file_beyond_the_size_is_refused_unread(folder, monkeypatch) -> None:
    monkeypatch.setattr(jsonl, "MAX_FILE_BYTES", 10)
    assert [e.code for e in judge(folder, GOOD).errors] == ["file_too_big"]


def test_the_text_itself_is_never_repeated_in_a_message(folder) -> None:
    secret = "机密内容" * 2000
    found = judge(folder, line(input_text=secret))
    assert found.errors
    assert "机密" not in json.dumps(found.to_json(), ensure_ascii=False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"input_text": "长" * 301}, "long_text", id="301 characters"),
        pytest.param({"sample_rate": 32000}, "slow_rate", id="32 kHz"),
        pytest.param({"sample_rte": 1}, "unknown_field", id="misspelt field"),
        pytest.param({"input_text": "a\u202eb"}, "hidden_characters", id="direction marks in a text"),
        pytest.param(
            {"prompt_audio": "voice.wav", "prompt_text": "好"}, "not_cloned", id="engine can't clone"
        ),
        pytest.param({"prompt_audio": "voice.wav"}, "no_transcript_unused", id="no transcript, not needed"),
    ],
)
def test_what_only_deserves_a_look_is_a_warning(folder, changes, code) -> None:
    found = judge(folder, line(**changes))
    assert code in {p.code for p in found.problems}
    assert found.verdict is Verdict.GO


def test_300_characters_are_no_long_text(folder) -> None:
    assert judge(folder, line(input_text="长" * 300)).problems == ()


def test_a_misspelt_field_gets_the_right_name(folder) -> None:
    assert "sample_rate" in judge(folder, line(sample_rte=1)).problems[0].en


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        pytest.param(Limits(max_tasks=9), "too_many_tasks", id="tasks"),
        pytest.param(Limits(max_chars=40), "too_many_chars", id="characters"),
        pytest.param(Limits(max_hours=0.001), "takes_too_long", id="hours"),
    ],
)
def test_a_batch_that_is_only_too_large_is_told_how_to_split(folder, limits, code) -> None:
    lines = "\n".join(line(output_name=f"n{n}") for n in range(10))
    found = check(lines.encode(), context(folder, limits=limits))
    assert found.verdict is Verdict.SPLIT
    assert [e.code for e in found.errors] == [code]
    assert "split -l" in found.errors[0].fix_en


def test_more_than_sixty_bad_inputs_are_tried() -> None:
    assert len(SYNTAX) + len(FIELDS) + len(WHOLE) > 100
