"""Signals: the first one lets the item in hand end, only a second Ctrl-C doesn't; nohup stays nohup."""

from __future__ import annotations

import signal

import pytest

from tts_app.batch import stopping
from tts_app.batch.stopping import Stop


@pytest.fixture(autouse=True)
def said(monkeypatch) -> list[bytes]:
    """What people are told."""
    said: list[bytes] = []
    monkeypatch.setattr(stopping.os, "write", lambda handle, data: said.append(data))
    return said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_asks_for_an_end_and_says_so(said, number) -> None:
    stop = Stop()
    with stop.handling():
        signal.raise_signal(number)
        assert stop.asked
    assert len(said) == 1
    assert "Ctrl-C" in said[0].decode()
    assert "停止" in said[0].decode()


def test_a_second_ctrl_c_ends_at_once(said) -> None:
    with Stop().handling():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert len(said) == 1


def test_a_second_sigterm_still_lets_the_item_end() -> None:
    stop = Stop()
    with stop.handling():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
    assert stop.asked


def test_a_terminal_that_is_gone_is_no_reason_to_fail(monkeypatch) -> None:
    def gone(handle: int, data: bytes) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(stopping.os, "write", gone)
    stop = Stop()
    with stop.handling():
        signal.raise_signal(signal.SIGHUP)
    assert stop.asked


def test_under_nohup_the_end_of_the_terminal_means_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = Stop()
        with stop.handling():
            signal.raise_signal(signal.SIGHUP)
        assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_afterwards_signals_mean_what_they_meant_before() -> None:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with Stop().handling():
        pass
    assert [signal.getsignal(number) for number in numbers] == before
