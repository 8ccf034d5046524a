"""The dashboards' queries against the site's own Prometheus."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from tests.lab.fleet import wait_for
from tests.lab.lab import Lab
from tests.lab.paths import ROOT

pytestmark = pytest.mark.lab
DASHBOARDS = sorted((ROOT / "playbooks/roles/prometheus/files/dashboards").glob("*.json"))
# Nothing has gone wrong yet, or nobody has spoken in the last minutes: these may be empty on a healthy site.
QUIET = {"Xid errors 驱动错误", "Mean time to repair 平均修复时间", "Runs 修复执行"}


def ask(lab: Lab, query: str) -> list[object]:
    """Return what Prometheus has for a query. Raises AssertionError when it does not understand it."""
    url = "http://127.0.0.1:9090/api/v1/query"
    call = ["curl", "-s", "-m", "20", "--data-urlencode", f"query={query}", url]
    answer = json.loads(lab.host("control").run(call).stdout)
    assert answer["status"] == "success", answer
    series: list[object] = answer["data"]["result"]
    return series


def found(lab: Lab, query: str) -> list[object] | None:
    """Return what Prometheus has for a query, None while it has nothing."""
    return ask(lab, query) or None


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_of_a_site_that_speaks_has_something_to_show(lab: Lab, dashboard: Path) -> None:
    for panel in json.loads(dashboard.read_text())["panels"]:
        for target in panel["targets"]:
            query = target["expr"].replace("$host", ".*")
            if "rate(" in query or "increase(" in query or panel["title"] in QUIET:
                ask(lab, query)  # understood; whether there is anything depends on the last minutes
            else:
                wait_for(partial(found, lab, query), query, dict, 120)
