"""Signing in and out, and what every answer of the api has in common."""

import socket
import subprocess
import sys

import httpx
import pytest

from server.api.app import AddressTakenError, listen
from server.api.desk import digest
from server.api.guard import CONTENT_SECURITY_POLICY
from tests.integration.monitor_rig import await_true
from tests.ports import listens

pytestmark = pytest.mark.integration
PASSWORD = "a long sentence about nothing"
PROBLEM = "application/problem+json"


def problem(response: httpx.Response, status: int) -> str:
    """Its sentence."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    said = response.json()
    assert said["status"] == status
    assert said["detail"].endswith("."), said
    return said["detail"]


def test_signing_in_gives_a_cookie_that_scripts_and_other_sites_cannot_use(api, town):
    client = api.client()
    answer = client.post("/api/v1/session", json={"login": "siv", "password": PASSWORD})
    assert answer.json() == {
        "leave": None,
        "code_awaited": False,
        "staff": {"id": town.staff["siv"], "name": "Siv", "initials": "SI"},
        "teams": [
            {"id": town.teams["east"], "name": "east", "role": "coordinator"},
            {"id": town.teams["west"], "name": "west", "role": "nurse"},
        ],
    }
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "max-age=43200", "path=/"))
    assert client.get("/api/v1/me").json() == answer.json()


def test_over_https_the_cookie_never_travels_in_the_open(api, town):
    headers = {"X-Forwarded-Proto": "https"}
    answer = api.client().post("/api/v1/session", json={"login": "kari", "password": PASSWORD}, headers=headers)
    assert "secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["strict-transport-security"]


def test_the_token_itself_is_not_stored(api, town):
    token = api.signed_in("kari").cookies["hjemvakt_session"]
    assert town.sql("select token_hash from session") == [(digest(token),)]
    assert token not in str(town.sql("select session::text from session"))


@pytest.mark.parametrize(("login", "password"), [("kari", "wrong"), ("nobody", PASSWORD), ("kari", PASSWORD + " ")])
def test_a_wrong_login_and_a_wrong_password_are_refused_alike(api, town, login, password):
    answer = api.client().post("/api/v1/session", json={"login": login, "password": password})
    assert problem(answer, 401) == "The login or the password is wrong."
    assert "set-cookie" not in answer.headers


def test_who_has_left_cannot_come_in_and_who_is_in_goes_out(api, town):
    kari = api.signed_in("kari")
    town.sql("update staff set active = false where login = 'kari'")
    problem(kari.get("/api/v1/me"), 401)
    problem(api.client().post("/api/v1/session", json={"login": "kari", "password": PASSWORD}), 401)


def test_guessing_a_password_is_stopped_even_when_the_last_guess_is_right(api, town):
    client = api.client()
    for _ in range(5):
        problem(client.post("/api/v1/session", json={"login": "kari", "password": "guess"}), 401)
    answer = client.post("/api/v1/session", json={"login": "kari", "password": PASSWORD})
    assert "Too many tries" in problem(answer, 429)
    assert 0 < int(answer.headers["retry-after"]) <= 300
    client.post("/api/v1/session", json={"login": "ola", "password": PASSWORD}).raise_for_status()


def test_signing_out_ends_the_session_on_the_server(api, town):
    kari = api.signed_in("kari")
    token = kari.cookies["hjemvakt_session"]
    assert kari.delete("/api/v1/session").status_code == 204
    problem(api.client().get("/api/v1/me", headers={"Cookie": f"hjemvakt_session={token}"}), 401)
    assert town.sql("select * from session") == []


def test_an_old_session_is_over_and_is_swept_away_at_the_next_login(api, town):
    kari = api.signed_in("kari")
    town.sql("update session set expires_at = now()")
    problem(kari.get("/api/v1/me"), 401)
    api.signed_in("ola")
    assert town.one("select count(*) from session") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_another_sites_page_changes_nothing_here(api, town, headers):
    kari = api.signed_in("kari")
    alert = town.press("anna")
    answer = kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}, headers=headers)
    assert "own pages" in problem(answer, 403)
    assert town.one("select state from alert") == "raised"
    own = {"Origin": api.url, "Sec-Fetch-Site": "same-origin"}
    assert kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}, headers=own).status_code == 200


def routes(api):
    """Every operation of the document."""
    paths = api.client().get("/api/v1/openapi.json").json()["paths"]
    for path, operations in paths.items():
        for method in operations:
            yield method.upper(), path


def test_every_route_answers_the_wrong_method_with_a_problem(api, town):
    stranger = api.client()
    for _, path in routes(api):
        answer = stranger.request("PATCH", path)
        assert "does not take PATCH; it takes" in problem(answer, 405)


def test_what_does_not_fit_is_answered_in_sentences_without_the_password(api, town):
    kari = api.signed_in("kari")
    answer = kari.post("/api/v1/session", json={"login": "kari", "password": ["topsecret"]})
    assert "password" in problem(answer, 422)
    assert "topsecret" not in answer.text
    problem(kari.post("/api/v1/session", content=b"{not json", headers={"Content-Type": "application/json"}), 422)
    problem(kari.post("/api/v1/alerts/1/acknowledge", json={"rev": 1, "surplus": True}), 422)
    problem(kari.get("/api/v1/alerts/99999999999999999999"), 422)
    assert "There is nothing at" in problem(kari.get("/api/v1/nothing"), 404)
    problem(kari.post("/api/v1/session", json={"login": "k", "password": "x" * 70_000}), 413)
    problem(kari.post("/api/v1/session", content=iter([b"{}"])), 411)


def test_pages_may_run_nothing_but_the_servers_own_scripts(api, town):
    for path in ("/", "/api/v1/board", "/healthz", "/api/v1/nothing"):
        answer = api.client().get(path)
        policy = answer.headers["content-security-policy"]
        assert policy == CONTENT_SECURITY_POLICY
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers
    assert api.client().get("/api/v1/board").headers["cache-control"] == "no-store"


@pytest.mark.only_plain
@pytest.mark.usefixtures("impatient")
def test_health_is_about_the_process_and_readiness_about_the_database(api, town, postgres):
    client = api.client()
    assert client.get("/healthz").json() == {"alive": True}
    assert client.get("/readyz").json() == {"ready": True}
    postgres.stop()
    try:
        assert client.get("/healthz").status_code == 200
        assert "The database does not answer" in problem(client.get("/readyz"), 503)
        problem(client.post("/api/v1/session", json={"login": "kari", "password": PASSWORD}), 503)
    finally:
        postgres.start()
    await_true(lambda: client.get("/readyz").status_code == 200)
    client.post("/api/v1/session", json={"login": "kari", "password": PASSWORD}).raise_for_status()


def test_a_port_that_is_taken_is_said_in_a_sentence(free_port):
    taken = pytest.raises(AddressTakenError, match=f"port {free_port} .*choose another port")
    with socket.create_server(("127.0.0.1", free_port)), taken:
        listen("127.0.0.1", free_port)


def test_the_api_runs_as_a_process_and_ends_when_told(database, town, free_port):
    program = f"from server.api.app import run; run(database_url={database.owner!r}, port={free_port})"
    process = subprocess.Popen([sys.executable, "-c", program])
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{free_port}", trust_env=False, timeout=30) as client:
            await_true(lambda: listens(free_port) or process.poll() is not None)
            assert client.get("/readyz").json() == {"ready": True}
        process.terminate()
        assert process.wait(60) in (0, -15)
    finally:
        process.kill()
        process.wait()
