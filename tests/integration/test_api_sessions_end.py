"""How a session ends: by itself, by its owner, by an administrator; and what every answer carries."""

from typing import Any

import httpx
import pytest

from server.api.guard import HEADERS
from tests.integration.care_rig import get, refused
from tests.integration.walk_entries import operations

pytestmark = pytest.mark.integration
HTTPS = {"X-Forwarded-Proto": "https"}


def sessions_of(client: httpx.Client, staff: int) -> list[dict[str, Any]]:
    return get(client, f"/staff/{staff}/sessions")["sessions"]


def test_a_session_that_nobody_uses_is_over_and_one_that_is_used_stays(api, town):
    kari, ola = api.signed_in("kari"), api.signed_in("ola")
    town.sql("update session set used_at = used_at - interval '119 minutes'")
    assert kari.get("/api/v1/me").status_code == 200
    town.sql("update session set used_at = used_at - interval '2 minutes'")
    assert kari.get("/api/v1/me").status_code == 200, "it was used meanwhile"
    assert "session is over" in refused(ola.get("/api/v1/me"), 401)


@pytest.mark.usefixtures("quick_looks")
async def test_a_screen_that_is_open_is_somebody(api, town, screen_of):
    """A duty room must not go dark: nobody touches it all night."""
    kari = api.signed_in("kari")
    async with api.live(kari) as socket:
        screen = screen_of(socket)
        await screen.hello(kari.get("/api/v1/board").json())
        town.sql("update session set used_at = now() - interval '90 minutes'")
        await screen.next("heartbeat")  # which stands for a look at the sessions, too
        await screen.next("heartbeat")
    assert town.one("select now() - used_at < interval '1 minute' from session")


def test_its_end_comes_however_much_it_is_used(api, town):
    kari = api.signed_in("kari")
    assert town.one("select expires_at - opened_at = interval '12 hours' from session")
    town.sql("update session set expires_at = now()")
    refused(kari.get("/api/v1/me"), 401)


async def test_one_sees_where_one_is_signed_in_and_ends_the_other_with_its_screens(api, town, screen_of):
    here, there, kari = api.signed_in("kari"), api.signed_in("kari"), town.staff["kari"]
    found = sessions_of(here, kari)
    assert [each["here"] for each in found] == [True, False]
    assert "token" not in str(found)
    async with api.live(there) as socket:
        screen = screen_of(socket)
        await screen.hello(there.get("/api/v1/board").json())
        assert here.delete(f"/api/v1/staff/{kari}/sessions/{found[1]['id']}").status_code == 204
        assert await screen.closed() == 4401
    refused(there.get("/api/v1/me"), 401)
    assert [each["here"] for each in sessions_of(here, kari)] == [True]
    refused(here.delete(f"/api/v1/staff/{kari}/sessions/{found[1]['id']}"), 404)


async def test_an_administrator_ends_those_of_the_own_teams_members_and_nobody_else_does(api, town, screen_of):
    town.add_staff("asta", east="administrator")
    asta, kari, berit = api.signed_in("asta"), api.signed_in("kari"), api.signed_in("berit")
    (mine,) = sessions_of(asta, town.staff["kari"])
    async with api.live(kari) as socket:
        screen = screen_of(socket)
        await screen.hello(kari.get("/api/v1/board").json())
        assert asta.delete(f"/api/v1/staff/{town.staff['kari']}/sessions/{mine['id']}").status_code == 204
        assert await screen.closed() == 4401
    (theirs,) = town.sql("select id from session where staff_id = %s", town.staff["berit"])
    refused(asta.delete(f"/api/v1/staff/{town.staff['berit']}/sessions/{theirs[0]}"), 404)
    refused(asta.delete(f"/api/v1/staff/{town.staff['asta']}/sessions/{theirs[0]}"), 404)
    ola = api.signed_in("ola")
    assert "Your role" in refused(ola.get(f"/api/v1/staff/{town.staff['berit']}/sessions"), 403)
    assert berit.get("/api/v1/me").status_code == 200


def test_under_https_only_a_cookie_that_this_host_alone_can_set_opens_anything(api, town):
    """RFC 6265bis, 4.1.3.2: `__Host-` takes Secure, Path=/ and no Domain."""
    credentials = {"login": "kari", "password": "a long sentence about nothing"}
    answer = api.client().post("/api/v1/session", json=credentials, headers=HTTPS)
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "__Host-hjemvakt_session"
    assert "; secure" in rest.lower() and "; path=/" in rest.lower() and "domain" not in rest.lower()
    token = rest.partition(";")[0]
    client = api.client()
    assert client.get("/api/v1/me", headers={**HTTPS, "Cookie": f"{name}={token}"}).status_code == 200
    planted = client.get("/api/v1/me", headers={**HTTPS, "Cookie": f"hjemvakt_session={token}"})
    refused(planted, 401)


def test_every_route_carries_the_guarding_headers_whatever_it_answers(api, town):
    kari = api.signed_in("kari")
    found = [each for each in operations(kari.get("/api/v1/openapi.json").json()) if each.name != "sign_out"]
    others = {
        ("GET", "/api/v1/openapi.json"): 200,
        ("GET", "/nobody/here"): None,  # a page, or that there are none
        ("GET", "/%00"): None,
        ("GET", "/assets/nothing.js"): 404,
        ("GET", "/api"): 404,
        ("BREW", "/api/v1/me"): 405,
        ("POST", "/"): 405,
        ("OPTIONS", "/api/v1/board"): 405,
    }
    answers = [kari.request(**each.request()) for each in found]
    for (method, path), status in others.items():
        answers.append(kari.request(method, path))
        assert answers[-1].status_code == (status or answers[-1].status_code), path
    foreign = {"Origin": "https://elsewhere.example"}
    for status, asked in {
        403: {"json": {}, "headers": foreign},
        413: {"content": b"x" * 70_000},
        422: {"json": {}},
    }.items():
        answers.append(kari.post("/api/v1/session", **asked))
        refused(answers[-1], status)
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.request.url, answer.status_code)
        assert answer.headers.get_list("content-security-policy") == [HEADERS["Content-Security-Policy"]]
        assert "server" not in answer.headers and "x-powered-by" not in answer.headers
        if answer.request.url.path.startswith("/api/"):
            assert answer.headers["cache-control"] == "no-store"


def test_the_policy_lets_no_page_run_anything_inline_or_from_elsewhere():
    """W3C CSP3: what `default-src 'none'` does not open again is closed."""
    policy = dict(each.split(" ", 1) for each in HEADERS["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    for directive, sources in policy.items():
        assert set(sources.split()) <= {"'none'", "'self'", "data:"}, directive
    assert "data:" not in policy["script-src"] + policy["style-src"] + policy["connect-src"]
