"""The page must not hand out files of the host, nor anything of Gradio's that it does not need itself."""

import re
from pathlib import Path

import pytest

from tests.unit.tts_app.web.pages import gradio_of
from tts_app.errors import EngineError
from tts_app.web.page import uploads
from tts_app.web.page.doors import is_open
from tts_app.web.page.language import HEAD
from tts_app.web.server import _enter_empty_folder

SECRET = "marker-that-must-not-leave"
API = "/gradio_api"


def advise(client, path):
    """Call the handler that takes an audio file, with a file nobody uploaded."""
    config = client.get("/config").json()
    audio = next(
        c["id"] for c in config["components"] if c["type"] == "audio" and "upload" in c["props"]["sources"]
    )
    call = next(d for d in config["dependencies"] if audio in d["inputs"] and len(d["inputs"]) == 4)
    upload = {"path": str(path), "meta": {"_type": "gradio.FileData"}}
    body = {"fn_index": call["id"], "data": ["text", 24000, upload, ""], "session_hash": "stranger"}
    return client.post(f"{API}/run/predict", json=body)


def page_folder(client):
    return Path(client.context.settings.data_dir) / "page"


def copies(client):
    return [
        path
        for path in page_folder(client).rglob("*")
        if path.is_file() and SECRET in path.read_text(errors="ignore")
    ]


@pytest.fixture
def page(make_client):
    with make_client(with_page=True, max_upload_mb=1) as client:
        yield client


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_text(SECRET)
    return path


def test_a_file_that_was_not_uploaded_is_not_read(page, secret):
    answer = advise(page, secret)
    assert answer.status_code >= 400
    assert copies(page) == []
    assert advise(page, "http://127.0.0.1:9/inside").status_code >= 400


def test_the_attack_is_real_where_the_flag_is_missing(page, secret):
    """Shows that the test above can fail: Gradio's own default lets the file out."""
    gradio_of(page).get_blocks().has_launched = False
    advise(page, secret)
    assert copies(page)


def test_the_page_serves_itself_the_api_and_no_files_of_the_host(shared_page):
    for path in own_files(Path(shared_page.context.settings.data_dir)):
        answer = shared_page.get(f"{API}/file={path}")
        assert answer.status_code in {403, 404}, path
        assert SECRET not in answer.text
    for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/voices", "/openapi.json"):
        assert shared_page.get(path).status_code == 200, path
    assert shared_page.post("/admin/drain").status_code == 401


def own_files(data_dir):
    """Return files of the host that nobody may fetch, the service's own among them."""
    places = [
        data_dir / "outputs/batch/b.zip",
        data_dir / "pace-kokoro.json",
        data_dir.parent / "log/error.log",
    ]
    for path in places:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SECRET)
    return [*places, Path("/etc/passwd")]


def test_of_all_that_gradio_serves_only_what_the_page_needs_is_open(shared_page):
    reads = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt",
             "/static/{path:path}", "/assets/{path:path}", f"{API}/info", f"{API}/startup-events",
             f"{API}/theme.css", f"{API}/upload_progress", f"{API}/queue/data",
             f"{API}/heartbeat/{{session_hash}}", f"{API}/file={{path_or_url:path}}"}  # fmt: skip
    sends = {f"{API}/upload", f"{API}/queue/join", f"{API}/cancel", f"{API}/reset"}
    served = set(addresses(gradio_of(shared_page).routes))
    found = {(method, path) for method, path in served if is_open(method, re.sub(r"{[^}]*}", "x", path))}
    assert {path for method, path in found if method in {"GET", "HEAD"}} == reads
    assert {path for method, path in found if method not in {"GET", "HEAD"}} == sends
    assert is_open("POST", f"{API}/run/predict")
    assert len(served) > 2 * len(found)  # it does serve much more


def addresses(routes):
    for route in routes:
        if inner := getattr(route, "original_router", None):  # how FastAPI keeps an included router
            yield from addresses(inner.routes)
        for method in getattr(route, "methods", None) or ():
            yield method, route.path


SHUT = [
    ("GET", f"{API}/proxy=http://127.0.0.1:9/"),
    ("POST", f"{API}/process_recording"),  # ffmpeg for everybody
    ("POST", f"{API}/vibe-edit"),
    ("POST", f"{API}/call/speak"),
    ("POST", f"{API}/run/speak"),
    ("POST", f"{API}/component_server"),
    ("GET", f"{API}/runs"),
    ("GET", f"{API}/deep_link"),
    ("GET", f"{API}/mcp/sse"),
    ("GET", f"{API}/openapi.json"),
    ("GET", "/monitoring"),
    ("GET", "/monitoring/summary"),
    ("GET", "/login/huggingface"),  # mocked OAuth
    ("GET", "/docs"),
    ("OPTIONS", f"{API}/run/predict"),  # leave for other sites
    ("PUT", "/"),
    ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
]


