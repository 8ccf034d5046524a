"""The lab that tests share: deployed once per session, named `test`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.deploy import deploy
from tests.lab.lab import Lab, cannot_run_here
from tests.lab.progress import Progress


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Hand out a deployed lab; skip, with the reason, where this machine cannot run one."""
    reason = cannot_run_here()
    if reason:
        pytest.skip(reason)
    lab = Lab("test")
    lab.down()
    deploy(lab, Progress())
    yield lab
    lab.down()
