"""Tell systemd the truth: READY once speech can be asked for, WATCHDOG while a real health answer allows it.

An engine that never comes back holds this process's one engine thread for good: then the beats end, and systemd
replaces the process. Any other sickness would not be cured by that, or is for the remediator to judge.
"""

import http.client
import json
import logging
import os
import socket
import threading
from collections.abc import Callable, Mapping

from tts_app import logs
from tts_app.health import Sick

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 10_000
WITHOUT_WATCHDOG_S = 30.0
FIRST_ANSWER_PAUSE_S = 0.1


def notify(state: str, env: Mapping[str, str] = os.environ) -> bool:
    """Send `state` to the service manager; False where there is none."""
    address = env.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.sendall(state.encode())
    except OSError:
        log.warning("service manager not reachable")
        return False
    return True


def beat_every_s(env: Mapping[str, str] = os.environ) -> float:
    """Return how often to beat: a third of systemd's limit, so one lost answer does no harm."""
    limit = env.get("WATCHDOG_USEC", "")
    return int(limit) / 3e6 if limit.isdigit() and int(limit) > 0 else WITHOUT_WATCHDOG_S


def health_of(host: str, port: int) -> dict[str, object] | None:
    """Return what /healthz answers, well or sick; None when there is no such answer."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    connection = http.client.HTTPConnection(host, port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        told = json.loads(answer.read(MAX_ANSWER_BYTES)) if answer.status in {200, 503} else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told if isinstance(told, dict) else None


def may_beat(told: dict[str, object] | None) -> bool:
    """Return whether systemd may leave the process alone."""
    return told is not None and told.get("reason") != Sick.ENGINE_STUCK


class Heart:
    """A thread: waits for the first answer and the first load, says READY, then beats."""

    def __init__(self, host: str, port: int, wait_until_settled: Callable[[float], bool]) -> None:
        self._host, self._port, self._wait_until_settled = host, port, wait_until_settled
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> None:
        """Begin; harmless where there is no service manager."""
        if "NOTIFY_SOCKET" in os.environ:
            self._thread.start()

    def stop(self) -> None:
        """End."""
        self._stop.set()

    def join(self, timeout_s: float) -> None:
        """Wait until it has ended."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while health_of(self._host, self._port) is None:
            if self._stop.wait(FIRST_ANSWER_PAUSE_S):
                return
        while not self._wait_until_settled(beat_every_s()):
            if self._stop.is_set():
                return
            notify("STATUS=loading the model")
        notify("READY=1\nSTATUS=serving")
        while not self._stop.wait(beat_every_s()):
            logs.follow_rotation()
            if may_beat(health_of(self._host, self._port)):
                notify("WATCHDOG=1")
            else:
                log.error("no beat for the service manager: no health answer, or the engine is stuck")
