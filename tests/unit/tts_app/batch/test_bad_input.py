"""Whatever is wrong with a tasks file, its owner hears line, field and fix in two languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.tts_app.batch.bad_inputs import BOM, FIELDS, GOOD, SYNTAX, WHOLE, as_bytes
from tests.unit.tts_app.batch.helpers import CLONES, PRESET, context, line, recordings
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.batch import jsonl, preflight
from tts_app.batch.estimate import Limits
from tts_app.batch.preflight import Preflight, Verdict, check
from tts_app.batch.tasks import MAX_UNKNOWN, EngineFacts


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return recordings(tmp_path)


def judge(folder: Path, data: str | bytes, engine=PRESET) -> Preflight:
    return check(as_bytes(data), context(folder, engine))


@pytest.mark.parametrize(("second", "code", "column"), [pytest.param(*row[1:], id=row[0]) for row in SYNTAX])
def test_a_line_that_is_no_object_is_told_with_line_and_column(folder, second, code, column) -> None:
    found = judge(folder, GOOD.encode() + b"\n" + as_bytes(second))
    errors = [e for e in found.errors if e.code == code]
    assert len(errors) == 1, found.problems
    assert errors[0].line == 2
    assert column is None or errors[0].column == column
    assert [t.name for t in found.tasks] == ["good"]
    _says_all(errors[0])


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
    bad = line(
        output_name="a/b",
        input_text="😀",
        sample_rate=1,
        seed=-1,
        speed=9,
        voice="x",
        prompt_audio="../secret.wav",
    )
    found = judge(folder, f"{bad}\nnot json\n{line(input_text=None)}")
    fields = {(e.line, e.field) for e in found.errors}
    names = ("output_name", "input_text", "sample_rate", "seed", "speed", "voice", "prompt_audio")
    assert fields == {*((1, name) for name in names), (2, None), (3, "input_text")}


def test_a_flood_of_bad_lines_ends_early(folder) -> None:
    found = judge(folder, "x\n" * 100_000)
    assert len(found.problems) == preflight.MAX_PROBLEMS + 1
    assert found.problems[0].code == "too_many_problems"


def test_a_flood_of_warnings_is_cut_short_and_refuses_nothing(folder) -> None:
    flood = "\n".join(line(output_name=f"n{n}", sample_rate=32000) for n in range(preflight.MAX_PROBLEMS + 7))
    found = judge(folder, flood)
    assert found.verdict is Verdict.GO
    assert len(found.problems) == preflight.MAX_PROBLEMS + 1
    assert "7 more" in next(p.en for p in found.problems if p.code == "more_warnings")


def test_a_flood_of_unknown_fields_is_counted(folder) -> None:
    found = judge(folder, line(**{f"x{n}": n for n in range(1000)}))
    assert [p.code for p in found.problems].count("unknown_field") == MAX_UNKNOWN
    assert f"{1000 - MAX_UNKNOWN} more" in found.problems[0].en


def test_a_file_of_endless_lines_is_refused_unread(folder) -> None:
    found = judge(folder, "{}\n" * (jsonl.MAX_LINES + 1))
    assert [e.code for e in found.errors] == ["file_too_long"]


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


@pytest.mark.parametrize("more", [{}, {"prompt_audio": None}, {"voice": None}])
@pytest.mark.parametrize(
    ("engine", "codes"),
    [
        pytest.param(PRESET, [], id="preset voices"),
        pytest.param(CLONES, ["default_voice"], id="a recording may have been meant"),
    ],
)
def test_a_line_without_voice_or_recording_is_spoken_by_the_engines_default(
    folder, engine, codes, more
) -> None:
    found = judge(folder, json.dumps({"output_name": "one", "input_text": "你好"} | more), engine)
    assert [task.voice for task in found.tasks] == [None]
    assert [p.code for p in found.problems] == codes


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


class Named(FakeEngine):
    """An engine of another name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


@pytest.mark.parametrize(
    ("name", "changes", "code"),
    [
        pytest.param("glm", {"speed": 1.2}, "out_of_range", id="glm takes its pace from the recording"),
        pytest.param("glm", {"speed": 1}, None, id="glm at its own pace"),
        pytest.param("kokoro", {"speed": 1.2}, None, id="kokoro at any pace"),
        pytest.param("openai", {"voice": "alloy"}, None, id="a server may know more voices"),
        pytest.param("kokoro", {"voice": "alloy"}, "unknown_voice", id="kokoro knows all of its own"),
    ],
)
def test_what_an_engine_can_not_do_is_known_before_it_starts(folder, name, changes, code) -> None:
    found = judge(folder, line(**changes), EngineFacts.of(Named(name)))
    assert [e.code for e in found.errors] == ([code] if code else [])
