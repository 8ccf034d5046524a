"""A speech service over a fake engine."""

import pytest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app.speech import SpeechService


@pytest.fixture
def engine():
    engine = FakeEngine()
    yield engine
    engine.release()


@pytest.fixture
def make(engine):
    services = []

    def make(**options):
        service = SpeechService(engine, **{"queue_limit": 2} | options)
        service.start()
        assert service.wait_until_settled(WAIT_S)
        services.append(service)
        return service

    yield make
    engine.release()
    for service in services:
        service.stop(timeout_s=WAIT_S)
