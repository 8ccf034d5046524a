"""What a lab's fleet is doing, as one JSON document."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tests.lab.keys import lab_secrets
from tests.lab.lab import Lab
from tests.lab.network import ADDRESSES

Json = dict[str, Any]


def status(lab: Lab) -> Json:
    """Return hosts, incidents, runs and messages; `problem` says why the remediator gave none."""
    answer: Json = {"lab": lab.name, "hosts": [], "incidents": [], "runs": [], "messages": []}
    if not lab.stage:
        return answer | {"problem": f"the lab {lab.name} isn't up"}
    try:
        answer |= ask(lab, "/api/v1/status")
    except OSError as error:
        answer["problem"] = f"the remediator does not answer: {error}"
    known = {host["name"]: host for host in answer["hosts"]}
    answer["hosts"] = [
        {**known.get(host, {"name": host}), "running": lab.host(host).leader is not None}
        for host in ADDRESSES
    ]
    return answer


def ask(lab: Lab, path: str, timeout_s: float = 10) -> Json:
    """Return one answer of the remediator's API, as a viewer. Raises OSError when there is none."""
    port = lab.ports().get("status")
    if port is None:
        raise OSError("no port is forwarded; `up` starts the forwarder")
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}")
    request.add_header("Authorization", f"Bearer {lab_secrets()['viewer_token']}")
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        found: Json = json.load(answer)
    return found
