"""The lab that tests share: deployed once per session; VOICEKEEPER_LAB names one that is up already."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.bare import require_lab
from tests.lab.deploy import deploy
from tests.lab.fleet import Fleet
from tests.lab.lab import Lab
from tests.lab.progress import Progress


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let suites that run beside each other have a lab each."""
    parser.addoption("--lab-name", default="test", help="name of the lab that is made for the tests")


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Hand out a deployed lab; skip, with the reason, where this machine cannot run one."""
    require_lab()
    standing = os.environ.get("VOICEKEEPER_LAB")
    if standing:
        yield Lab(standing)
        return
    lab = Lab(request.config.getoption("--lab-name"))
    lab.down()
    deploy(lab, Progress())
    yield lab
    lab.down()


@pytest.fixture(scope="session")
def fleet(lab: Lab) -> Fleet:
    """The deployed lab, as an operator sees it."""
    return Fleet(lab)
