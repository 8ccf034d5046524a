"""The dashboards ask only for what some program of ours says, in words that Prometheus understands."""

import inspect
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from remediator.web import metrics as remediator_metrics
from tests.playbooks.monitoring.test_configuration import program
from tts_app import metrics as speech_metrics

ROOT = Path(__file__).parents[3]
DASHBOARDS = sorted((ROOT / "playbooks/roles/prometheus/files/dashboards").glob("*.json"))
ROLES = ROOT / "playbooks/roles"
SUFFIXES = ("", "_total", "_bucket", "_sum", "_count")


def queries(dashboard: Path) -> list[str]:
    """Return every query, as Grafana sends it for all hosts."""
    panels = json.loads(dashboard.read_text())["panels"]
    return [target["expr"].replace("$host", ".*") for panel in panels for target in panel["targets"]]


def exported() -> set[str]:
    """Return the names that our own programs export, read from their source."""
    speech = re.findall(r'"(tts_[a-z0-9_]+)"', inspect.getsource(speech_metrics))
    collector = (ROLES / "host_monitoring/files/glmtts_metrics.py").read_text()
    scanner = (ROLES / "remedy_helper/files/glmtts_remedy/scan_logs.py").read_text()
    host = re.findall(r"\b(glmtts_[a-z0-9_]+)", collector + scanner)
    remediator = [
        remediator_metrics.PREFIX + name
        for name in re.findall(r'"([a-z_]+)"', inspect.getsource(remediator_metrics))
    ]
    return {name + suffix for name in (*speech, *host, *remediator) for suffix in SUFFIXES}


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_every_series_is_one_that_something_exports(dashboard):
    asked = {
        name for query in queries(dashboard) for name in re.findall(r"\b(?:tts|glmtts|remediator)_\w+", query)
    }
    assert asked
    assert asked - exported() == set()


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_prometheus_understands_every_query(dashboard, tmp_path):
    rules = [{"record": f"query:{place}", "expr": query} for place, query in enumerate(queries(dashboard))]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    checked = subprocess.run(
        [program("promtool"), "check", "rules", tmp_path / "rules.yml"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_cover_each_other_and_have_their_own_number(dashboard):
    panels = json.loads(dashboard.read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(at["x"] + column, at["y"] + row) for column in range(at["w"]) for row in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)
