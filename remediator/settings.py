"""Everything an operator may set: variables REMEDIATOR_<NAME>, or the same names in a YAML file.

A variable wins over the file, the file over the default. Secrets are never settings: settings name the
files that hold them (systemd's LoadCredential puts them there), so a printed `Settings` gives nothing away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import yaml

from remediator.errors import ConfigError

PREFIX = "REMEDIATOR_"
T = TypeVar("T")


def setting(default: T, meaning: str, *, least: float | None = None, secret: bool = False) -> T:
    """Return one dataclass field; `meaning` is what `check` and the documentation say about it."""
    made: T = field(default=default, repr=not secret, metadata={"meaning": meaning, "least": least})
    return made


@dataclass(frozen=True)
class Settings:
    """One installation's settings. Units are in the names."""

    mode: Literal["observe", "propose", "act"] = setting("observe", "ceiling for what is done by itself")
    database_url: str = setting("sqlite:////var/lib/remediator/remediator.db", "database", secret=True)
    inventory: Path = setting(Path("/etc/remediator/inventory"), "Ansible inventory; no other host is touched")
    playbooks_dir: Path = setting(Path("/opt/remediator/current/playbooks"), "folder with the remedies")
    state_dir: Path = setting(Path("/var/lib/remediator"), "runs, ssh sockets, database")
    tokens_file: Path = setting(Path("/etc/remediator/tokens.yml"), "named, hashed tokens")
    listen: str = setting("127.0.0.1:8686", "address and port of the page and the API")
    public_url: str = setting("http://127.0.0.1:8686", "how people reach the page; used in messages")
    runbooks_url: str = setting("", "where runbook pages are; empty: no runbook link in messages")
    timezone: str = setting("Asia/Shanghai", "time zone of people, an IANA name")
    language: Literal["zh", "en"] = setting("zh", "language of messages")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = setting("INFO", "least level that is logged")
    faults_file: Path | None = setting(None, "extra faults, on top of the shipped catalogue")
    remedies_file: Path | None = setting(None, "extra remedies, on top of the shipped ones")

    runner: Literal["systemd", "session"] = setting("systemd", "what keeps a run's process")
    ssh_user: str = setting("glmtts-remedy", "remediation identity on the hosts")
    ssh_key: Path | None = setting(None, "private key; empty: <state_dir>/ssh/id_ed25519")
    ssh_known_hosts: Path | None = setting(None, "host keys; empty: <state_dir>/ssh/known_hosts")
    ssh_config_extra: Path | None = setting(None, "ssh configuration read in addition")

    probe_interval_s: float = setting(300.0, "seconds between checks of each instance; 0 stops them", least=0)
    probe_retry_s: float = setting(10.0, "seconds to the next check after a first failure", least=0.1)
    probe_failures: int = setting(3, "failures in a row that raise an alert", least=1)
    probe_timeout_s: float = setting(5.0, "longest wait for one answer", least=0.1)

    max_hosts_out: int = setting(1, "hosts that may be out at the same time", least=1)
    max_hosts_out_pct: int = setting(10, "the same in percent of the fleet; at least one host", least=1)
    min_healthy_hosts: int = setting(0, "healthy hosts that must remain", least=0)
    attempts_per_hour: int = setting(3, "attempts per host and fault in an hour", least=1)
    hold_down_s: float = setting(60.0, "seconds a repaired service must stay well", least=0)

    notify_file: Path | None = setting(None, "receivers; empty: one per channel set below")
    oncall_file: Path | None = setting(None, "rotation of people on call")
    escalate_after_min: float = setting(15.0, "minutes without acknowledgement until the next is called", least=1)
    wecom_robot_urls_file: Path | None = setting(None, "WeChat Work robot addresses, one a line")
    wecom_format: Literal["markdown", "markdown_v2", "text"] = setting("markdown", "kind of robot message")
    wecom_headline_card: bool = setting(False, "also send a card with the headline when an incident opens")
    wecom_app_file: Path | None = setting(None, "WeChat Work app: corpid, secret, agentid, callback keys")
    wecom_rate_per_min: int = setting(20, "messages a minute that one robot may send", least=1)
    smtp_host: str = setting("", "mail server; empty: no mail")
    smtp_port: int = setting(25, "its port", least=1)
    smtp_security: Literal["none", "starttls", "tls"] = setting("none", "how the connection is protected")
    smtp_ca_file: Path | None = setting(None, "certificates to trust; empty: the system's")
    smtp_user: str = setting("", "login name; empty: no login")
    smtp_password_file: Path | None = setting(None, "file with the password")
    mail_from: str = setting("remediator@localhost", "sender of mails")
    mail_to: tuple[str, ...] = setting((), "receivers of mails, comma-separated or a list")
    webhook_url_file: Path | None = setting(None, "address of a generic webhook")
    webhook_secret_file: Path | None = setting(None, "key that signs its bodies")
    apprise_urls_file: Path | None = setting(None, "Apprise addresses, one a line; needs the package apprise")
    heartbeat_interval_s: float = setting(86400.0, "seconds between signs of life; 0 stops them", least=0)
    digest_at: str = setting("09:00", "local time of the daily digest; empty: none")
    retention_days: int = setting(90, "days that closed incidents and their evidence are kept", least=1)

    @property
    def zone(self) -> ZoneInfo:
        """The receivers' time zone."""
        return ZoneInfo(self.timezone)

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to bind."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def runs_dir(self) -> Path:
        """Folder with one private folder per run."""
        return self.state_dir / "runs"

    @property
    def ssh_dir(self) -> Path:
        """Folder with the key, the known hosts and the control sockets."""
        return self.state_dir / "ssh"


