"""The screens of whoever installs, with everything on them at once: nothing too wide, too small or unreadable, and a
protocol that fits its sheet."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK
from tests.browser.install_rig import POCKET, ago, listens, opened, says
from tests.browser.patient_rig import LONG
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations
from tests.browser.test_patient import pages_of

OXIMETER = "AA:BB:CC:DD:EE:01"  # anna's own, as the town has it


@pytest.fixture
def crowded(api, town):
    """Everything on the screen at once, with long names."""
    town.sql("update patient set name = %s where id = %s", LONG, town.patients["anna"])
    town.sql("update staff set name = %s where login = 'tor'", LONG)
    health = [{"device": OXIMETER, "state": "heard", "rssi_dbm": -58, "battery_percent": 88, "seen_at": ago()}]
    listens(town, "gw-anna", health)
    tor, home = api.signed_in("tor"), f"/api/v1/installation/homes/{town.homes['anna']}"

    def post(path, **wish):
        answer = tor.post(path, json=wish, headers={"Idempotency-Key": f"crowd {path} {wish}"[:80].replace(" ", "-")})
        answer.raise_for_status()
        return answer.json()

    for room, dbm in (("Stue", -61), ("Vaskerom i kjelleren", -92), ("Bod", None)):
        heard = [each | {"rssi_dbm": dbm} for each in health] if dbm else []
        says(town, devices=heard)
        post(f"{home}/rooms", room=room, device=OXIMETER)
    listens(town, "gw-anna", health)
    post("/api/v1/installation/gateways/gw-anna/listen", for_s=300)
    post(f"{home}/sensors/{OXIMETER}/0/prove", part="power_cycle")
    post(f"{home}/trials", gateway="gw-anna", sensor=None)
    town.sql("update alarm_proof set made_at = now(), received_at = now(), until_at = now()")
    town.sql("update trial set until_at = now()")
    post(f"{home}/protocols", remark="Oksymeteret kommer i morgen, og bodens dekning sees på da.")
    return town


PAGES = ("start", "gateway", "sensors", "person", "test", "protocol", "depot")


def shown(page: Page, town, name: str) -> None:
    """With its largest form."""
    home = town.homes["anna"]
    if name in ("start", "depot"):
        page.goto("/montering" if name == "start" else "/montering/lager")
        expect(page.get_by_role("searchbox") if name == "start" else page.locator("input.code")).to_be_visible()
        return
    page.goto(f"/montering/{home}")
    place = ("gateway", "sensors", "person", "test", "protocol").index(name)
    page.locator("main nav button").nth(min(place, 3)).click()
    if name == "sensors":
        page.locator("li.sensor button").first.click()
        expect(page.locator("li.sensor form")).to_be_visible()
    if name == "protocol":
        page.locator("section[aria-labelledby=protocol] li button").first.click()
        expect(page.locator(".paper")).to_be_visible()
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")


@pytest.mark.parametrize("language", ["nb", "en"])
def test_axe_finds_nothing_nothing_is_too_wide_and_every_target_can_be_hit(screens, crowded, language):
    page = opened(screens, language=language, motion=False)
    for name in PAGES:
        shown(page, crowded, name)
        for width, height in (DESK, TABLET, POCKET):
            page.set_viewport_size({"width": width, "height": height})
            assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], []), name
            if (width, height) != TABLET:
                assert violations(page) == [], name


def test_a_protocol_fits_one_page(screens, crowded):
    page = opened(screens, size=DESK)
    shown(page, crowded, "protocol")
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
