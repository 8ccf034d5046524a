import os

from tts_app.engines.base import MemoryReport
from tts_app.engines.memory import give_back, rss_mb


def test_this_process_holds_some_megabytes():
    assert 5 < rss_mb() < 100_000
    assert rss_mb(os.getpid()) > 5


def test_a_process_that_is_gone_has_no_size():
    assert rss_mb(2**22 + 1) is None


def test_giving_back_is_harmless():
    give_back()


def test_what_was_freed_is_the_difference():
    assert MemoryReport(510.04, 72.0, "rss", still_loaded=False).freed_mb == 438.0
