"""Against real servers: the robot's stand-in over HTTP, and a real SMTP server with TLS and login."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from remediator.errors import NotifyError
from remediator.notify import wecom
from remediator.notify.mail import Mailbox, Server
from remediator.notify.wecom import Robot
from remediator.notify.wording import compose
from tests.sim.mailbox.box import Mailbox as Box
from tests.sim.wecom.robot import Robot as SimulatedRobot
from tests.sim.wecom.server import serve
from tests.unit.remediator.notify.conftest import FreePort, started
from tests.unit.remediator.notify.kit import NOW, Clock, message, reader

LETTER = compose(message(), reader())


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate for 127.0.0.1 that trusts itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, file = folder / "key.pem", folder / "cert.pem"
    pem = serialization.Encoding.PEM
    key_file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    file.write_bytes(made.public_bytes(pem))
    return key_file, file


def mailbox(port: int, **server: Any) -> Mailbox:
    where = Server("localhost", port, **server)
    return Mailbox(where, "remediator@control.example", "ops@example.com", clock=lambda: NOW)


def test_a_mail_arrives_readable(box: Box, plain: int) -> None:
    assert mailbox(plain).send(LETTER) == "SMTP 250"
    (mail,) = box.mails
    assert mail.text.startswith("gpu01:7860 服务停止：已恢复")
    assert "<h1" in mail.html
    assert mail.references == "<incident-inc-20261127-010003-aaaaaa@control.example>"


@pytest.mark.parametrize(
    ("trouble", "permanent"), [("temporary", False), ("greylist", False), ("permanent", True), ("full", True)]
)
def test_a_refusal_by_a_real_server(box: Box, plain: int, trouble: str, permanent: bool) -> None:
    box.script.add(trouble)
    with pytest.raises(NotifyError) as caught:
        mailbox(plain).send(LETTER)
    assert caught.value.permanent is permanent
    assert mailbox(plain).send(LETTER) == "SMTP 250"


@pytest.fixture
def secure(tmp_path: Path, box: Box) -> Iterator[tuple[int, Path]]:
    key_file, file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key_file)

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        right = (data.login, data.password) == (b"me", b"right")
        return AuthResult(success=right, handled=False)  # the server itself answers 235 or 535

    controller = FreePort(
        box, hostname="127.0.0.1", ready_timeout=30, tls_context=context, require_starttls=True,
        authenticator=authenticate, auth_required=True,
    )  # fmt: skip
    for port in started(controller):
        yield port, file


def test_starttls_and_login_on_a_real_server(box: Box, secure: tuple[int, Path]) -> None:
    port, file = secure
    login = {"security": "starttls", "user": "me", "password": "right", "ca_file": file}
    assert mailbox(port, **login).send(LETTER) == "SMTP 250"
    assert len(box.mails) == 1


def knock(port: int) -> None:
    """Say hello to a server that expects TLS; it makes its first session then."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), 30) as plain, context.wrap_socket(plain) as tls:
        tls.recv(100)


def test_tls_from_the_first_byte_on_a_real_server(box: Box, tmp_path: Path) -> None:
    key_file, file = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file, key_file)
    controller = FreePort(box, hostname="127.0.0.1", ready_timeout=30, ssl_context=context)
    controller._trigger_server = lambda: knock(controller.port)  # type: ignore[method-assign]
    for port in started(controller):
        assert mailbox(port, security="tls", ca_file=file).send(LETTER) == "SMTP 250"
        with pytest.raises(NotifyError):
            mailbox(port, security="tls").send(LETTER)
    assert len(box.mails) == 1


def test_a_wrong_password_waits_for_a_person_and_is_not_repeated_in_the_error(
    box: Box, secure: tuple[int, Path]
) -> None:
    port, file = secure
    login = {"security": "starttls", "user": "me", "password": "PASSWORD", "ca_file": file}
    with pytest.raises(NotifyError) as caught:
        mailbox(port, **login).send(LETTER)
    assert not caught.value.permanent
    assert "PASSWORD" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(box: Box, secure: tuple[int, Path]) -> None:
    port, _ = secure
    with pytest.raises(NotifyError):
        mailbox(port, security="starttls").send(LETTER)
    assert box.mails == []


def test_nobody_listening_is_temporary() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    with pytest.raises(NotifyError) as caught:
        mailbox(port).send(LETTER)
    assert not caught.value.permanent


def test_a_message_arrives_at_the_robot(sim: SimulatedRobot, address: str) -> None:
    assert Robot(address + "good", "robot 1").send(LETTER) == "errcode 0"
    assert "已恢复" in sim.messages[0].content


@pytest.mark.parametrize("style", ["markdown", "markdown_v2", "text", "card"])
def test_every_style_is_accepted(sim: SimulatedRobot, address: str, style: str) -> None:
    assert Robot(address + "good", "robot 1", style=style).send(LETTER) == "errcode 0"


@pytest.mark.parametrize(
    ("trouble", "permanent"),
    [
        (("errcode", "-1"), False),
        (("errcode", "45009"), False),
        (("errcode", "40058"), True),
        (("reset", ""), False),
        (("html", ""), False),
        (("invalid_json", ""), False),
        (("http", "503"), False),
    ],
)
def test_what_goes_wrong_at_the_robot_is_judged(
    sim: SimulatedRobot, address: str, trouble: tuple[str, str], permanent: bool
) -> None:
    sim.script.add(*trouble)
    robot = Robot(address + "good", "robot 1")
    with pytest.raises(NotifyError) as caught:
        robot.send(LETTER)
    assert caught.value.permanent is permanent
    assert "good" not in str(caught.value)
    assert robot.send(LETTER) == "errcode 0"


def test_a_robot_that_does_not_answer_in_time_is_asked_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = threading.Event()
    sim = SimulatedRobot({"good"}, clock=clock.timestamp, sleep=lambda _seconds: late.wait(60) and None)
    monkeypatch.setattr(wecom, "TIMEOUT_S", (30, 0.2))
    with serve(sim) as server:
        robot = Robot(f"http://127.0.0.1:{server.port}/cgi-bin/webhook/send?key=good", "robot 1")
        sim.script.add("slow", "60")
        with pytest.raises(NotifyError, match="ReadTimeout") as caught:
            robot.send(LETTER)
        late.set()
    assert not caught.value.permanent


def test_a_robot_that_does_not_exist_is_gone(address: str) -> None:
    with pytest.raises(NotifyError) as caught:
        Robot(address + "other", "robot 1").send(LETTER)
    assert caught.value.permanent
