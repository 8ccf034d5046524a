from contextlib import nullcontext

import pytest

from bench import batches
from bench.texts import TEXTS
from tests.unit.tts_app.fakes import FakeEngine
from tts_app.errors import EngineError


class Direct:
    """Speaks with an engine in this process; remembers the voices and that it was never closed."""

    def __init__(self):
        self.engine, self.closed = FakeEngine(), False

    def ready(self):
        self.engine.load()

    def speak(self, request, on_piece):
        return self.engine.synthesize(request, on_piece=on_piece)

    def close(self):
        self.closed = True


def test_both_halves_speak_the_same_texts_in_the_same_voice():
    bare, speaker = FakeEngine(), Direct()
    (figure,) = batches.measure(bare, 2, lambda: nullcontext(speaker))
    assert f"6 pairs of {len(TEXTS)} texts" in figure.how
    spoken = [
        [(request.text, request.voice) for request in engine.spoken] for engine in (bare, speaker.engine)
    ]
    assert spoken[0] == spoken[1] and len(spoken[0]) == 1 + 6 * len(TEXTS)
    assert not speaker.closed  # or each round would pay for loading


def test_a_batch_that_loses_a_text_is_no_measurement():
    speaker = Direct()
    speaker.engine.errors = {TEXTS[1]: EngineError("odd")}
    with pytest.raises(SystemExit, match=f"{len(TEXTS) - 1} of {len(TEXTS)}"):
        batches.measure(FakeEngine(), 1, lambda: nullcontext(speaker))
