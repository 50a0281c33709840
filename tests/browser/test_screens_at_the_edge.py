"""The screens that nobody wants to see can be used by everybody, too: nothing, nobody, nowhere, and no line."""

import pytest
from playwright.sync_api import Page, expect

from devices.vocabulary import EventType
from tests.browser.conftest import DESK, PHONE, sign_in
from tests.browser.patient_rig import LONG
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations

LANGUAGES = pytest.mark.parametrize("language", ["nb", "en"])


def is_usable(page: Page) -> None:
    for width, height in (PHONE, DESK):
        page.set_viewport_size({"width": width, "height": height})
        assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS), violations(page)) == ([], [], [])


@LANGUAGES
def test_where_there_is_nothing_to_see_everybody_can_read_so_and_go_on(screens, town, language):
    screens.expected = (*screens.expected, "404")
    town.add_team("Øvre nordøstre hjemmetjeneste, sone 3")
    town.add_staff("liv", **{"Øvre nordøstre hjemmetjeneste, sone 3": "nurse"})
    page = screens.signed_in("liv", language=language, motion=False)
    is_usable(page)
    for path in ("/pasient/999", "/varsel/999", "/ingenting/her"):
        page.goto(path)
        expect(page.locator("main a").first).to_be_visible()
        is_usable(page)


@LANGUAGES
def test_a_technicians_first_screens_can_be_used_when_nothing_is_installed(screens, town, language):
    page = screens.blank(language=language, motion=False)
    page.goto("/utstyr")
    sign_in(page, "tor")
    expect(page.locator("main h2").first).to_be_visible()
    for path in ("/utstyr", "/montering", "/montering/depot", "/administrasjon"):
        page.goto(path)
        expect(page.locator("main h2").first).to_be_visible()
        is_usable(page)


@LANGUAGES
def test_without_a_line_board_alert_and_patient_can_still_be_read(api, screens, town, language):
    screens.expected = (*screens.expected, "ERR_CONNECTION", "WebSocket")
    town.sql("update patient set name = %s where id = %s", LONG, town.patients["anna"])
    alert = town.press("anna", EventType.FALL)
    pages = [screens.signed_in("kari", language=language, motion=False) for _ in range(3)]
    pages[1].goto(f"/varsel/{alert}")
    pages[2].goto(f"/pasient/{town.patients['anna']}")
    for page in pages:
        expect(page.get_by_text(LONG).first).to_be_visible()
    api.stop()
    try:
        for page in pages:
            expect(page.locator("header .link.lost")).to_have_count(1)
            is_usable(page)
    finally:
        api.start()
