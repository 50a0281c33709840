"""Coming in by OpenID Connect, with a real identity provider and its login page."""

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_urlsafe
from urllib.parse import parse_qs, parse_qsl, urljoin, urlsplit

import httpx
import pytest

from server.__main__ import main
from server.api.app import listen
from server.api.oidc import Pending
from server.errors import ProviderError
from server.provider import Provider, Registration
from tests.integration import identity_provider
from tests.integration.care_rig import get, refused
from tests.integration.conftest import Api

pytestmark = pytest.mark.integration
KARI, SOMEBODY = identity_provider.PEOPLE
HTTPS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def town_hall() -> Iterator[tuple[str, socket.socket]]:
    """The provider's address, and the socket at which it expects us: ours from before it starts until it has ended, so
    that nobody else gets its port."""
    with listen("127.0.0.1", 0) as listening:
        yield from _provider(listening)


def _provider(listening: socket.socket) -> Iterator[tuple[str, socket.socket]]:
    port = listening.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.integration.identity_provider",
        f"http://127.0.0.1:{port}/api/v1/oidc/callback",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), "the provider did not start"
            yield f"{address}/", listening
        finally:
            process.kill()


@pytest.fixture
def registration(town_hall) -> Registration:
    issuer, listening = town_hall
    return Registration(
        issuer=issuer,
        client_id=identity_provider.CLIENT,
        client_secret=identity_provider.SECRET,
        public_url=f"http://127.0.0.1:{listening.getsockname()[1]}",
        name="The town hall",
    )


@pytest.fixture
def api(database, town, registration, town_hall) -> Iterator[Api]:
    server = Api(database_url=database.owner, listening=town_hall[1], provider=Provider(registration))
    server.start()
    yield server
    server.clients.close()
    server.stop()


@pytest.fixture
def link(database, monkeypatch, registration):
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", database.owner)
    monkeypatch.setenv("HJEMVAKT_OIDC_ISSUER", registration.issuer)
    monkeypatch.setenv("HJEMVAKT_OIDC_CLIENT_ID", registration.client_id)
    monkeypatch.setenv("HJEMVAKT_PUBLIC_URL", registration.public_url)
    return lambda login, subject: main(["user", "link", login, subject])


def begun(api: Api) -> tuple[httpx.Client, str]:
    """A browser, and where it is sent."""
    browser = api.client()
    answer = browser.get("/api/v1/oidc/start")
    assert answer.status_code == 303
    return browser, answer.headers["location"]


def shown_who(browser: httpx.Client, url: str, person: str, back_to: str) -> str:
    """Logs in on the provider's own pages; where they lead back to."""
    answer = browser.get(url)
    typed = {"/login": {"login": person}, "/auth/password": {"password": identity_provider.PASSWORD}}
    for _ in range(10):
        if answer.is_redirect:
            url = urljoin(str(answer.url), answer.headers["location"])
            if url.startswith(back_to):
                return url
            answer = browser.get(url)
        else:
            answer = browser.post(answer.url, data=typed[answer.url.path])
    raise AssertionError(f"the provider stays at {answer.url}")


def came_back(api: Api, person: str) -> tuple[httpx.Client, httpx.Response]:
    browser, url = begun(api)
    return browser, browser.get(shown_who(browser, url, person, api.url))


def test_who_is_linked_comes_in_and_goes_out(api, town, link, registration):
    assert get(api.client(), "/sign-in-ways") == {"oidc": "The town hall"}
    assert link("kari", KARI) == 0
    browser, answer = came_back(api, KARI)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    session = next(
        each.lower() for each in answer.headers.get_list("set-cookie") if each.startswith("hjemvakt_session=")
    )
    assert all(word in session for word in ("httponly", "samesite=strict", "max-age=43200", "path=/"))
    me = get(browser, "/me")
    assert (me["staff"]["name"], me["leave"]) == ("Kari", "/api/v1/oidc/leave")
    assert [each["way"] for each in get(browser, f"/staff/{town.staff['kari']}/sessions")["sessions"]] == ["oidc"]
    assert browser.delete("/api/v1/session").status_code == 204
    refused(browser.get("/api/v1/me"), 401)
    farewell = urlsplit(browser.get("/api/v1/oidc/leave").headers["location"])
    assert farewell.path == "/oauth/end_session"
    assert parse_qs(farewell.query)["post_logout_redirect_uri"] == [f"{api.url}/"]


def test_what_the_provider_is_asked_is_bound_to_this_browser(api, town):
    """OpenID Connect Core, 3.1.2.1; RFC 7636, 4.3."""
    browser, url = begun(api)
    _, other = begun(api)
    asked, others = dict(parse_qsl(urlsplit(url).query)), dict(parse_qsl(urlsplit(other).query))
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid")
    assert len(asked["code_challenge"]) == 43
    assert all(asked[each] != others[each] for each in ("state", "nonce", "code_challenge"))
    cookie = browser.cookies["hjemvakt_session_oidc"]
    assert not [each for each in ("state", "nonce") if asked[each] in cookie]


def test_who_is_linked_to_nobody_comes_nowhere_and_no_account_is_made(api, town, link, caplog):
    link("kari", KARI)
    before = town.sql("select * from staff")
    with caplog.at_level(logging.WARNING):
        browser, answer = came_back(api, SOMEBODY)
    assert answer.headers["location"] == "/?login=unknown"
    assert f"hjemvakt user link LOGIN '{SOMEBODY}'" in caplog.text
    refused(browser.get("/api/v1/me"), 401)
    assert town.sql("select * from staff") == before and town.sql("select * from session") == []


