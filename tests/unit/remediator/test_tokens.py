"""Tokens: hashed, named, with a role, bound to hosts where that is wanted."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediator.errors import ConfigError
from remediator.tokens import Holder, Role, digest, load_tokens, new_token

HASH = digest("secret")


def load(tmp_path: Path, text: str):
    path = tmp_path / "tokens.yml"
    path.write_text(text, encoding="utf-8")
    return load_tokens(path)


def test_a_token_is_found_by_its_hash(tmp_path: Path) -> None:
    tokens = load(tmp_path, f"tokens: [{{name: am, role: sender, hash: '{HASH}', hosts: [gpu01]}}]")
    assert tokens.holder("secret") == Holder("am", Role.SENDER, frozenset({"gpu01"}))
    assert tokens.holder("other") is None
    assert tokens.holder("\ud800") is None


def test_fresh_tokens_differ_and_are_long() -> None:
    assert new_token() != new_token()
    assert len(new_token()) >= 43


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.SENDER, {Role.SENDER}),
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.OPERATOR, Role.VIEWER}),
    ],
)
def test_what_a_role_may(role: Role, may: set[Role]) -> None:
    assert {one for one in Role if Holder("x", role).may(one)} == may


def test_a_sender_bound_to_hosts_reports_only_those() -> None:
    bound = Holder("x", Role.SENDER, frozenset({"gpu01"}))
    assert bound.may_report("gpu01")
    assert not bound.may_report("gpu02")
    assert Holder("x", Role.SENDER).may_report("gpu02")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ("{role: viewer, hash: HASH}", "name: must be text"),
        ("{name: a, role: root, hash: HASH}", "role: must be one of sender, viewer, operator"),
        ("{name: a, role: viewer, hash: secret}", "hash: must be sha256:"),
        ("{name: a, role: viewer, hash: HASH, hosts: gpu01}", "hosts: must be a list"),
        ("7", "must have name, role and hash"),
    ],
)
def test_a_wrong_entry_is_named_with_its_field(tmp_path: Path, entry: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"tokens: [{entry.replace('HASH', HASH)}]")
    assert problem in str(caught.value)
    assert "entry 1" in str(caught.value)


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    twice = f"{{name: a, role: viewer, hash: '{HASH}'}}"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"tokens: [{twice}, {twice}, {{}}]")
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize("text", ["", "tokens: 3", "[", "- a"])
def test_a_file_that_is_no_token_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tokens_file"):
        load_tokens(tmp_path / "none.yml")
