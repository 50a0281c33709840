"""Codes that an administrator demands of roles: from then on coming in leads to beginning with them."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from tests.integration.care_rig import done, get, refused, send
from tests.integration.conftest import PASSWORD
from tests.integration.test_second_factor import App, api

__all__ = ["api"]

pytestmark = pytest.mark.integration
BEGIN_CODES = "urn:hjemvakt:begin-codes"


@pytest.fixture
def anne(api, town) -> httpx.Client:
    """The administrator."""
    town.add_staff("anne", east="administrator")
    return api.signed_in("anne")


def demand(client: httpx.Client, *roles: str, rev: str | None = None) -> httpx.Response:
    rev = rev or get(client, "/code-demand")["rev"]
    return send(client, "/code-demand", rev=rev, roles=roles, reason="decided by the head of the service")


def begun(client: httpx.Client) -> App:
    app = App(done(client.post("/api/v1/me/code", json={"password": PASSWORD}))["uri"])
    done(client.post("/api/v1/me/code/confirm", json={"code": app.shows(-1)}))
    return app


def session(api, login: str, code: str | None = None) -> httpx.Client:
    client = api.client()
    given = {"login": login, "password": PASSWORD} | ({} if code is None else {"code": code})
    done(client.post("/api/v1/session", json=given))
    return client


def test_nothing_is_demanded_until_somebody_decides(api, town, anne):
    assert get(anne, "/code-demand")["decided"] == []
    assert get(api.signed_in("kari"), "/me")["code_awaited"] is False


def test_who_when_and_why_is_kept_of_every_decision(town, anne):
    first = done(demand(anne, "technician", "administrator"))
    assert [(each["roles"], each["by"]["name"], each["reason"]) for each in first["decided"]] == [
        (["administrator", "technician"], "Anne", "decided by the head of the service")
    ]


def test_of_two_who_decide_at_once_the_second_looks_again(town, anne):
    rev = get(anne, "/code-demand")["rev"]
    done(demand(anne, "technician", rev=rev))
    assert "look again" in refused(demand(anne, "nurse", rev=rev), 409)
    assert [each["roles"] for each in get(anne, "/code-demand")["decided"]] == [["technician"]]


def test_coming_in_leads_to_beginning_with_codes_and_to_nothing_else(api, town, anne):
    done(demand(anne, "nurse"))
    kari = session(api, "kari")
    assert get(kari, "/me")["code_awaited"] is True
    for path in ("/board", f"/patients/{town.patients['anna']}/facts", f"/staff/{town.staff['kari']}/sessions"):
        answer = kari.get(f"/api/v1{path}")
        assert "begin with the codes" in refused(answer, 401), path
        assert answer.json()["type"] == BEGIN_CODES
    begun(kari)
    assert get(kari, "/me")["code_awaited"] is False
    get(kari, "/board")


async def test_no_socket_opens_before_that(api, town, anne, screen_of):
    done(demand(anne, "nurse"))
    kari = session(api, "kari")
    async with api.live(kari) as socket:
        assert await screen_of(socket).closed() == 4401


@pytest.mark.usefixtures("quick_looks")
async def test_a_screen_that_is_open_by_password_alone_is_closed_when_it_is_demanded(api, town, anne, screen_of):
    kari = api.signed_in("kari")
    async with api.live(kari) as socket:
        screen = screen_of(socket)
        board = get(kari, "/board")
        await screen.hello(board)
        done(demand(anne, "nurse"))
        assert await screen.closed() == 4401
    refused(kari.get("/api/v1/board"), 401)


def test_of_other_roles_nothing_is_demanded(api, town, anne):
    done(demand(anne, "technician"))
    get(api.signed_in("kari"), "/board")
    tor = session(api, "tor")
    assert get(tor, "/me")["code_awaited"] is True
    done(demand(anne))
    assert get(tor, "/me")["code_awaited"] is False
    get(tor, "/technical")


def test_whoever_came_in_by_password_and_has_codes_by_now_comes_in_anew(api, town, anne):
    before, kari = api.signed_in("kari"), api.signed_in("kari")
    app = begun(kari)
    get(before, "/board")
    done(demand(anne, "nurse"))
    refused(before.get("/api/v1/me"), 401)
    get(kari, "/board")
    get(session(api, "kari", app.shows()), "/board")


def test_whoever_ends_codes_that_are_demanded_begins_again(api, town, anne):
    done(demand(anne, "nurse"))
    kari = session(api, "kari")
    app = begun(kari)
    end = {"password": PASSWORD, "code": app.shows()}
    assert kari.post("/api/v1/me/code/end", json=end).status_code == 204
    assert get(kari, "/me")["code_awaited"] is True
    refused(kari.get("/api/v1/board"), 401)
    begun(kari)
    get(kari, "/board")


def test_who_comes_in_by_the_identity_provider_is_asked_there(api, town, anne):
    kari = api.signed_in("kari")
    town.sql("update session set way = 'oidc' where staff_id = %s", town.staff["kari"])
    done(demand(anne, "nurse"))
    get(kari, "/board")


def test_only_administrators_decide_in_the_database_too(api, town, anne, database):
    refused(api.signed_in("siv").get("/api/v1/code-demand"), 403)
    insert = "insert into code_demand (roles, set_by, set_at, reason) values ('{nurse}', %s, now(), 'x')"
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["siv"]),))
        for whose in ("siv", "anne"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(insert.encode(), (town.staff[whose],))


def test_of_two_confirmations_at_once_only_the_codes_that_count_are_shown(api, town):
    """Codes on paper that open nothing would be found out when the phone is gone."""
    kari = api.signed_in("kari")
    app = App(done(kari.post("/api/v1/me/code", json={"password": PASSWORD}))["uri"])
    town.sql(
        """create function slowly() returns trigger language plpgsql as $f$ begin
               perform pg_sleep(0.5); return new; end $f$;
           create trigger slowly before update on second_factor for each row execute function slowly()"""
    )

    def confirm(_: int) -> int:
        return kari.post("/api/v1/me/code/confirm", json={"code": app.shows()}).status_code

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(confirm, range(2))) == [200, 422]