def test_an_answer_that_this_browser_did_not_ask_for_opens_nothing(api, town, link, caplog):
    """Somebody gets a nurse to open a link that signs her in as himself: RFC 6749, 10.12."""
    link("kari", KARI)
    browser, url = begun(api)
    back = shown_who(browser, url, KARI, api.url)
    nurse, _ = begun(api)
    for visitor in (api.client(), nurse):
        with caplog.at_level(logging.WARNING):
            answer = visitor.get(back)
        assert "did not ask for" in caplog.text, "the provider was asked about it"
        caplog.clear()
        assert answer.headers["location"] == "/?login=failed"
        refused(visitor.get("/api/v1/me"), 401)
    assert browser.get(back).headers["location"] == "/", "it was not used up"
    assert browser.get(back).headers["location"] == "/?login=failed", "but now it is"


def test_a_code_that_was_overheard_is_of_no_use_to_somebody_else(api, town, link):
    """RFC 7636: the provider gives nothing without the verifier of the browser that began."""
    link("kari", KARI)
    browser, url = begun(api)
    back = shown_who(browser, url, KARI, api.url)
    overheard = parse_qs(urlsplit(back).query)
    thief, own = begun(api)
    state = parse_qs(urlsplit(own).query)["state"][0]
    given = {"code": overheard["code"][0], "iss": overheard["iss"][0], "state": state}
    assert thief.get("/api/v1/oidc/callback", params=given).headers["location"] == "/?login=failed"
    refused(thief.get("/api/v1/me"), 401)
    assert browser.get(back).headers["location"] == "/"


@pytest.fixture
def met(api, registration) -> tuple[Provider, Pending, dict[str, str]]:
    """A provider of our own, what was begun with it, and what came back."""
    provider, pending = Provider(registration), Pending(state="s" * 43, nonce=token_urlsafe(), verifier="v" * 43)
    browser = api.client()
    url = shown_who(browser, provider.asks(pending, datetime.now(UTC)), KARI, api.url)
    return provider, pending, dict(parse_qsl(urlsplit(url).query))


def test_the_provider_names_who_came(met):
    provider, pending, back = met
    assert provider.who_came(back["code"], back["iss"], pending, datetime.now(UTC)) == KARI


def test_a_token_that_was_made_for_another_login_is_refused(met):
    provider, pending, back = met
    with pytest.raises(ProviderError, match="nonce"):
        provider.who_came(back["code"], back["iss"], replace(pending, nonce="o" * 43), datetime.now(UTC))


def test_a_token_that_is_over_is_refused(met):
    provider, pending, back = met
    late = datetime(2035, 1, 1, tzinfo=UTC)
    with pytest.raises(ProviderError, match="does not hold"):
        provider.who_came(back["code"], back["iss"], pending, late)


@pytest.mark.parametrize("issuer", ["https://elsewhere.example", None])
def test_another_providers_answer_is_refused(met, issuer):
    """RFC 9207, 2.4: this provider always says who it is."""
    provider, pending, back = met
    with pytest.raises(ProviderError, match="another identity provider"):
        provider.who_came(back["code"], issuer, pending, datetime.now(UTC))
    provider.who_came(back["code"], back["iss"], pending, datetime.now(UTC))


def test_a_provider_that_calls_itself_otherwise_is_not_believed(registration):
    other = Provider(replace(registration, issuer=registration.issuer.rstrip("/")))
    with pytest.raises(ProviderError, match="calls itself"):
        other.farewell(datetime.now(UTC))


def test_who_has_left_or_is_linked_no_more_comes_nowhere(api, town, link):
    link("kari", KARI)
    browser, _ = came_back(api, KARI)
    assert main(["user", "unlink", "kari"]) == 0
    refused(browser.get("/api/v1/me"), 401)
    assert came_back(api, KARI)[1].headers["location"] == "/?login=unknown"
    assert main(["user", "unlink", "kari"]) == 1
    link("kari", KARI)
    town.sql("update staff set active = false where login = 'kari'")
    assert came_back(api, KARI)[1].headers["location"] == "/?login=unknown"


def test_a_subject_is_one_person_and_a_person_one_subject(town, link, capsys):
    assert (link("kari", KARI), link("kari", KARI)) == (0, 0)
    assert link("ola", KARI) == 1
    assert "unlink that login first" in capsys.readouterr().err
    assert link("nobody", "x") == 1
    assert link("kari", SOMEBODY) == 0
    assert town.sql("select subject, staff_id from staff_subject") == [(SOMEBODY, town.staff["kari"])]


def test_when_the_provider_does_not_answer_the_login_says_so(database, town, registration, free_port):
    gone = replace(registration, issuer=f"http://127.0.0.1:{free_port}/")
    server = Api(database_url=database.owner, provider=Provider(gone))
    server.start()
    try:
        browser = server.client()
        for path in ("start", "leave"):
            assert browser.get(f"/api/v1/oidc/{path}").headers["location"] == "/?login=failed"
        server.signed_in("kari")
    finally:
        server.clients.close()
        server.stop()


def test_over_https_the_pending_cookie_is_the_hosts_own(api, town):
    cookie = api.client().get("/api/v1/oidc/start", headers=HTTPS).headers["set-cookie"]
    assert cookie.startswith("__Host-hjemvakt_session_oidc=")
    assert all(word in cookie.lower() for word in ("httponly", "samesite=lax", "; secure", "; path=/"))
