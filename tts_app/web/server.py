"""`serve`: logs, engine, HTTP server, and an orderly end at SIGTERM."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import NoReturn

import uvicorn

from tts_app import logs, systemd
from tts_app.batch.service import BatchService
from tts_app.batch.tasks import EngineFacts
from tts_app.engines import make_engine
from tts_app.metrics import Metrics
from tts_app.pace import Pace
from tts_app.settings import Settings
from tts_app.speech import SpeechService
from tts_app.substitute import make_substitute
from tts_app.web.app import create_app, wrapped
from tts_app.web.auth import read_keys
from tts_app.web.context import Context
from tts_app.web.ratelimit import RateLimit

log = logging.getLogger(__name__)

# After the drain; together less than systemd adds to it (TimeoutStopSec in the unit).
CLOSE_CONNECTIONS_S = 3  # for streams that never end by themselves, such as an open page's
END_BATCHES_S = 3
END_ENGINE_S = 3


class Server(uvicorn.Server):
    """uvicorn that drains before it stops; a second signal stops at once."""

    def __init__(self, config: uvicorn.Config, context: Context) -> None:
        super().__init__(config)
        self._context = context
        self._draining: threading.Thread | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin the end."""
        if self._draining is not None or sig == signal.SIGINT:
            super().handle_exit(sig, frame)
            return
        # A thread, because a signal handler must not wait or take locks.
        self._draining = threading.Thread(target=self._drain, name="drain", daemon=True)
        self._draining.start()

    def _drain(self) -> None:
        systemd.notify("STOPPING=1")
        log.info("draining")
        service = self._context.service
        service.drain()
        self._context.batches.stop(timeout_s=0)
        service.reject_waiting()
        if not service.wait_until_idle(self._context.settings.drain_s):
            log.warning("the task in hand did not end in time and is given up")
            service.give_up()  # people are told to ask again, a batch notes that the item is still to be spoken
        self.should_exit = True


def make_context(settings: Settings) -> Context:
    """Wire everything an instance of these settings needs; nothing is started yet."""
    metrics = Metrics(settings.engine)
    service = SpeechService(
        make_engine(settings),
        queue_limit=settings.queue_limit,
        task_timeout_s=settings.task_timeout_s,
        load_timeout_s=settings.load_timeout_s,
        pace=Pace(settings.data_dir / f"pace-{settings.engine}.json"),
        observer=metrics,
        substitute=make_substitute(settings),
        log_text=settings.log_text,
    )
    metrics.watch(service)
    batches = BatchService.from_settings(
        settings,
        service,
        lambda: EngineFacts.of(service.engine),
        on_item=lambda status: metrics.batch_items.labels(status).inc(),
    )
    return Context(
        settings=settings,
        service=service,
        metrics=metrics,
        keys=read_keys(settings.api_keys_file, settings.admin_token_file),
        limiter=RateLimit(settings.rate_per_minute),
        batches=batches,
    )


def serve(settings: Settings) -> int:
    """Serve until a signal. Returns the exit status: 0 after an orderly end."""
    os.umask(0o027)
    settings = settings.absolute()
    logs.set_up(settings.log_dir)
    settings.outputs_dir.mkdir(parents=True, exist_ok=True)
    _enter_empty_folder(settings.data_dir)
    context = make_context(settings)
    context.service.start()
    context.batches.start()
    heart = systemd.Heart(settings.host, settings.port, context.service.wait_until_settled)
    app = create_app(context, with_page=settings.page, on_started=heart.start)
    config = uvicorn.Config(
        wrapped(app, context),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=CLOSE_CONNECTIONS_S,
    )
    server = Server(config, context)
    log.info("starting")
    server.run()
    heart.stop()
    context.service.give_up()  # after a second signal there is still one
    context.batches.stop(timeout_s=END_BATCHES_S)
    engine_ended = context.service.stop(timeout_s=END_ENGINE_S)
    log.info("stopped")
    status = 0 if server.started else 1
    if not engine_ended:
        _leave(status)
    return status


def _leave(status: int) -> NoReturn:
    """End the process around an engine in the middle of a piece.

    Python's own end would first wait for it, longer than systemd does, and then abort: a native library can't be
    told to stop, and doesn't bear that its thread is taken away.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _enter_empty_folder(data_dir: Path) -> None:
    """Work where nothing lies: Gradio may hand out files of the working directory."""
    empty = data_dir / "empty"
    empty.mkdir(parents=True, exist_ok=True, mode=0o500)
    os.chdir(empty)
