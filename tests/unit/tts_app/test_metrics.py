"""Metrics that only some engines or some days have."""

from dataclasses import replace

from prometheus_client import generate_latest

from tests.unit.tts_app.fakes import WAIT_S, FakeEngine
from tts_app.engines.base import SpeechRequest
from tts_app.errors import LoadFailed
from tts_app.metrics import Metrics, rss_bytes
from tts_app.pace import BASELINE_SAMPLES, Pace
from tts_app.speech import SpeechService
from tts_app.substitute import Substitute


class OnTheGpu(FakeEngine):
    def status(self):
        return replace(
            super().status(),
            memory_mb=8800.0,
            memory_kind="cuda",
            worker_restarts={"recycled": 2, "context_dead": 1},
        )


def scrape(engine, pace=None, **options):
    metrics = Metrics("glm")
    service = SpeechService(engine, pace=pace, observer=metrics, **options)
    metrics.watch(service)
    if options:
        service.start()
        service.submit(SpeechRequest("hello"), substitute=True).result(WAIT_S)
        service.stop(timeout_s=WAIT_S)
    return generate_latest(metrics.registry).decode()


def test_worker_restarts_are_counted_by_reason():
    text = scrape(OnTheGpu())
    assert 'tts_worker_restarts_total{reason="recycled"} 2.0' in text
    assert 'tts_worker_restarts_total{reason="context_dead"} 1.0' in text


def test_gpu_memory_is_told_in_bytes():
    assert 'tts_gpu_memory_bytes{kind="reserved"} 8.8e+09' in scrape(OnTheGpu())


def test_what_another_engine_speaks_is_counted_under_its_own_name():
    broken, plain = FakeEngine(), FakeEngine()
    broken.load_error = LoadFailed("no model")
    plain.name = "espeak"
    text = scrape(broken, substitute=Substitute(plain))
    assert 'tts_requests_total{engine="espeak",outcome="ok"} 1.0' in text
    assert 'tts_requests_total{engine="glm",outcome="ok"} 0.0' in text
    assert "tts_substituted 1.0" in text
    assert "tts_healthy 0.0" in text
    assert "tts_ready 1.0" in text


def test_nobody_else_speaks_as_long_as_the_engine_is_loaded():
    text = scrape(FakeEngine(), substitute=Substitute(FakeEngine()))
    assert "tts_substituted 0.0" in text


def test_a_slow_host_shows_in_the_ratio():
    pace = Pace()
    for rtf in [0.5] * BASELINE_SAMPLES + [1.5] * BASELINE_SAMPLES:
        pace.add(took_s=rtf * 2, audio_s=2.0)
    text = scrape(FakeEngine(), pace)
    assert "tts_rtf_baseline 0.5" in text
    assert "tts_rtf_ratio 3.0" in text


def test_a_new_host_has_no_baseline_yet():
    assert "tts_rtf_baseline" not in scrape(FakeEngine())


def test_resident_memory_is_read():
    assert rss_bytes() > 1_000_000
