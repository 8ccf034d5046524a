"""Who may call: API keys for /v1 (optional) and the admin token. Compared in constant time, never logged."""

import hmac
from dataclasses import dataclass, field
from pathlib import Path

from tts_app.errors import ConfigError

SHORTEST_SECRET = 16


@dataclass(frozen=True)
class Keys:
    """The secrets this instance accepts."""

    api: dict[str, bytes] = field(default_factory=dict, repr=False)  # name -> key; empty: no key needed
    admin: bytes | None = field(default=None, repr=False)

    def api_client(self, bearer: str | None) -> str | None:
        """Return the name of the key's owner, or None. Looks at every key, however early one fits."""
        given = (bearer or "").encode()
        names = [name for name, key in self.api.items() if hmac.compare_digest(key, given)]
        return names[0] if names else None

    def is_admin(self, bearer: str | None) -> bool:
        """Return whether `bearer` is the admin token."""
        return self.admin is not None and hmac.compare_digest(self.admin, (bearer or "").encode())


def read_keys(api_keys_file: Path | None, admin_token_file: Path | None) -> Keys:
    """Read both files. Raises ConfigError, which names lines and never their content."""
    problems: list[str] = []
    api = _read_api_keys(api_keys_file, problems) if api_keys_file else {}
    admin = _read(admin_token_file, problems).strip().encode() if admin_token_file else None
    if admin is not None and len(admin) < SHORTEST_SECRET:
        problems.append(f"TTS_ADMIN_TOKEN_FILE: the token must have at least {SHORTEST_SECRET} characters")
    if problems:
        raise ConfigError(problems)
    return Keys(api, admin)


def _read_api_keys(path: Path, problems: list[str]) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, line in enumerate(_read(path, problems).splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < SHORTEST_SECRET or words[0] in keys:
            problems.append(
                f"TTS_API_KEYS_FILE line {number}: want a new name and a key of {SHORTEST_SECRET}+ characters"
            )
            continue
        keys[words[0]] = words[1].encode()
    if not keys and not problems:
        problems.append("TTS_API_KEYS_FILE: holds no key; unset it to allow everyone")
    return keys


def _read(path: Path, problems: list[str]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"cannot read {path}: {type(error).__name__}")
        return ""


def bearer_of(header: str | None) -> str | None:
    """Return the token of an Authorization header, or None."""
    kind, _, token = (header or "").partition(" ")
    return token.strip() if kind.lower() == "bearer" and token.strip() else None
