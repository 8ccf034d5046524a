"""What the real HTTP server does around the app."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from remediator.server import listen
from tests.unit.remediator.web.kit import FakeDesk, app, as_role


@pytest.fixture
def address() -> Iterator[str]:
    with closing(listen(app(FakeDesk()), "127.0.0.1", 0)) as server:
        threading.Thread(target=server.run, daemon=True).start()
        yield f"http://127.0.0.1:{server.effective_port}"


def test_a_body_of_5_mb_is_read_to_its_end_so_that_the_sender_hears_why_it_is_refused(address: str) -> None:
    for _ in range(5):
        answer = requests.post(
            f"{address}/api/v1/alerts/alertmanager", b"x" * 5_000_000, headers=as_role("sender"), timeout=30
        )
        assert answer.status_code == 413
        assert "1000000 bytes" in answer.text
