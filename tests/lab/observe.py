"""`make observe`: the remediator alone, without root and without hosts, on alerts recorded in the lab.

First `remediator replay` says what would be decided on the recorded evidence. Then the service itself runs in
observe mode and is sent the same alerts; it finds no hosts to look at, which is what it says.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import yaml

from remediator.tokens import digest
from tests.lab.forward import listen
from tests.lab.paths import HERE, ROOT
from tests.lab.proc import LabError

RECORDED = HERE / "recorded" / "incidents.jsonl"
ROLES = ("sender", "viewer", "operator")
START_TIMEOUT_S = 180


def observe() -> int:
    """Replay, then serve until interrupted."""
    folder = ROOT / "var" / "observe"
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port(8686)
    tokens = {role: secrets.token_urlsafe(24) for role in ROLES}
    environment = os.environ | settings(folder, port, tokens)
    print("What would be decided, on recorded evidence (nothing is done):\n", flush=True)
    replay = subprocess.run([*remediator("replay"), str(RECORDED)], env=environment, cwd=ROOT, check=False)
    if replay.returncode != 0:
        return replay.returncode
    service = subprocess.Popen(remediator("serve"), env=environment, cwd=ROOT)
    try:
        wait_until_up(service, port)
        sent = send(port, tokens["sender"])
        print(f"\n{sent} recorded requests were sent to the service, which runs in observe mode.")
        print(
            f"Status page: http://127.0.0.1:{port}/   operator token: {tokens['operator']}\nCtrl-C ends it."
        )
        return service.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        service.terminate()
        service.wait(timeout=30)


def remediator(command: str) -> list[str]:
    """Return the command line of one of its commands."""
    return [sys.executable, "-m", "remediator", command]


def settings(folder: Path, port: int, tokens: dict[str, str]) -> dict[str, str]:
    """Write the files that the service reads below `folder`; return its settings as variables."""
    (folder / "inventory").mkdir(exist_ok=True)
    shutil.copy(ROOT / "inventory" / "lab" / "hosts.yml", folder / "inventory" / "hosts.yml")
    holders = [{"name": role, "role": role, "hash": digest(token)} for role, token in tokens.items()]
    (folder / "tokens.yml").write_text(yaml.safe_dump({"tokens": holders}))
    values = {
        "MODE": "observe",
        "DATABASE_URL": f"sqlite:///{folder}/remediator.db",
        "INVENTORY": str(folder / "inventory"),
        "PLAYBOOKS_DIR": str(ROOT / "playbooks"),
        "STATE_DIR": str(folder),
        "TOKENS_FILE": str(folder / "tokens.yml"),
        "LISTEN": f"127.0.0.1:{port}",
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "RUNNER": "session",
        "LANGUAGE": "en",
        "PROBE_INTERVAL_S": "0",
        "LOG_LEVEL": "WARNING",
    }
    return {f"REMEDIATOR_{name}": value for name, value in values.items()}


def free_port(first: int) -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    server = listen(first, set())
    port = int(server.getsockname()[1])
    server.close()
    return port


def wait_until_up(service: subprocess.Popen[bytes], port: int) -> None:
    """Return once the service takes connections. Raises LabError when it doesn't."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except OSError:
            if service.poll() is not None or time.monotonic() > deadline:
                raise LabError("the remediator did not start; what it said is above") from None
            time.sleep(0.2)
        else:
            return


def send(port: int, token: str) -> int:
    """Post every recorded request; return how many there were."""
    lines = RECORDED.read_text().splitlines()
    for line in lines:
        record = json.loads(line)
        request = urllib.request.Request(f"http://127.0.0.1:{port}{record['path']}")
        request.add_header("Authorization", f"Bearer {token}")
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, json.dumps(record["body"]).encode(), timeout=30) as answer:
            answer.read()
    return len(lines)
