import pytest

from tts_app.text.normalise import normalise


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("你好，世界！", "你好，世界！", id="Chinese punctuation stays"),
        pytest.param("ＡＢＣ　１２３", "ABC 123", id="full-width letters, digits and spaces become plain"),
        pytest.param("你好👋🏽世界👨‍👩‍👧", "你好世界", id="emoji with skin tones and joiners go"),
        pytest.param("🇨🇳1️⃣", "1", id="flags go, a keycap leaves its digit"),
        pytest.param("\u202eabc\u202c\u200b\ufeff", "abc", id="bidi marks and invisible characters go"),
        pytest.param("a\tb  c", "a b c", id="tabs and runs of spaces become one space"),
        pytest.param("a\r\n\r\n  b\rc", "a\nb\nc", id="line ends stay, one each"),
        pytest.param("a\x07\x1b[31mb", "a[31mb", id="control characters go"),
        pytest.param("e\u0301", "é", id="an accent joins its letter"),
        pytest.param("Z" + "\u0335" * 40, "Z\u0335\u0335", id="piles of combining marks are cut"),
        pytest.param("好!!!!!!!!", "好!!!", id="endless exclamation marks are cut"),
        pytest.param("嗯......", "嗯...", id="endless dots are cut"),
        pytest.param("25℃", "25摄氏度", id="a unit sign becomes words"),
        pytest.param("\ue000\U000f0000", "", id="private use goes"),
        pytest.param("", "", id="nothing stays nothing"),
    ],
)
def test_normalise(text, clean):
    assert normalise(text) == clean


def test_a_lone_surrogate_does_not_break_it():
    assert normalise("a\ud800b") == "ab"
