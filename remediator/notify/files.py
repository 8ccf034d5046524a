"""What the channels need from files of secrets; no error quotes a file."""

from __future__ import annotations

from pathlib import Path

from remediator.errors import ConfigError
from remediator.notify.mail import Server
from remediator.settings import Settings


def mail_server(settings: Settings) -> Server:
    """Return the mail server with its password. Raises ConfigError."""
    password = ""
    if settings.smtp_password_file is not None:
        password = secret_lines(settings.smtp_password_file, "smtp_password_file")[0]
    return Server(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_security,
        settings.smtp_user,
        password,
        settings.smtp_ca_file,
    )


def secret_lines(path: Path | None, field: str) -> list[str]:
    """Return the lines of a file of secrets. Raises ConfigError, which never quotes the file."""
    if path is None:
        raise ConfigError(f"{field}: must name a file")
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{field}: {path} can't be read ({type(error).__name__})") from None
    kept = [line for line in lines if line and not line.startswith("#")]
    if not kept:
        raise ConfigError(f"{field}: {path} is empty; put one secret on a line")
    return kept
