"""Keys and tokens: read strictly, never shown."""

import pytest

from tts_app.errors import ConfigError
from tts_app.web.auth import Keys, bearer_of, read_keys

KEY = "k" * 16


def test_keys_are_read_and_comments_skipped(tmp_path):
    (tmp_path / "keys").write_text(f"# ours\n\nalice {KEY}1\nbob {KEY}2\n")
    (tmp_path / "token").write_text(f"{KEY}\n")
    keys = read_keys(tmp_path / "keys", tmp_path / "token")
    assert keys.api_client(f"{KEY}2") == "bob"
    assert keys.api_client(KEY) is None
    assert keys.api_client(None) is None
    assert keys.is_admin(KEY)
    assert not keys.is_admin(None)


@pytest.mark.parametrize(
    "content",
    ["", "# nobody\n", "alice\n", f"alice {KEY} more\n", "alice short\n", f"a {KEY}1\na {KEY}2\n", "\xff"],
)
def test_a_wrong_file_of_keys_is_refused_without_showing_it(tmp_path, content):
    (tmp_path / "keys").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError) as raised:
        read_keys(tmp_path / "keys", None)
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("content", ["", "short", "fifteen-chars-x"])
def test_a_weak_admin_token_is_refused(tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(ConfigError):
        read_keys(None, tmp_path / "token")


def test_missing_files_are_told_together(tmp_path):
    with pytest.raises(ConfigError) as raised:
        read_keys(tmp_path / "a", tmp_path / "b")
    assert len([p for p in raised.value.problems if "cannot read" in p]) == 2


def test_secrets_are_not_in_the_repr():
    assert KEY not in repr(Keys(api={"alice": KEY.encode()}, admin=KEY.encode()))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("", None),
        (None, None),
    ],
)
def test_bearer(header, token):
    assert bearer_of(header) == token