def test_every_other_door_is_shut(shared_page):
    answers = [(method, path, shared_page.request(method, path)) for method, path in SHUT]
    assert [(method, path) for method, path, answer in answers if answer.status_code != 404] == []
    assert all(answer.json()["error"]["message_zh"] for _, _, answer in answers)


def test_what_waits_in_the_queue_cannot_be_called_past_it(page, engine):
    call = next(d for d in page.get("/config").json()["dependencies"] if d["queue"] is not False)
    body = {"fn_index": call["id"], "data": [None] * len(call["inputs"]), "session_hash": "stranger"}
    assert page.post(f"{API}/run/predict", json=body).status_code == 404
    assert engine.spoken == []


def test_other_sites_may_not_read_the_answers(shared_page):
    answer = shared_page.get("/config", headers={"origin": "https://evil.example", "host": "speech.example"})
    assert answer.status_code == 200
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_an_error_of_the_page_tells_nothing_of_the_inside(page, monkeypatch):
    def broken():
        raise EngineError("/secret/path")

    monkeypatch.setattr(page.context.service, "snapshot", broken)
    status = next(d for d in page.get("/config").json()["dependencies"] if not d["inputs"] and not d["queue"])
    answer = page.post(f"{API}/run/predict", json={"fn_index": status["id"], "data": [], "session_hash": "s"})
    assert answer.status_code == 500
    assert "secret" not in answer.text


# -- uploads


def upload(client, name="a.wav", content=b"x"):
    return client.post(f"{API}/upload", files={"files": (name, content)})


def test_a_large_upload_is_refused(shared_page):
    assert upload(shared_page, content=b"x" * 3_000_000).status_code == 413


HOSTILE_NAMES = ["../../../evil.wav", "/etc/evil.wav", "a\0b.wav", "长" * 300, "😀\u202e.wav", "..", "-"]


def test_an_upload_stays_in_its_folder_whatever_its_name(shared_page):
    folder = page_folder(shared_page)
    before = everything(folder.parents[1])
    for name in HOSTILE_NAMES:
        answer = upload(shared_page, name)
        assert answer.status_code in {200, 400}, name
        assert answer.status_code == 400 or Path(answer.json()[0]).is_relative_to(folder), name
    new = everything(folder.parents[1]) - before
    assert new
    assert all(path.is_relative_to(folder) for path in new)


def everything(folder):
    return set(folder.rglob("*"))


def test_uploads_have_a_rate_like_everything_else(make_client):
    with make_client(with_page=True, per_minute=6) as client:
        assert upload(client).status_code == 200
        refused = upload(client)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 10
        assert 'tts_rejected_total{reason="rate"} 1.0' in client.get("/metrics").text


def test_uploads_cannot_fill_the_disk(page, monkeypatch):
    monkeypatch.setattr(uploads, "UPLOADS_HELD", 1)
    answers = [upload(page, f"{n}.wav", bytes([n]) * 600_000).status_code for n in range(4)]
    assert answers[0] == 200
    assert answers[-1] == 429
    assert uploads.held_bytes(page_folder(page)) < 2_000_000


def test_what_an_earlier_process_left_is_removed(make_client, tmp_path):
    left = tmp_path / "data" / "page" / "old" / "speech.wav"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    with make_client(with_page=True):
        assert not left.exists()


# -- what every page needs


def test_the_language_is_set_before_anything_asks_for_it(shared_page):
    html = shared_page.get("/").text
    assert html.index(HEAD) < html.index("<meta") < html.index('type="module"')
    assert len(shared_page.get("/").content) == int(shared_page.get("/").headers["content-length"])


def test_files_that_never_change_are_kept_by_browsers(shared_page):
    script = re.search(r"assets/index-[^\"]+\.js", shared_page.get("/").text)[0]
    assert "immutable" in shared_page.get(f"/{script}").headers["cache-control"]
    assert "immutable" not in shared_page.get("/").headers.get("cache-control", "")


def test_nothing_offers_to_give_a_recording_to_a_public_site(shared_page):
    sounds = [c for c in shared_page.get("/config").json()["components"] if c["type"] == "audio"]
    assert [sound["props"]["buttons"] for sound in sounds] == [[], ["download"]]


def test_a_batch_is_found_again_after_a_restart(make_client):
    states = []
    for _ in range(2):
        with make_client(with_page=True) as client:
            components = client.get("/config").json()["components"]
        states.append(next(c["props"] for c in components if c["type"] == "browserstate"))
    assert states[0]["secret"] == states[1]["secret"]


def test_the_service_works_where_nothing_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    _enter_empty_folder(tmp_path / "data")
    assert Path.cwd() == tmp_path / "data" / "empty"
    assert list(Path.cwd().iterdir()) == []
