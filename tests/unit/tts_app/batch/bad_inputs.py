"""Tables of what people and programs put into task files, and what must be said about each."""

from __future__ import annotations

import gzip
import io
import zipfile

from tests.unit.tts_app.batch.helpers import CLONES, PRESET, line
from tts_app.batch import jsonl

GOOD = line(output_name="good")
BOM = "\ufeff"


def as_bytes(bad: str | bytes) -> bytes:
    """Return a line as a file holds it, half surrogates included."""
    return bad if isinstance(bad, bytes) else bad.encode("utf-8", "surrogatepass")


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
    ("transcript without recording", reference(), "needs_reference", "prompt_audio", CLONES),
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
