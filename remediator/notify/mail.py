"""Email: text and HTML in one message, one thread per incident, sent by the standard library."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from remediator.errors import NotifyError
from remediator.notify.letter import Letter

TIMEOUT_S = 20
LOGIN_REFUSED = frozenset({530, 534, 535, 538})  # a person can set the password right; the mail is not lost
COLOURS = {"good": "#1a7f37", "bad": "#b42318", "quiet": "#475467"}
_pages = Environment(loader=PackageLoader("remediator.notify"), autoescape=True, undefined=StrictUndefined)

SmtpFactory = Callable[..., smtplib.SMTP]


@dataclass(frozen=True)
class Server:
    """The mail server. `security` is none, starttls or tls."""

    host: str
    port: int
    security: str = "none"
    user: str = ""
    password: str = ""
    ca_file: Path | None = None

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port}, {self.security})"


class Mailbox:
    """One receiver's address."""

    def __init__(
        self,
        server: Server,
        sender: str,
        to: str,
        *,
        clock: Callable[[], datetime],
        plain: SmtpFactory = smtplib.SMTP,
        tls: SmtpFactory = smtplib.SMTP_SSL,
    ) -> None:
        self._server, self._sender, self._to = server, sender, to
        self._clock, self._plain, self._tls = clock, plain, tls
        self.name = f"mail {to}"

    def send(self, letter: Letter) -> str:
        """Deliver `letter` and return what the server said. Raises NotifyError."""
        mail = build(letter, self._sender, self._to, self._clock())
        try:
            with self._connect() as smtp:
                smtp.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            raise _refused(code) from None
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise NotifyError(type(error).__name__) from None
        return "SMTP 250"

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            smtp = self._tls(server.host, server.port, timeout=TIMEOUT_S, context=self._context())
        else:
            smtp = self._plain(server.host, server.port, timeout=TIMEOUT_S)
        try:
            if server.security == "starttls":
                smtp.starttls(context=self._context())
            if server.user:
                smtp.login(server.user, server.password)
        except (smtplib.SMTPException, OSError, ValueError):
            smtp.close()
            raise
        return smtp

    def _context(self) -> ssl.SSLContext:
        ca_file = self._server.ca_file
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)


def is_address(text: str) -> bool:
    """Whether `text` is one plain address, such as ops@example.com."""
    try:
        found = Address(addr_spec=text)
    except (ValueError, IndexError, HeaderParseError):
        return False
    return bool(found.username and found.domain)


def _refused(code: int) -> NotifyError:
    return NotifyError(f"SMTP {code}", permanent=code >= 500 and code not in LOGIN_REFUSED)


def build(letter: Letter, sender: str, to: str, now: datetime) -> EmailMessage:
    """Return the mail. The same letter to the same address always has the same Message-ID."""
    domain = sender.rpartition("@")[2] or "localhost"
    mail = EmailMessage()
    mail["Subject"] = letter.subject or letter.headline
    mail["From"] = Address("守声 Voicekeeper" if letter.language == "zh" else "Voicekeeper", addr_spec=sender)
    mail["To"] = Address(addr_spec=to)
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<{letter.message_id}@{domain}>"
    if letter.thread:
        # Nothing with this id was ever sent: all letters of an incident answer the same root.
        mail["In-Reply-To"] = mail["References"] = f"<incident-{letter.thread}@{domain}>"
    mail["List-Id"] = f"Voicekeeper <voicekeeper.{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Voicekeeper-Message"] = letter.message_id
    mail.set_content(text(letter), cte="base64")
    mail.add_alternative(html(letter), subtype="html", cte="base64")
    return mail


def text(letter: Letter) -> str:
    """Return the plain text part."""
    colon = "：" if letter.language == "zh" else ": "
    rows = [letter.headline, ""]
    rows += [f"{line.label}{colon}{line.plain}" for line in letter.lines]
    rows += ["", *(f"{link.name}{colon}{link.url}" for link in letter.links), "", letter.message_id]
    return "\n".join(rows) + "\n"


def html(letter: Letter) -> str:
    """Return the HTML part: styles inside, nothing loaded from elsewhere."""
    return _pages.get_template("mail.html").render(letter=letter, colour=COLOURS[letter.tone])
