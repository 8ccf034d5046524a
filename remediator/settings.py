"""Everything an operator may set: variables REMEDIATOR_<NAME>, or the same names in a YAML file.

A variable wins over the file, the file over the default. Secrets are never settings: settings name the
files that hold them (systemd's LoadCredential puts them there), so a printed `Settings` gives nothing away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

import yaml

from remediator.errors import ConfigError

PREFIX = "REMEDIATOR_"


@dataclass(frozen=True)
class Least:
    """The smallest value that a number may have."""

    value: float


@dataclass(frozen=True, repr=False)
class Settings:
    """One installation's settings. Units are in the names."""

    mode: Annotated[Literal["observe", "propose", "act"], "ceiling for what is done by itself"] = "observe"
    database_url: Annotated[str, "database; postgresql+psycopg://... with requirements-postgresql.txt"] = (
        "sqlite:////var/lib/remediator/remediator.db"
    )
    inventory: Annotated[Path, "Ansible inventory; no other host is touched"] = Path(
        "/etc/remediator/inventory"
    )
    playbooks_dir: Annotated[Path, "folder with the remedies"] = Path("/opt/remediator/current/playbooks")
    state_dir: Annotated[Path, "runs, ssh sockets, database"] = Path("/var/lib/remediator")
    tokens_file: Annotated[Path, "named, hashed tokens"] = Path("/etc/remediator/tokens.yml")
    listen: Annotated[str, "address and port of the page and the API"] = "127.0.0.1:8686"
    public_url: Annotated[str, "how people reach the page; used in messages"] = "http://127.0.0.1:8686"
    runbooks_url: Annotated[str, "where runbook pages are; empty: no runbook link in messages"] = ""
    timezone: Annotated[str, "time zone of people, an IANA name"] = "Asia/Shanghai"
    language: Annotated[Literal["zh", "en"], "language of messages"] = "zh"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], "least level that is logged"] = "INFO"
    faults_file: Annotated[Path | None, "extra faults, on top of the shipped catalogue"] = None
    remedies_file: Annotated[Path | None, "extra remedies, on top of the shipped ones"] = None

    runner: Annotated[Literal["systemd", "session"], "what keeps a run's process"] = "systemd"
    ssh_user: Annotated[str, "remediation identity on the hosts"] = "glmtts-remedy"
    ssh_key: Annotated[Path | None, "private key; empty: <state_dir>/ssh/id_ed25519"] = None
    ssh_known_hosts: Annotated[Path | None, "host keys; empty: <state_dir>/ssh/known_hosts"] = None
    ssh_config_extra: Annotated[Path | None, "ssh configuration read in addition"] = None

    probe_interval_s: Annotated[float, "seconds between checks of each instance; 0 stops them", Least(0)] = (
        300.0
    )
    probe_retry_s: Annotated[float, "seconds to the next check after a first failure", Least(0.1)] = 10.0
    probe_failures: Annotated[int, "failures in a row that raise an alert", Least(1)] = 3
    probe_timeout_s: Annotated[float, "longest wait for one answer", Least(0.1)] = 5.0

    max_hosts_out: Annotated[int, "hosts that may be out at the same time", Least(1)] = 1
    max_hosts_out_pct: Annotated[int, "the same in percent of the fleet; at least one host", Least(1)] = 10
    min_healthy_hosts: Annotated[int, "healthy hosts that must remain", Least(0)] = 0
    attempts_per_hour: Annotated[int, "attempts per host and fault in an hour", Least(1)] = 3
    max_hosts_per_hour: Annotated[int, "hosts that may be worked on within an hour", Least(1)] = 5
    max_hosts_per_hour_pct: Annotated[
        int, "the same in percent of the fleet; at least two hosts", Least(1)
    ] = 50
    shared_cause_hosts: Annotated[
        int, "hosts with one fault within 10 minutes that stop its repair", Least(2)
    ] = 3
    breaker_runs: Annotated[int, "runs without effect within an hour that stop everything", Least(1)] = 5
    hold_down_s: Annotated[float, "seconds a repaired service must stay well", Least(0)] = 60.0

    notify_file: Annotated[Path | None, "receivers; empty: one per channel set below"] = None
    oncall_file: Annotated[Path | None, "rotation of people on call"] = None
    escalate_after_min: Annotated[
        float, "minutes without acknowledgement until the next is called", Least(1)
    ] = 15.0
    wecom_robot_urls_file: Annotated[Path | None, "WeChat Work robot addresses, one a line"] = None
    wecom_format: Annotated[Literal["markdown", "markdown_v2", "text"], "kind of robot message"] = "markdown"
    wecom_headline_card: Annotated[bool, "also send a card with the headline when an incident opens"] = False
    wecom_app_file: Annotated[Path | None, "WeChat Work app: corpid, secret, agentid, callback keys"] = None
    wecom_rate_per_min: Annotated[int, "messages a minute that one robot may send", Least(1)] = 20
    smtp_host: Annotated[str, "mail server; empty: no mail"] = ""
    smtp_port: Annotated[int, "its port", Least(1)] = 25
    smtp_security: Annotated[Literal["none", "starttls", "tls"], "how the connection is protected"] = "none"
    smtp_ca_file: Annotated[Path | None, "certificates to trust; empty: the system's"] = None
    smtp_user: Annotated[str, "login name; empty: no login"] = ""
    smtp_password_file: Annotated[Path | None, "file with the password"] = None
    mail_from: Annotated[str, "sender of mails"] = "remediator@localhost"
    mail_to: Annotated[tuple[str, ...], "receivers of mails, comma-separated or a list"] = ()
    webhook_url_file: Annotated[Path | None, "address of a generic webhook"] = None
    webhook_secret_file: Annotated[Path | None, "key that signs its bodies"] = None
    apprise_urls_file: Annotated[
        Path | None, "Apprise addresses, one a line; with requirements-apprise.txt"
    ] = None
    heartbeat_interval_s: Annotated[float, "seconds between signs of life; 0 stops them", Least(0)] = 86400.0
    digest_at: Annotated[str, "local time of the daily digest; empty: none"] = "09:00"
    retention_days: Annotated[int, "days that closed incidents and their evidence are kept", Least(1)] = 90

    def __repr__(self) -> str:
        """Name nothing: a database address may hold a password."""
        return f"Settings(mode={self.mode}, state_dir={self.state_dir})"

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
    def captures_dir(self) -> Path:
        """Folder with what captures brought here."""
        return self.state_dir / "captures"

    @property
    def ssh_dir(self) -> Path:
        """Folder with the key, the known hosts and the control sockets."""
        return self.state_dir / "ssh"


