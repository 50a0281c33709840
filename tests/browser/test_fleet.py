"""The fleet of gateways on its page: an order with its answer, a rollout that is begun, stopped and let go on."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE
from tests.browser.test_admin import opened
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations
from tests.integration.care_rig import done, send

SAYS = {"outbox": "0" * 16, "started": "1" * 16, "version": "0.1.0"}


@pytest.fixture
def fleet(api, town):
    town.add_staff("adam", east="administrator")
    town.gateway_says("anna", "online", gateway="gw-anna", orders=True, **SAYS)
    town.gateway_says("arne", "silent", gateway="gw-arne", **SAYS)
    return town


def rolled_out(page):
    page.get_by_text("Begynn utrulling", exact=True).first.click()
    page.get_by_role("textbox", name="Programversjon").fill("0.2.0")
    page.get_by_role("button", name="Begynn utrulling").click()


def test_a_technician_orders_and_sees_who_ordered_what_and_what_became_of_it(screens, fleet):
    page = opened(screens, "tor", "hjemmesentraler")
    rows = page.get_by_role("region", name="Alle hjemmesentraler").locator("tbody tr")
    expect(rows.first).to_contain_text("gw-arne")  # its home stands without a guard
    anna = page.get_by_role("row", name="gw-anna")
    anna.get_by_text("Ordrer").click()
    expect(anna).to_contain_text("Ingen ordrer er gitt.")
    anna.get_by_role("button", name="Lytt på nytt").click()
    expect(anna.get_by_role("listitem").filter(has_text="Lytt på nytt")).to_contain_text("venter på svar Tor")
    fleet.sql("update gateway_command set done_at = now(), refused = true, answer = 'the radio is not open yet'")
    expect(anna.get_by_role("listitem").filter(has_text="Lytt på nytt")).to_contain_text("avvist")
    expect(anna).to_contain_text("the radio is not open yet")
    arne = page.get_by_role("row", name="gw-arne")
    arne.get_by_text("Ordrer").click()
    expect(arne).to_contain_text("for gammelt til å ta imot ordrer")


def test_an_administrator_begins_a_rollout_stops_it_and_lets_it_go_on(screens, fleet):
    page = opened(screens, "adam", "hjemmesentraler")
    rolled_out(page)
    rollouts = page.get_by_role("region", name="Utrulling av programversjoner")
    expect(rollouts).to_contain_text("Versjon 0.2.0: pågår, ring 1 av 2, 0 av 2 har den")
    expect(page.get_by_role("row", name="gw-anna")).to_contain_text("skal ha 0.2.0")
    rollouts.get_by_role("button", name="Stans").click()
    rollouts.get_by_role("textbox", name="Hvorfor").fill("Natten over")
    rollouts.get_by_role("button", name="Stans").click()
    expect(rollouts).to_contain_text("Versjon 0.2.0: stanset")
    expect(rollouts).to_contain_text("Natten over")
    assert fleet.one("select state from rollout") == "stopped"
    rollouts.get_by_role("button", name="Fortsett").click()
    rollouts.get_by_role("textbox", name="Hvorfor").fill("Morgen")
    rollouts.get_by_role("button", name="Fortsett").click()
    expect(rollouts).to_contain_text("Versjon 0.2.0: pågår")


def test_an_administrator_lets_gateways_give_a_sign_of_life_more_often(screens, fleet):
    page = opened(screens, "adam", "hjemmesentraler")
    rollouts = page.get_by_role("region", name="Utrulling av programversjoner")
    rollouts.locator("summary").last.click()
    rollouts.get_by_label("Hva som rulles ut").select_option("heartbeat")
    rollouts.get_by_label("Sekunder mellom livstegn").fill("3")
    rollouts.get_by_role("button", name="Begynn utrulling").click()
    expect(rollouts.get_by_text("Skriv et helt antall sekunder, 5 til 300.")).to_be_visible()
    rollouts.get_by_label("Sekunder mellom livstegn").fill("15")
    rollouts.get_by_role("button", name="Begynn utrulling").click()
    expect(rollouts).to_contain_text("livstegn hvert 15. sekund: pågår")
    assert fleet.one("select heartbeat_s from rollout") == 15


@pytest.mark.parametrize("language", ["nb", "en"])
def test_axe_finds_nothing_on_the_fleet_with_all_of_it_open(api, screens, fleet, language):
    wish = {"teams": [fleet.teams["east"]], "program": "0.2.0", "rings": [1, 10], "first": []}
    done(send(api.signed_in("adam"), "/fleet/rollouts", **wish))
    page = opened(screens, "adam", "hjemmesentraler", language=language, motion=False)
    expect(page.locator("#rollouts ~ ul")).to_contain_text("0.2.0")
    expect(page.locator("tbody tr summary").get_by_text("Or")).to_have_count(2)  # all that opens is there
    for summary in page.locator("main summary").all():
        summary.click()
    expect(page.locator("#rollouts ~ details form")).to_be_visible()
    expect(page.locator("tr .buttons button").first).to_be_visible()
    for width, height in (DESK, TABLET, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert violations(page) == []
        assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
