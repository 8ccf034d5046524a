"""Health is a table over plain facts."""

from dataclasses import replace

import pytest

from tts_app.health import Facts, NotReady, Sick, not_ready, sickness

WELL = Facts(
    loaded_once=True,
    load_failed=False,
    context_dead=False,
    running_for_s=None,
    task_limit_s=330.0,
    loading_for_s=None,
    load_limit_s=330.0,
    queued=0,
    queue_limit=8,
    draining=False,
)


@pytest.mark.parametrize(
    ("changes", "sick", "unready"),
    [
        pytest.param({}, None, None, id="well"),
        pytest.param({"loaded_once": False, "loading_for_s": 1.0}, None, NotReady.LOADING, id="loading"),
        pytest.param(
            {"loading_for_s": 330.0, "loaded_once": False}, None, NotReady.LOADING, id="just in time"
        ),
        pytest.param({"loading_for_s": 330.1}, Sick.LOAD_FAILED, Sick.LOAD_FAILED, id="loading for ever"),
        pytest.param({"queued": 7}, None, None, id="one place left"),
        pytest.param({"queued": 8}, None, NotReady.FULL, id="full"),
        pytest.param(
            {"draining": True, "queued": 8}, None, NotReady.DRAINING, id="draining says more than full"
        ),
        pytest.param({"running_for_s": 330.0}, None, None, id="a long task"),
        pytest.param({"running_for_s": 330.1}, Sick.ENGINE_STUCK, Sick.ENGINE_STUCK, id="stuck"),
        pytest.param({"context_dead": True}, Sick.CONTEXT_DEAD, Sick.CONTEXT_DEAD, id="context dead"),
        pytest.param({"load_failed": True}, Sick.LOAD_FAILED, Sick.LOAD_FAILED, id="load failed"),
        pytest.param(
            {"loading_for_s": 1.0}, None, NotReady.LOADING, id="loading again, after a lost context"
        ),
        pytest.param(
            {"load_failed": True, "substitute": True, "loaded_once": False},
            Sick.LOAD_FAILED,
            None,
            id="another engine speaks: sick, and ready",
        ),
        pytest.param(
            {"load_failed": True, "substitute": True, "queued": 8},
            Sick.LOAD_FAILED,
            NotReady.FULL,
            id="the other engine has a queue too",
        ),
        pytest.param(
            {"context_dead": True, "load_failed": True, "substitute": True},
            Sick.CONTEXT_DEAD,
            Sick.CONTEXT_DEAD,
            id="it speaks only for a model that can't be loaded",
        ),
        pytest.param(
            {"load_failed": True, "draining": True},
            Sick.LOAD_FAILED,
            Sick.LOAD_FAILED,
            id="sick while draining",
        ),
        pytest.param(
            {"context_dead": True, "load_failed": True},
            Sick.CONTEXT_DEAD,
            Sick.CONTEXT_DEAD,
            id="cause first",
        ),
    ],
)
def test_states(changes, sick, unready):
    facts = replace(WELL, **changes)
    assert sickness(facts) is sick
    assert not_ready(facts) is unready
