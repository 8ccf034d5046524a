from bench import batches
from bench.texts import TEXTS
from tests.unit.tts_app.fakes import FakeEngine


def test_both_halves_speak_the_same_texts_and_the_batch_writes_them_all():
    engine = FakeEngine()
    (figure,) = batches.measure(engine, rounds=2)
    assert figure.how == f"2 pairs of {len(TEXTS)} texts"
