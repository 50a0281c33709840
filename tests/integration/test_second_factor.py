"""A code beside the password: from an app, once each, and from paper when the phone is gone."""

import base64
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pyotp
import pytest

from server.__main__ import main
from server.api.second_factor import CODE_NEEDED, RECOVERY_CODES
from server.store import second_factor
from tests.integration.care_rig import done, get, refused
from tests.integration.conftest import PASSWORD, Api

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC)  # stands still, so that no code is over while a test types it
SHORT = "delete from knock where over_at < %s"


@pytest.fixture
def api(database, town) -> Iterator[Api]:
    server = Api(database_url=database.owner, now=lambda: NOW)
    server.start()
    yield server
    server.clients.close()
    server.stop()


class App:
    """An authenticator app that is told the time."""

    def __init__(self, uri: str) -> None:
        self._totp = pyotp.parse_uri(uri)

    def shows(self, steps_ahead: int = 0) -> str:
        return self._totp.at(NOW + timedelta(seconds=30 * steps_ahead))


@pytest.fixture
def enrolled(api, town) -> tuple[App, list[str]]:
    """Kari's app, of which the code of the step before was taken; and her codes on paper."""
    kari = api.signed_in("kari")
    app = App(done(kari.post("/api/v1/me/code", json={"password": PASSWORD}))["uri"])
    papers = done(kari.post("/api/v1/me/code/confirm", json={"code": app.shows(-1)}))["codes"]
    kari.delete("/api/v1/session")
    return app, papers


def sign_in(client: httpx.Client, code: str | None = None, password: str = PASSWORD) -> httpx.Response:
    given = {"login": "kari", "password": password} | ({} if code is None else {"code": code})
    return client.post("/api/v1/session", json=given)


def test_nothing_is_asked_for_before_the_first_code_is_confirmed(api, town):
    kari = api.signed_in("kari")
    begun = done(kari.post("/api/v1/me/code", json={"password": PASSWORD}))
    assert parse_qs(urlsplit(begun["uri"]).query)["secret"] == [begun["secret"]]
    assert "kari" in begun["uri"] and len(base64.b32decode(begun["secret"])) == 20
    assert sign_in(api.client()).status_code == 200
    assert get(kari, "/me/code") == {"since": None, "recovery_left": 0, "possible": True}
    refused(kari.post("/api/v1/me/code/confirm", json={"code": "000000"}), 422)
    assert sign_in(api.client()).status_code == 200


def test_then_the_password_alone_opens_nothing(api, town, enrolled):
    app, _ = enrolled
    client = api.client()
    answer = sign_in(client)
    assert "code of your app" in refused(answer, 401)
    assert answer.json()["type"] == CODE_NEEDED and "set-cookie" not in answer.headers
    assert done(sign_in(client, app.shows()))["staff"]["name"] == "Kari"
    assert get(client, "/me/code")["recovery_left"] == RECOVERY_CODES
    assert get(client, f"/staff/{town.staff['kari']}/sessions")["sessions"][0]["way"] == "password and code"


def test_the_code_is_not_even_asked_for_when_the_password_is_wrong(api, town, enrolled):
    app, _ = enrolled
    for code in (None, app.shows()):
        answer = sign_in(api.client(), code, password="guess")
        assert refused(answer, 401) == "The login or the password is wrong."
        assert answer.json()["type"] == "about:blank"


def test_a_code_opens_once_and_none_opens_after_a_later_one(api, town, enrolled):
    app, _ = enrolled
    later = app.shows(1)
    done(sign_in(api.client(), later))
    assert "used before" in refused(sign_in(api.client(), later), 401)
    refused(sign_in(api.client(), app.shows()), 401)


def test_of_two_at_once_with_one_code_one_comes_in(town, enrolled, database):
    def take(_: int) -> bool:
        with psycopg.connect(database.api, autocommit=True) as conn:
            return second_factor.take(conn, town.staff["kari"], 2**40)

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(take, range(4))) == [False, False, False, True]


def test_each_code_on_paper_opens_once(api, town, enrolled):
    _, papers = enrolled
    assert len(set(papers)) == RECOVERY_CODES
    done(sign_in(api.client(), papers[0].upper().replace("-", " ")))
    refused(sign_in(api.client(), papers[0]), 401)
    client = api.client()
    done(sign_in(client, papers[1]))
    assert get(client, "/me/code")["recovery_left"] == RECOVERY_CODES - 2


def test_guessing_codes_is_stopped_from_wherever_it_comes_even_with_the_password(api, town, enrolled):
    _, papers = enrolled
    statuses = []
    for _ in range(12):
        town.sql(SHORT, NOW + timedelta(minutes=6))  # as from other addresses
        statuses.append(sign_in(api.client(), "000000").status_code)
    assert statuses == [401] * 10 + [429] * 2
    town.sql(SHORT, NOW + timedelta(minutes=6))
    assert "Too many codes" in refused(sign_in(api.client(), papers[0]), 429)


def test_the_secret_and_the_papers_are_not_in_the_database(town, enrolled):
    app, papers = enrolled
    secret = base64.b32decode(app._totp.secret)
    found = str(town.sql("select encode(sealed, 'hex'), * from second_factor")) + str(
        town.sql("select encode(hash, 'hex') from recovery_code")
    )
    assert secret.hex() not in found and app._totp.secret not in found
    assert not [paper for paper in papers if paper in found or paper.replace("-", "") in found]


def test_a_secret_that_is_put_on_somebody_else_opens_nothing(api, town, enrolled):
    """What is sealed for one person cannot be moved to another in the database."""
    app, _ = enrolled
    town.sql(
        "insert into second_factor (staff_id, sealed, made_at, confirmed_at) select %s, sealed, now(), now() "
        "from second_factor",
        town.staff["ola"],
    )
    answer = api.client().post("/api/v1/session", json={"login": "ola", "password": PASSWORD, "code": app.shows()})
    refused(answer, 422)


def test_it_is_changed_only_with_the_password_and_a_code(api, town, enrolled):
    app, papers = enrolled
    kari = api.client()
    done(sign_in(kari, app.shows()))
    assert refused(kari.post("/api/v1/me/code", json={"password": "guess"}), 422) == "The password is wrong."
    assert "end them" in refused(kari.post("/api/v1/me/code", json={"password": PASSWORD}), 422)
    end = {"password": PASSWORD, "code": "000000"}
    refused(kari.post("/api/v1/me/code/end", json=end), 422)
    refused(kari.post("/api/v1/me/code/end", json=end | {"password": "guess", "code": papers[0]}), 422)
    assert kari.post("/api/v1/me/code/end", json=end | {"code": papers[0]}).status_code == 204
    assert sign_in(api.client()).status_code == 200
    assert town.sql("select * from second_factor") == town.sql("select * from recovery_code") == []


def test_whoever_runs_the_server_takes_it_away_when_phone_and_paper_are_gone(
    api, town, enrolled, database, monkeypatch, capsys
):
    app, _ = enrolled
    kari = api.client()
    done(sign_in(kari, app.shows()))
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", database.owner)
    assert main(["user", "reset-code", "kari"]) == 0
    assert "kari" in capsys.readouterr().out
    refused(kari.get("/api/v1/me"), 401)
    assert sign_in(api.client()).status_code == 200
    assert main(["user", "reset-code", "kari"]) == 1
    assert "has no code" in capsys.readouterr().err
