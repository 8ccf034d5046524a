"""The role nginx: a real nginx with its configuration and a certificate of its own, in front of the real app."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from remediator.server import listen
from tests.playbooks.provisioning import Played, play_role
from tests.unit.remediator.web.kit import SECRETS, FakeDesk, app, as_role, csrf_of

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    include {folder}/conf.d/*.conf;
}}
"""
ALERTS = "/api/v1/alerts/alertmanager"
pytestmark = [
    pytest.mark.skipif(
        shutil.which("nginx") is None, reason="nginx is not installed (tests/debian_packages.sh)"
    ),
    pytest.mark.skipif(os.geteuid() != 0, reason="nginx' own check of a configuration needs root"),
]


def configure(folder: Path, *options: str, **variables: Any) -> Played:
    """Play what makes the certificate and the configuration, into `folder`; variables are the role's."""
    (folder / "conf.d").mkdir(exist_ok=True)
    defaults = {
        "server_name": "localhost",
        "certificate_path": str(folder / "tls/server.pem"),
        "key_path": str(folder / "tls/server.key"),
        "config_dir": str(folder / "conf.d"),
        "addresses": ["127.0.0.1"],
        "self_signed": True,
    }
    named = {f"nginx_{name}": value for name, value in (defaults | variables).items()}
    # Nothing is reloaded: this nginx belongs to no systemd.
    return play_role(
        "nginx",
        folder,
        *options,
        entries=("certificate", "configure"),
        __nginx_started={"changed": True},
        **named,
    )


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass
class Front:
    """The running nginx and who it trusts."""

    https: str
    http: str
    session: requests.Session
    folder: Path

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask for `path` exactly as it is written: `requests` would resolve dots."""
        request = requests.Request("GET", self.https, **options).prepare()
        request.url = self.https + path
        return self.session.send(request, allow_redirects=False, timeout=30)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Post to `path`."""
        return self.session.post(self.https + path, allow_redirects=False, timeout=60, **options)


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """Put nginx in front of the real app with a desk of the tests."""
    folder = tmp_path_factory.mktemp("nginx")
    with ExitStack() as stack:
        server = stack.enter_context(closing(listen(app(FakeDesk()), "127.0.0.1", 0)))
        threading.Thread(target=server.run, daemon=True).start()
        https, http = free_port(), free_port()
        done = configure(
            folder,
            upstream=f"127.0.0.1:{server.effective_port}",
            https_port=https,
            http_port=http,
            alerts_per_s=1,
            alerts_burst=5,
        )
        assert done.code == 0, done.said
        (folder / "main.conf").write_text(MAIN.format(folder=folder))
        process = subprocess.Popen(["nginx", "-c", folder / "main.conf", "-e", folder / "error.log"])
        stack.callback(process.wait, 30)
        stack.callback(process.terminate)
        session = stack.enter_context(requests.Session())
        session.verify = str(folder / "tls/server.pem")
        session.trust_env = False
        found = Front(f"https://localhost:{https}", f"http://localhost:{http}", session, folder)
        wait_for(https)
        yield found


def wait_for(port: int) -> None:
    """Return once something listens on `port`."""
    for _ in range(600):
        with socket.socket() as sock:
            sock.settimeout(1)
            if sock.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise AssertionError(f"nothing listens on {port}")


def test_people_log_in_over_tls_and_browsers_are_told_to_stay_there(front: Front) -> None:
    page = front.get("/login")
    assert page.status_code == 200
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert page.headers["Server"] == "nginx"
    answer = front.post("/login", data={"csrf": csrf_of(page.text), "token": SECRETS["viewer"]})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "gpu01" in front.get("/", cookies=front.session.cookies).text
    plain = front.session.get(f"{front.http}/incidents/1", allow_redirects=False, timeout=30)
    assert (plain.status_code, plain.headers["Location"]) == (308, f"{front.https}/incidents/1")