def load(env: Mapping[str, str]) -> Settings:
    """Read settings from `env` and the YAML file it names in REMEDIATOR_CONFIG.

    Raises ConfigError with every problem at once, each naming the field and how to set it right.
    """
    problems: list[str] = []
    given = _from_file(env.get(PREFIX + "CONFIG"), problems)
    hints = get_type_hints(Settings)
    known = {item.name: item for item in fields(Settings)}
    problems += [f"{name}: no such setting; remove it or correct its name" for name in given if name not in known]
    values: dict[str, Any] = {}
    for name, item in known.items():
        raw: object = env.get(PREFIX + name.upper(), given.get(name, MISSING))
        if raw is not MISSING:
            _take(values, item, hints[name], raw, problems)
    settings = Settings(**values)
    problems += _cross_check(settings)
    if problems:
        raise ConfigError(problems)
    return settings


def _from_file(path: str | None, problems: list[str]) -> dict[str, object]:
    if not path:
        return {}
    try:
        data = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"config: {path} can't be read ({type(error).__name__}); give a readable YAML file")
        return {}
    if data is None:
        return {}
    if not isinstance(data, dict):
        problems.append(f"config: {path} must hold `name: value` lines")
        return {}
    return {str(name): value for name, value in data.items()}


def _take(values: dict[str, Any], item: Field[Any], kind: Any, raw: object, problems: list[str]) -> None:
    try:
        value = _convert(kind, raw)
    except ValueError as error:
        problems.append(f"{item.name}: {error} ({item.metadata['meaning']})")
        return
    least = item.metadata["least"]
    if least is not None and value < least:
        problems.append(f"{item.name}: must be at least {least:g} ({item.metadata['meaning']})")
        return
    values[item.name] = value


def _convert(kind: Any, raw: object) -> Any:
    """Return `raw` as `kind`; ValueError says what would be right."""
    origin = get_origin(kind)
    if origin is Literal:
        return _one_of(get_args(kind), raw)
    if origin in (Union, UnionType):  # only `X | None`
        inner = next(part for part in get_args(kind) if part is not type(None))
        return None if raw in (None, "") else _convert(inner, raw)
    if origin is tuple:
        return _strings(raw)
    if kind is bool:
        return _flag(raw)
    if kind in (int, float):
        return _number(kind, raw)
    if not isinstance(raw, str | int | float) or isinstance(raw, bool):
        raise ValueError("must be text")
    return kind(str(raw))


def _one_of(choices: tuple[str, ...], raw: object) -> str:
    if raw not in choices:
        raise ValueError(f"must be one of {', '.join(choices)}")
    return str(raw)


def _strings(raw: object) -> tuple[str, ...]:
    items = raw.split(",") if isinstance(raw, str) else raw
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ValueError("must be a list of texts")
    return tuple(item.strip() for item in items if item.strip())


def _flag(raw: object) -> bool:
    word = str(raw).lower()
    if word not in ("true", "false", "1", "0", "yes", "no"):
        raise ValueError("must be true or false")
    return word in ("true", "1", "yes")


def _number(kind: type[int] | type[float], raw: object) -> int | float:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ValueError("must be a number")
    try:
        value = kind(raw)
    except ValueError:
        raise ValueError("must be a whole number" if kind is int else "must be a number") from None
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("must be a finite number")
    return value


def _cross_check(settings: Settings) -> list[str]:
    """Return problems that only show when values are looked at together or inside."""
    problems = []
    host, _, port = settings.listen.rpartition(":")
    if not host or not port.isdigit() or not 0 <= int(port) <= 65535:
        problems.append("listen: must be ADDRESS:PORT, for example 127.0.0.1:8686")
    try:
        ZoneInfo(settings.timezone)
    except (OSError, ValueError, KeyError):  # a folder's name, a path, an unknown name
        problems.append("timezone: must be an IANA name, for example Asia/Shanghai")
    if settings.smtp_host and not settings.mail_to and not settings.notify_file:
        problems.append("mail_to: must name who gets mail when smtp_host is set")
    if settings.smtp_user and settings.smtp_security == "none":
        problems.append("smtp_security: must be starttls or tls when smtp_user is set; a login needs protection")
    if settings.smtp_user and settings.smtp_password_file is None:
        problems.append("smtp_password_file: must name the file with the password when smtp_user is set")
    if not settings.public_url.startswith(("http://", "https://")):
        problems.append("public_url: must start with http:// or https://")
    if settings.digest_at and not _is_clock(settings.digest_at):
        problems.append("digest_at: must be HH:MM, for example 09:00")
    return problems


def _is_clock(text: str) -> bool:
    hour, _, minute = text.partition(":")
    return hour.isdigit() and minute.isdigit() and int(hour) < 24 and int(minute) < 60 and len(minute) == 2
