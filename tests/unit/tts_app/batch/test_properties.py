"""Whatever bytes come in, the parsers answer; whatever they accept survives the way out and back."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.tts_app.batch.helpers import CLONES, PRESET, context
from tests.unit.tts_app.batch.steady import STEADY
from tts_app.batch import jsonl, names
from tts_app.batch.journal import Journal, read_records
from tts_app.batch.preflight import check
from tts_app.batch.problems import Problem, problem, show
from tts_app.batch.tasks import KNOWN, read_task, to_canonical
from tts_app.batch.texts import TEXTS

HERE = Path(__file__).parent
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from(KNOWN) | st.text(max_size=5), JSON, max_size=8)


@STEADY
@given(st.binary(max_size=400))
def test_any_bytes_are_judged(data) -> None:
    found = check(data, context(HERE))
    assert found.problems or found.tasks
    assert all(p.line is None or p.line <= data.count(b"\n") + 1 for p in found.problems)


@STEADY
@given(st.lists(OBJECTS, max_size=3), st.sampled_from([PRESET, CLONES]), st.booleans())
def test_any_json_objects_are_judged(objects, engine, escaped) -> None:
    text = "\n".join(json.dumps(o, ensure_ascii=escaped) for o in objects)
    found = check(text.encode("utf-8", "surrogatepass"), context(HERE, engine))
    for told in found.problems:
        assert "".join(told.sentences()).isprintable()
    json.dumps(found.to_json()).encode()


@STEADY
@given(OBJECTS)
def test_an_object_is_read_as_json_reads_it_with_its_values_where_the_columns_say(value) -> None:
    text = json.dumps(value)
    read = jsonl.read_line(7, text.encode())
    assert read.values == json.loads(text)
    for key, column in read.columns.items():
        assert json.JSONDecoder().raw_decode(text, column - 1)[0] == json.loads(text)[key]


@STEADY
@given(OBJECTS, st.integers(min_value=1, max_value=200))
def test_a_line_cut_anywhere_is_called_half_a_line(value, cut) -> None:
    whole = json.dumps(value).encode()
    part = whole[: min(cut, len(whole) - 1)]
    first, second = jsonl.read(b"{}\n" + part)
    assert isinstance(first, jsonl.Line)
    assert isinstance(second, Problem)
    assert (second.line, second.code in {"half_line", "not_json"}) == (2, True)


SPOKEN = st.text(min_size=1, max_size=40).map(lambda text: f"好{text}")


@STEADY
@given(
    st.fixed_dictionaries(
        {
            "uttid": st.text(min_size=1, max_size=30),
            "syn_text": SPOKEN,
            "voice": st.sampled_from(PRESET.voices),
        },
        optional={
            "seed": st.integers(min_value=0, max_value=2**32 - 1),
            "speed": st.floats(min_value=0.5, max_value=2),
            "sample_rate": st.sampled_from([24000, 32000]),
            "prompt_text": SPOKEN,
            "prompt_speech": st.from_regex(r"[a-z]{1,8}\.wav", fullmatch=True),
        },
    )
)
def test_the_canonical_form_means_the_same_task(value) -> None:
    task, told = read_task(jsonl.Line(1, value, {}), PRESET, max_chars=5000)
    if any(p.level == "error" for p in told):
        return
    again, problems = read_task(jsonl.read_line(1, to_canonical(task).encode()), PRESET, max_chars=5000)
    assert again == task
    assert not [p for p in problems if p.level == "error"]


@STEADY
@given(st.text(max_size=150))
def test_a_safe_name_stays_in_its_folder_and_a_suggestion_is_safe(name) -> None:
    assert names.is_safe(names.suggest(name))
    tidy = names.tidy(name)
    if names.is_safe(tidy):
        path = HERE / f"{tidy}.wav"
        assert path.parent == HERE
        assert path.name == f"{tidy}.wav"
        assert len(path.name.encode()) <= 204


@STEADY
@given(st.text())
def test_what_is_shown_can_be_printed_and_is_bounded(text) -> None:
    shown = show(text, 50)
    assert shown.isprintable()
    assert len(shown) <= 51 * 6


@STEADY
@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=3), max_size=4),
    st.integers(min_value=0, max_value=300),
)
def test_a_journal_cut_anywhere_keeps_its_whole_lines(tmp_path_factory, values, cut) -> None:
    path = tmp_path_factory.mktemp("journal") / "j.jsonl"
    with Journal(path) as journal:
        for value in values:
            journal.append("note", durable=False, value=value)
    whole = path.read_bytes()
    kept = whole[: min(cut, len(whole))]
    path.write_bytes(kept)
    with Journal(path) as journal:
        journal.append("after", durable=False)
    records = read_records(path.read_bytes())
    assert [r["event"] for r in records] == ["note"] * kept.count(b"\n") + ["after"]


def test_every_problem_has_words_in_both_languages() -> None:
    class Anything(dict):
        def __missing__(self, key):
            return "X"

    for code, text in TEXTS.items():
        english, chinese = text.en.format_map(Anything()), text.zh.format_map(Anything())
        assert english, code
        assert chinese, code
        assert bool(text.fix_en) == bool(text.fix_zh), code
        if text.level == "error":
            assert text.fix_en, f"{code}: an error without a fix"


def test_values_in_a_message_are_neutralised() -> None:
    told = problem("path_missing", line=1, field="a\nb", value="x\x1b[31m\u202e{y}")
    assert told.en == "No such file: x\\u001b[31m\\u202e{y}."
    assert told.field == "a\\u000ab"
