"""The technician's page: equipment and its troubles, and nobody's name."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, sign_in
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations


@pytest.fixture
def troubled(town):
    town.gateway_says("anna", "online", troubles=["no Bluetooth, trying again"])
    town.gateway_says("arne", "silent", waiting_bulk=3)
    aside = "insert into set_aside (at, gateway, topic, reason, payload) values (now(), %s, 't', 'body: broken', '')"
    town.sql(aside, "gw-anna")
    return town


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_a_technician_sees_what_is_wrong_with_equipment_and_no_patient(screens, troubled, size, theme):
    page = screens.login_page(size, theme=theme)
    sign_in(page, "tor")
    expect(page.get_by_text("body: broken")).to_be_visible()
    gateway = page.get_by_role("listitem").filter(has_text="gw-anna")
    expect(gateway).to_contain_text("no Bluetooth, trying again")
    expect(page.get_by_role("listitem").filter(has_text="gw-arne")).to_contain_text("Hjemmesentral taus")
    assert not {"anna", "arne"} & set(page.locator("body").inner_text().split())
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])


def test_a_technicians_page_says_when_it_can_no_longer_be_fetched_and_logs_out(screens, troubled):
    screens.expected = ("401", "ERR_FAILED", "Failed to load")
    page = screens.login_page()
    page.clock.install()
    sign_in(page, "tor")
    expect(page.get_by_text("body: broken")).to_be_visible()
    page.route("**/api/v1/technical", lambda route: route.abort())
    page.clock.run_for(11_000)
    expect(page.get_by_role("status")).to_contain_text("Kunne ikke hentes")
    page.get_by_role("button", name="Logg ut").click()
    expect(page.locator("[name=login]")).to_be_visible()
    expect(page.get_by_text("body: broken")).to_have_count(0)
