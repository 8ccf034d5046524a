"""Prometheus metrics of one instance. Counters are fed by an Observer; states are read at the scrape."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tts_app import __version__, health
from tts_app.engines.base import MemoryReport, SpeechRequest
from tts_app.observe import Observer, Outcome
from tts_app.speech import SpeechService
from tts_app.text.check import LONG_TEXT_CHARS

# The _created series would only double what is stored.
disable_created_metrics()  # type: ignore[no-untyped-call]
HIGH_RATE_HZ = 32000
REFUSALS = ("rate", "full", "draining")
BATCH_ENDS = ("ok", "failed")
SECONDS = (0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)


class Metrics(Observer):
    """The registry and everything counted in it."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "tts_requests", "Syntheses by how they ended", ["engine", "outcome"], registry=registry
        )
        for outcome in Outcome:
            self.requests.labels(engine, outcome)
        self.seconds = Histogram(
            "tts_synthesis_seconds", "Time one synthesis took", buckets=SECONDS, registry=registry
        )
        self.audio = Counter("tts_audio_seconds", "Seconds of speech made", registry=registry)
        self.rtf = Histogram(
            "tts_rtf",
            "Seconds of work per second of speech",
            buckets=(0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 4, 8),
            registry=registry,
        )
        self.long_texts = Counter(
            "tts_long_texts", f"Syntheses of texts over {LONG_TEXT_CHARS} characters", registry=registry
        )
        self.high_rate = Counter("tts_32khz", "Syntheses at 32 kHz", registry=registry)
        self.rejected = Counter(
            "tts_rejected", "Requests refused before any work", ["reason"], registry=registry
        )
        for reason in REFUSALS:  # a counter that is not there yet has no rate
            self.rejected.labels(reason)
        self.batch_items = Counter(
            "tts_batch_items", "Batch items by how they ended", ["status"], registry=registry
        )
        for status in BATCH_ENDS:
            self.batch_items.labels(status)
        self.cleared_mb = Gauge(
            "tts_clear_memory_mb", "Memory at the latest clearing", ["when", "kind"], registry=registry
        )
        self.clearings = Counter("tts_clear_memory", "Clearings of memory", registry=registry)

    def ended(self, request: SpeechRequest, outcome: Outcome, *, took_s: float, audio_s: float = 0.0) -> None:
        """Count one synthesis."""
        self.requests.labels(self.engine, outcome).inc()
        if len(request.text) > LONG_TEXT_CHARS:
            self.long_texts.inc()
        if request.sample_rate >= HIGH_RATE_HZ:
            self.high_rate.inc()
        if outcome is Outcome.OK:
            self.seconds.observe(took_s)
            self.audio.inc(audio_s)
            if audio_s > 0:
                self.rtf.observe(took_s / audio_s)

    def substituted(self, engine: str, outcome: Outcome) -> None:
        """Count one synthesis of the substitute, under its own name."""
        self.requests.labels(engine, outcome).inc()

    def cleared(self, report: MemoryReport) -> None:
        """Keep what the latest clearing did."""
        self.clearings.inc()
        self.cleared_mb.labels("before", report.kind).set(report.before_mb)
        self.cleared_mb.labels("after", report.kind).set(report.after_mb)

    def watch(self, service: SpeechService) -> None:
        """Read `service`'s states at every scrape from now on."""
        self.registry.register(_States(service, self.engine))


class _States(Collector):
    def __init__(self, service: SpeechService, engine: str) -> None:
        self._service, self._engine, self._started = service, engine, time.time()

    def describe(self) -> Iterator[Metric]:
        """Return nothing: names are not checked for duplicates, and nothing is read at start-up."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """Read the states now."""
        yield from self._service_states()
        yield from self._engine_states()
        yield _gauge("tts_process_rss_bytes", "Resident memory of the app", rss_bytes())
        yield _gauge("tts_start_time_seconds", "When the app started, Unix time", self._started)

    def _service_states(self) -> Iterator[Metric]:
        snapshot = self._service.snapshot()
        facts = snapshot.facts
        yield _gauge("tts_queue_depth", "Jobs that wait", facts.queued)
        yield _gauge("tts_queue_limit", "Jobs that may wait", facts.queue_limit)
        yield _gauge("tts_inflight", "Jobs that run", snapshot.in_flight)
        yield _gauge("tts_draining", "1: takes no new work", facts.draining)
        reason = health.not_ready(facts)
        yield _gauge("tts_ready", "1: may take traffic", reason is None)
        yield _gauge("tts_healthy", "0: only a restart or people help", health.sickness(facts) is None)
        states = GaugeMetricFamily("tts_not_ready_reason", "1 for the reason", labels=["reason"])
        substitute = self._service.substituted_by
        yield _gauge("tts_substituted", "1: another engine speaks in its place", substitute is not None)
        for known in (*health.NotReady, *health.Sick):
            states.add_metric([known.value], float(reason == known))
        yield states
        pace = self._service.pace
        for name, value in (
            ("recent", pace.recent),
            ("baseline", pace.baseline),
            ("ratio", pace.ratio),
        ):
            if value is not None:
                yield _gauge(f"tts_rtf_{name}", f"Real-time factor of this host: {name}", value)

    def _engine_states(self) -> Iterator[Metric]:
        status = self._service.engine.status()
        loaded = GaugeMetricFamily("tts_model_loaded", "1: in memory", labels=["engine"])
        loaded.add_metric([status.name], float(status.loaded))
        yield loaded
        info = GaugeMetricFamily("tts_build_info", "Always 1", labels=["version", "engine"])
        info.add_metric([__version__, self._engine], 1)
        yield info
        if status.memory_mb is not None:
            memory = GaugeMetricFamily("tts_engine_memory_bytes", "Held by the engine", labels=["kind"])
            memory.add_metric([status.memory_kind], status.memory_mb * 1e6)
            yield memory
            if status.memory_kind == "cuda":
                gpu = GaugeMetricFamily("tts_gpu_memory_bytes", "Held on the GPU", labels=["kind"])
                gpu.add_metric(["reserved"], status.memory_mb * 1e6)
                yield gpu
        restarts = CounterMetricFamily("tts_worker_restarts", "Worker restarts", labels=["reason"])
        for reason, count in status.worker_restarts.items():
            restarts.add_metric([reason], count)
        yield restarts


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=float(value))


def rss_bytes() -> int:
    """Return this process's resident memory now, in bytes."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:  # not Linux: the peak is the best there is, in kB
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return pages * resource.getpagesize()
