"""The page as an installed program: it opens without a line and keeps nobody's values, and it is reached by push."""

import json
import re
import struct
from datetime import UTC, datetime

import pytest
from playwright.sync_api import CDPSession, Page, expect

from devices.vocabulary import Kind
from server.store import notices
from tests.browser.conftest import DESK, PHONE, chromium, link, row
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations, wait_until
from tests.integration.care_rig import done, send
from tests.integration.ways_rig import UA_KEYS

LONG_MS = 30_000  # the worker fetches the whole program beside what the page asks for
CONTROLLED = "() => navigator.serviceWorker.controller !== null"
KEPT = """async () => {
    const kept = []
    for (const name of await caches.keys()) {
        const cache = await caches.open(name)
        for (const request of await cache.keys()) {
            const answer = await cache.match(request)
            kept.push({path: new URL(request.url).pathname, body: await answer.text()})
        }
    }
    return kept
}"""
STORED = """async () => JSON.stringify([{...localStorage}, {...sessionStorage}, await indexedDB.databases()])"""
NOTIFICATIONS = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
    .map((each) => [each.title, each.body, each.data])"""
KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
# The push service stands outside of the house, and no browser here reaches it.
PUSH_SERVICE = f"""
    let held = null
    PushManager.prototype.getSubscription = async () => held
    PushManager.prototype.subscribe = async (wanted) => {{
        window.subscribedWith = wanted.applicationServerKey
        return held = {{
            unsubscribe: async () => {{ held = null; return true }},
            toJSON: () => ({{endpoint: 'https://fcm.googleapis.com/fcm/send/abc:def', keys: {json.dumps(UA_KEYS)}}}),
        }}
    }}"""


@pytest.fixture(scope="module")
def program() -> str | None:
    """What is installed and pushed to is the whole browser."""
    return chromium()


@pytest.fixture
def offers(town) -> None:
    """As the clock role says them."""
    with town.connection() as conn:
        notices.offer(conn, {"push": KEY, "sms": "", "email": ""}, [])


def installed(screens, size=DESK, *, login="kari", before: str | None = None, **how) -> Page:
    page = screens.blank(size, worker=True, **how)
    if before is not None:
        page.add_init_script(before)
    screens.signed_in(login, page=page)
    wait_until(page, CONTROLLED)
    return page


def devtools(page: Page) -> CDPSession:
    return page.context.new_cdp_session(page)


def test_a_browser_finds_nothing_that_hinders_installing_it(screens):
    page = installed(screens)
    found = devtools(page).send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert [each["errorId"] for each in found if each["errorId"] != "in-incognito"] == []
    manifest = devtools(page).send("Page.getAppManifest")
    assert manifest["errors"] == []
    for icon in json.loads(manifest["data"])["icons"]:
        answer = page.request.get(icon["src"])
        assert answer.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            width, height = struct.unpack(">II", answer.body()[16:24])
            assert icon["sizes"] == f"{width}x{height}"


def test_the_program_is_kept_and_nothing_that_it_showed(screens, town):
    town.measure("anna", Kind.SPO2, 91, datetime.now(UTC))
    alert = town.press("anna")
    page = installed(screens)
    expect(row(page, "anna")).to_contain_text("91")
    for path in (f"/pasient/{town.patients['anna']}", f"/varsel/{alert}", "/varslingsveier", "/"):
        page.goto(path)
        expect(link(page)).to_have_text("Direkte")
        expect(page.get_by_text("Henter …").filter(visible=True)).to_have_count(0, timeout=LONG_MS)
    kept = page.evaluate(KEPT)
    assert {each["path"] for each in kept} >= {"/", "/manifest.webmanifest", "/icons/icon.svg"}
    other = {"/", "/manifest.webmanifest", "/icons/icon.svg"}
    assert all(each["path"] in other or each["path"].startswith("/assets/") for each in kept)
    assert not any("anna" in each["body"] for each in kept)
    assert "anna" not in page.evaluate(STORED)
    page.goto("/api/v1/board")  # as an address it is not the page either
    assert "anna" in page.content()
    page.goto("/")
    assert not any(each["path"].startswith("/api") for each in page.evaluate(KEPT))


def test_without_a_server_it_opens_and_says_so_and_goes_on_when_there_is_one(screens, api, town):
    screens.expected = (*screens.expected, "ERR_CONNECTION_REFUSED", "WebSocket")
    page = installed(screens)
    expect(row(page, "anna")).to_be_visible()
    api.stop()
    try:
        page.goto(f"/pasient/{town.patients['anna']}")
        expect(page.get_by_text("Frakoblet – ingen kontakt med serveren")).to_be_visible()
        assert "anna" not in page.content()
    finally:
        api.start()
    expect(page.get_by_role("heading", name=re.compile("anna"))).to_be_visible(timeout=LONG_MS)
    expect(link(page)).to_have_text("Direkte", timeout=LONG_MS)


def test_a_push_is_shown_without_a_name_and_leads_to_the_alert(screens, town):
    alert = town.press("anna")
    page = installed(screens)
    page.context.grant_permissions(["notifications"])
    workers = devtools(page)
    registrations = []
    workers.on("ServiceWorker.workerRegistrationUpdated", lambda said: registrations.extend(said["registrations"]))
    workers.send("ServiceWorker.enable")
    wait_until(page, CONTROLLED)
    wait_until(page, lambda: registrations)
    told = {"id": "hjemvakt-9", "text": "Rødt varsel i Hjemvakt.", "link": f"{screens.url}/varsel/{alert}"}
    given = {"origin": f"{screens.url}/", "registrationId": registrations[-1]["registrationId"]}
    workers.send("ServiceWorker.deliverPushMessage", {**given, "data": json.dumps(told)})
    wait_until(page, f"async () => (await ({NOTIFICATIONS})()).length > 0")
    assert page.evaluate(NOTIFICATIONS) == [["Hjemvakt", "Rødt varsel i Hjemvakt.", f"/varsel/{alert}"]]
    page.evaluate(
        f"navigator.serviceWorker.dispatchEvent(new MessageEvent('message', {{data: {{open: '/varsel/{alert}'}}}}))"
    )
    expect(page).to_have_url(re.compile(f"/varsel/{alert}$"))


def test_somebody_turns_on_push_here_and_the_server_knows_this_browser(screens, offers, town):
    page = installed(screens, PHONE, before=PUSH_SERVICE)
    page.context.grant_permissions(["notifications"])
    page.get_by_role("button", name="Meny").click()
    page.get_by_role("link", name="Mine varslingsveier").click()
    expect(page.get_by_text("Du kan ikke nås utenom skjermen ennå.")).to_be_visible()
    page.get_by_role("button", name="Slå på push på denne enheten").click()
    way = page.get_by_role("listitem").filter(has_text="fcm.googleapis.com")
    expect(way).to_contain_text("Klar")
    expect(page.get_by_text("Push er på på denne enheten")).to_be_visible()
    assert page.evaluate("window.subscribedWith") == KEY
    assert town.one("select address from staff_way") == "https://fcm.googleapis.com/fcm/send/abc:def"
    way.get_by_role("button", name=re.compile("^Send en prøve")).click()
    expect(page.get_by_role("status").filter(has_text="Prøven er sendt av gårde.")).to_be_visible()
    assert town.one("select count(*) from notice where purpose = 'test'") == 1
    way.get_by_role("button", name=re.compile("^Slå av")).click()
    expect(way).to_contain_text("Slått av")
    way.get_by_role("button", name=re.compile("^Fjern …")).click()
    way.get_by_role("button", name=re.compile("^Fjern: ")).click()
    expect(page.get_by_role("button", name="Slå på push på denne enheten")).to_be_visible()


def test_a_browser_that_may_not_show_messages_says_how_to_permit_them(screens, offers):
    page = installed(screens, before="Object.defineProperty(Notification, 'permission', {get: () => 'denied'})")
    page.goto("/varslingsveier")
    expect(page.get_by_text("Varsler er sperret for denne siden.")).to_be_visible()
    expect(page.get_by_role("button", name="Slå på push på denne enheten")).to_have_count(0)


def test_a_number_is_confirmed_with_its_code_and_a_wrong_code_is_refused(screens, offers, town):
    screens.expected = (*screens.expected, "422")
    page = screens.signed_in("kari")
    page.goto("/varslingsveier")
    page.get_by_label("Mobilnummer").fill("912 34 567")
    page.get_by_role("button", name="Legg til SMS").click()
    way = page.get_by_role("listitem").filter(has_text="+4791234567")
    expect(way).to_contain_text("Ikke bekreftet")
    code = town.one("select code from notice where purpose = 'code'")
    way.get_by_label("Kode fra meldingen").fill("000000" if code != "000000" else "111111")
    way.get_by_role("button", name="Bekreft").click()
    expect(page.get_by_role("status").filter(has_text="Ikke lagret:")).to_be_visible()
    way.get_by_label("Kode fra meldingen").fill(code)
    way.get_by_role("button", name="Bekreft").click()
    expect(way).to_contain_text("Klar")


@pytest.mark.parametrize(("language", "theme"), [("nb", "light"), ("nb", "dark"), ("en", "light"), ("en", "dark")])
def test_everybody_can_use_the_page_of_ways(screens, offers, api, language, theme):
    client = api.signed_in("kari")
    for way in ({"way": "sms", "address": "912 34 567"}, {"way": "email", "address": "kari@kommune.example"}):
        done(send(client, "/ways", way=way))
    page = screens.signed_in("kari", PHONE, language=language, theme=theme, motion=False)
    page.goto("/varslingsveier")
    expect(page.get_by_role("listitem")).to_have_count(2)
    assert violations(page) == []
    for size in (PHONE, DESK):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
