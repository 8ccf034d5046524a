"""The deployment once more: harmless in check mode on fresh hosts, and without a change at its second run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.bare import bare_lab
from tests.lab.deploy import recap
from tests.lab.lab import Lab
from tests.lab.network import ADDRESSES

pytestmark = [pytest.mark.lab, pytest.mark.slow]


@pytest.fixture
def bare() -> Iterator[Lab]:
    """Hosts on which nothing was deployed yet."""
    with bare_lab("bare") as lab:
        yield lab


def test_check_mode_on_fresh_hosts_fails_nowhere_and_changes_nothing(bare: Lab) -> None:
    done = bare.playbook("deploy.yml", "--check")
    found = recap(done.stdout)
    assert done.returncode == 0, done.stdout[-4000:]
    assert set(found) == set(ADDRESSES)
    for host in ADDRESSES:
        left = bare.host(host).run(
            ["sh", "-c", "ls -d /opt/glmtts /etc/glmtts /opt/remediator 2>/dev/null || true"]
        )
        assert left.stdout == ""
        assert bare.host(host).run(["id", "glmtts"], check=False).returncode != 0


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    done = lab.playbook("deploy.yml")
    assert done.returncode == 0, done.stdout[-4000:]
    changed = [line for line in done.stdout.splitlines() if line.startswith("changed:")]
    assert recap(done.stdout) == dict.fromkeys(ADDRESSES, (0, 0, 0)), changed