@dataclass(frozen=True)
class FieldRule:
    """One setting: its type, what it means, and the least value that makes sense."""

    name: str
    kind: Any
    meaning: str
    default: object
    least: float | None = None


def _rules() -> dict[str, FieldRule]:
    hints = get_type_hints(Settings, include_extras=True)
    found = {}
    for field in fields(Settings):
        kind, meaning, *limits = get_args(hints[field.name])
        least = limits[0].value if limits else None
        found[field.name] = FieldRule(field.name, kind, meaning, field.default, least)
    return found


FIELDS: Mapping[str, FieldRule] = _rules()


def load(env: Mapping[str, str]) -> Settings:
    """Read settings from `env` and the YAML file it names in REMEDIATOR_CONFIG.

    Raises ConfigError with every problem at once, each naming the field and how to set it right.
    """
    problems: list[str] = []
    given = _from_file(env.get(PREFIX + "CONFIG"), problems)
    unknown = [name for name in given if name not in FIELDS]
    problems += [f"{name}: no such setting; remove it or correct its name" for name in unknown]
    values: dict[str, Any] = {}
    for name, field in FIELDS.items():
        raw: object = env.get(PREFIX + name.upper(), given.get(name, MISSING))
        if raw is not MISSING:
            _take(values, field, raw, problems)
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


def _take(values: dict[str, Any], field: FieldRule, raw: object, problems: list[str]) -> None:
    try:
        value = _convert(field.kind, raw)
    except ValueError as error:
        problems.append(f"{field.name}: {error} ({field.meaning})")
        return
    if field.least is not None and value < field.least:
        problems.append(f"{field.name}: must be at least {field.least:g} ({field.meaning})")
        return
    values[field.name] = value


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
    if not math.isfinite(value):
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
        problems.append("smtp_security: must be starttls or tls when smtp_user is set")
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
