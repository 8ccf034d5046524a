"""Archives are for who may look: by token or on the page, by exact name, and from one folder only."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from remediator.settings import Settings
from remediator.web.app import create_app
from tests.unit.remediator.web.kit import FakeDesk, as_role, log_in, tokens

NAME = "gpu01-7860-run-20261127-010052-9f3a2c.tar.gz"


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    folder = tmp_path / "captures"
    folder.mkdir()
    (folder / NAME).write_bytes(b"archive")
    (folder / "notes.txt").write_text("no archive", encoding="utf-8")
    (tmp_path / "cookie-key.tar.gz").write_bytes(b"SECRET")
    (folder / "link.tar.gz").symlink_to(tmp_path / "cookie-key.tar.gz")
    made = create_app(Settings(state_dir=tmp_path), tokens(), FakeDesk(), secret=b"k" * 32)
    return made.test_client()


@pytest.mark.parametrize("url", ["/api/v1/captures", f"/api/v1/captures/{NAME}"])
@pytest.mark.parametrize(("role", "code"), [(None, 401), ("sender", 403), ("viewer", 200), ("operator", 200)])
def test_only_who_may_look_gets_it(client: FlaskClient, url: str, role: str | None, code: int) -> None:
    with client.get(url, headers=as_role(role) if role else {}) as answer:
        assert answer.status_code == code


def test_an_archive_comes_as_it_is(client: FlaskClient) -> None:
    with client.get(f"/api/v1/captures/{NAME}", headers=as_role("viewer")) as answer:
        assert answer.data == b"archive"
        assert NAME in answer.headers["Content-Disposition"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_only_archives_are_listed(client: FlaskClient) -> None:
    found = client.get("/api/v1/captures", headers=as_role("viewer")).get_json()["captures"]
    assert [(one["name"], one["size_b"]) for one in found] == [(NAME, 7)]


@pytest.mark.parametrize(
    "name",
    ["none.tar.gz", "notes.txt", "link.tar.gz", "..%2Fcookie-key.tar.gz", ".hidden.tar.gz", "%00.tar.gz"],
)
def test_nothing_else_can_be_fetched(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/api/v1/captures/{name}", headers=as_role("operator"))
    assert answer.status_code == 404
    assert b"SECRET" not in answer.data


def test_people_who_have_logged_in_get_it_from_the_page(client: FlaskClient) -> None:
    assert client.get(f"/captures/{NAME}").status_code == 302
    log_in(client, "viewer")
    with client.get(f"/captures/{NAME}") as answer:
        assert answer.data == b"archive"


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    made = create_app(Settings(state_dir=tmp_path), tokens(), FakeDesk(), secret=b"k" * 32)
    answer = made.test_client().get("/api/v1/captures", headers=as_role("viewer"))
    assert answer.get_json() == {"captures": []}