def test_a_sender_without_trust_or_with_an_old_protocol_gets_no_connection(front: Front) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{front.https}/healthz", timeout=30)
    port = front.https.rsplit(":", 1)[1]
    old = subprocess.run(
        ["openssl", "s_client", "-tls1_1", "-cipher", "ALL@SECLEVEL=0", "-connect", f"127.0.0.1:{port}"],
        check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
    )  # fmt: skip
    assert old.returncode != 0
    assert "alert protocol version" in old.stderr


@pytest.mark.parametrize(
    "path",
    ["/metrics", "/readyz", "/static/../metrics", "//metrics", "/static/%2e%2e/metrics", "/incidents/..%2fmetrics",
     "/metrics/", "/api/v2/status", "/.git/config"],
)  # fmt: skip
def test_what_is_for_the_host_itself_does_not_exist_from_outside(front: Front, path: str) -> None:
    answer = front.get(path, headers=as_role("operator"))
    assert answer.status_code == 404
    assert "nginx" in answer.text, "the remediator was asked"


@pytest.mark.parametrize(
    ("path", "status"),
    [("/healthz", 200), ("/api/v1/status", 200), ("/static/style.css", 200), ("/incidents/inc-1", 302)],
)
def test_page_api_and_health_answer(front: Front, path: str, status: int) -> None:
    answer = front.get(path, headers=as_role("operator"))
    assert answer.status_code == status
    assert "Strict-Transport-Security" in answer.headers


def test_the_callback_of_wechat_work_reaches_the_remediator(front: Front) -> None:
    answer = front.post("/wecom/callback", data=b"x")
    assert answer.status_code == 404  # not configured, says the app
    assert "Content-Security-Policy" in answer.headers
    assert front.post("/wecom/callback", data=b"x" * 70_000).status_code == 413


def test_alerts_pass_the_apps_own_limit_is_explained_and_a_flood_is_asked_to_come_again(front: Front) -> None:
    stored = front.post(ALERTS, json={"alerts": [{}]}, headers=as_role("sender"))
    assert stored.status_code == 202
    large = front.post(ALERTS, data=b"x" * 1_500_000, headers=as_role("sender"))
    assert large.status_code == 413
    assert "1000000 bytes" in large.text
    assert front.post(ALERTS, data=b"x" * 3_000_000, headers=as_role("sender")).status_code == 413
    answers = [
        front.post(ALERTS, json={"alerts": []}, headers=as_role("sender")).status_code for _ in range(20)
    ]
    assert set(answers) == {202, 503}, "429 would lose alerts"


def test_guessing_tokens_is_slowed_down(front: Front) -> None:
    answers = [front.post("/login", data={"token": "guess"}).status_code for _ in range(20)]
    assert answers[-1] == 429


@pytest.mark.slow
def test_the_key_is_roots_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    ports = {"https_port": free_port(), "http_port": free_port()}
    first = configure(tmp_path, **ports)
    assert first.code == 0, first.said
    assert (tmp_path / "tls/server.key").stat().st_mode & 0o077 == 0
    second = configure(tmp_path, **ports)
    assert (second.code, second.changed) == (0, 0), second.said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "named"),
    [
        pytest.param({"self_signed": False}, "nginx_certificate", id="no certificate"),
        pytest.param({"certificate": "PEM"}, "nginx_key", id="a certificate without its key"),
        pytest.param({"certificate": "PEM", "key": "PEM"}, "cannot load certificate", id="not a certificate"),
        pytest.param({"sender_networks": ["somewhere"]}, "invalid parameter", id="not a network"),
    ],
)
def test_what_nginx_would_not_start_with_is_refused_and_never_installed(
    tmp_path: Path, variables: dict[str, Any], named: str
) -> None:
    refused = configure(tmp_path, **variables)
    assert refused.code != 0
    assert named in refused.said
    assert not (tmp_path / "conf.d/voicekeeper.conf").exists()


@pytest.mark.slow
def test_only_the_named_networks_may_send_alerts(tmp_path: Path) -> None:
    done = configure(tmp_path, sender_networks=["10.20.0.0/24"])
    assert done.code == 0, done.said
    text = (tmp_path / "conf.d/voicekeeper.conf").read_text()
    assert "allow 10.20.0.0/24;\n        deny all;" in text
