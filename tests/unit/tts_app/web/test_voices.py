"""Names of voices: OpenAI's are real where the engine has them, and mean the default where it has not."""

import pytest

from tests.unit.tts_app.fakes import FakeEngine
from tts_app.engines.base import Voice
from tts_app.errors import BadRequest
from tts_app.web.requests import check_voice


class Remote(FakeEngine):
    def voices(self):
        return (Voice("alloy", "multi", "alloy", "alloy"), Voice("nova", "multi", "nova", "nova"))


@pytest.mark.parametrize(
    ("engine", "asked", "used"),
    [
        (FakeEngine(), "alloy", None),
        (FakeEngine(), "zf_test", "zf_test"),
        (FakeEngine(), "", None),
        (FakeEngine(), None, None),
        (Remote(), "nova", "nova"),
        (Remote(), "alloy", "alloy"),
        (Remote(), "shimmer", None),
        (Remote(), None, None),
    ],
)
def test_the_voice_that_is_used(engine, asked, used):
    assert check_voice(engine, asked) == used


def test_a_voice_that_nobody_has_is_refused_with_those_there_are():
    with pytest.raises(BadRequest) as caught:
        check_voice(Remote(), "zf_test")
    assert "alloy, nova" in caught.value.fix
