"""Is everything that `serve` needs right? Every problem at once, each with its field and the fix."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from remediator import catalogue, inventory
from remediator.errors import ConfigError
from remediator.notify.build import receivers_of
from remediator.notify.oncall import load_rotation
from remediator.service import utc_now
from remediator.settings import Settings, load
from remediator.tokens import load_tokens


def check(env: Mapping[str, str]) -> list[str]:
    """Return every problem; empty when `serve` may start."""
    try:
        settings = load(env)
    except ConfigError as error:
        return list(error.problems)
    problems: list[str] = []
    for part in PARTS:
        try:
            problems += part(settings)
        except ConfigError as error:
            problems += error.problems
    return problems


def _database(settings: Settings) -> list[str]:
    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return [
            "database_url: is no database address; for example sqlite:////var/lib/remediator/remediator.db"
        ]
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        return ["database_url: must begin with sqlite: or postgresql+psycopg:"]
    try:
        url.get_dialect().import_dbapi()
    except ModuleNotFoundError as error:
        return [
            f"database_url: needs the package {error.name}; install remediator/requirements-postgresql.txt "
            "and begin the address with postgresql+psycopg:"
        ]
    return []


def _catalogue(settings: Settings) -> list[str]:
    known = catalogue.load(settings.faults_file, settings.remedies_file)
    return catalogue.missing_playbooks(known, settings.playbooks_dir)


def _inventory(settings: Settings) -> list[str]:
    inventory.load(settings.inventory)
    return []


def _tokens(settings: Settings) -> list[str]:
    load_tokens(settings.tokens_file)
    return []


def _receivers(settings: Settings) -> list[str]:
    receivers_of(settings, utc_now)
    return []


def _oncall(settings: Settings) -> list[str]:
    if settings.oncall_file is not None:
        load_rotation(settings.oncall_file)
    return []


def _ssh(settings: Settings) -> list[str]:
    files = {
        "ssh_key": settings.ssh_key or settings.ssh_dir / "id_ed25519",
        "ssh_known_hosts": settings.ssh_known_hosts or settings.ssh_dir / "known_hosts",
    }
    return [
        f"{name}: {path} does not exist; make it or name another"
        for name, path in files.items()
        if not path.is_file()
    ]


PARTS: tuple[Callable[[Settings], list[str]], ...] = (
    _database,
    _catalogue,
    _inventory,
    _tokens,
    _receivers,
    _oncall,
    _ssh,
)
