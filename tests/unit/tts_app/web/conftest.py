"""An app over a fake engine, without a network."""

import wave
from contextlib import contextmanager

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app.batch.service import BatchService
from tts_app.batch.tasks import EngineFacts
from tts_app.metrics import Metrics
from tts_app.settings import Settings
from tts_app.speech import SpeechService
from tts_app.web.app import create_app, wrapped
from tts_app.web.auth import Keys
from tts_app.web.context import Context
from tts_app.web.page.handlers import Handlers
from tts_app.web.ratelimit import RateLimit

ADMIN_TOKEN = "admin-token-for-tests"
NOW = 1000.0


@pytest.fixture
def engine():
    return FakeEngine()


@contextmanager
def contexts(folder, engine):
    """Give a function that makes contexts below `folder`; everything is stopped at the end."""
    services, running = [], []

    def make(*, keys=None, per_minute=100_000, clock=lambda: NOW, start=True, substitute=None, **settings):
        values = {"queue_limit": 2, "data_dir": folder / "data", "log_dir": folder / "log"} | settings
        made = Settings(**values)
        metrics = Metrics(made.engine)
        service = SpeechService(engine, queue_limit=made.queue_limit, observer=metrics, substitute=substitute)
        metrics.watch(service)
        services.append(service)
        if start:
            service.start()
            assert service.wait_until_settled(WAIT_S)
        keys = keys or Keys(admin=ADMIN_TOKEN.encode())
        batches = BatchService.from_settings(
            made,
            service,
            lambda: EngineFacts.of(engine),
            on_item=lambda s: metrics.batch_items.labels(s).inc(),
        )
        batches.start()
        running.append(batches)
        return Context(made, service, metrics, keys, RateLimit(per_minute, clock=clock), batches)

    yield make
    engine.release()
    for batches in running:
        assert batches.stop(WAIT_S)
    for service in services:
        service.stop(timeout_s=WAIT_S)


def client_over(context, *, address="127.0.0.1", with_page=False):
    """Return a client of an app over `context`."""
    app = create_app(context, with_page=with_page)
    client = TestClient(wrapped(app, context), client=(address, 50000), raise_server_exceptions=False)
    client.context, client.api = context, app
    return client


@pytest.fixture
def make_context(engine, tmp_path):
    with contexts(tmp_path, engine) as make:
        yield make


@pytest.fixture
def make_client(make_context):
    def make(*, address="127.0.0.1", with_page=False, **options):
        return client_over(make_context(**options), address=address, with_page=with_page)

    return make


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture(scope="module")
def shared_page(tmp_path_factory):
    """One page for tests that only look: it takes a second to build."""
    with (
        contexts(tmp_path_factory.mktemp("page"), FakeEngine()) as make,
        client_over(make(max_upload_mb=1), with_page=True) as client,
    ):
        yield client


@pytest.fixture
def context(make_context):
    return make_context()


@pytest.fixture
def page(context):
    return Handlers(context)


@pytest.fixture
def recording(tmp_path):
    """Return a function that writes a tone of some length."""

    def write(seconds, level=0.3, rate=24000):
        path = tmp_path / f"tone-{seconds}.wav"
        samples = (level * 32767 * np.sin(np.arange(int(seconds * rate)) * 0.05)).astype("<i2")
        with wave.open(str(path), "wb") as sound:
            sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(rate)
            sound.writeframes(samples.tobytes())
        return str(path)

    return write
