"""Who is on duty stands on every screen; whoever leaves hands over what she has, and nobody leaves it empty unsaid."""

import re
from datetime import UTC, datetime

from playwright.sync_api import expect

from devices.vocabulary import Kind
from tests.browser.conftest import DESK, PHONE, card, row
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations


def menu(page):
    page.get_by_role("button", name="Meny").click()
    return page.locator("#menu")


def test_going_on_duty_is_seen_on_the_others_screens_and_leaving_hands_the_alert_over(town, screens):
    kari, ola = screens.signed_in("kari"), screens.signed_in("ola")
    expect(kari.locator("header .on-duty")).to_have_text("Ingen er på vakt")
    menu(kari).get_by_role("button", name="Gå på: Vakt").click()
    expect(ola.locator("header .on-duty")).to_have_text("Vakt: Kari")
    menu(ola).get_by_role("button", name="Gå på: Vakt").click()
    expect(kari.locator("header .on-duty")).to_have_text("Vakt: Kari, Ola")
    alert = town.press("anna")
    kari.keyboard.press("Escape")
    card(kari, alert).get_by_role("button", name="Kvitter – jeg tar den").click()
    expect(card(kari, alert)).to_contain_text("Du har den")
    menu(kari).get_by_role("button", name="Gå av: Vakt").click()
    expect(kari.locator("#menu")).to_contain_text("Varsler du har: 1.")
    kari.get_by_role("button", name="Gå av vakt").click()
    expect(kari.get_by_text("Du er av vakt. Overlatt: 1")).to_be_visible()
    expect(card(ola, alert)).to_contain_text("Venter på Ola")


def test_the_last_one_on_duty_leaves_only_with_a_reason(town, screens):
    page = screens.signed_in("kari", PHONE)
    menu(page).get_by_role("button", name="Gå på: Vakt").click()
    page.get_by_role("button", name="Gå av: Vakt").click()
    leave = page.get_by_role("button", name="Gå av vakt")
    expect(leave).to_be_disabled()
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
    page.get_by_label("Du er den siste på vakt.").fill("Nattpatruljen har telefonen")
    leave.click()
    expect(page.get_by_role("button", name="Gå på: Vakt")).to_be_visible()
    assert town.sql("select count(*) from duty where to_at is null or to_at > now()") == [(0,)]


def test_a_row_says_its_week_its_battery_and_its_place_and_is_found_by_municipality(town, screens):
    town.sql("insert into municipality values ('3999', 'Øvelsesvik'), ('3998', 'Eksempeldal')")
    town.sql("update patient set municipality = case name when 'anna' then '3999' else '3998' end")
    said = [{"device": "AA:BB:CC:DD:EE:01", "rssi_dbm": -82, "battery_percent": 9}]
    town.gateway_says("anna", "online", devices=said)
    town.measure("anna", Kind.SPO2, 94, datetime.now(UTC))
    town.press("anna")
    page = screens.signed_in("kari", DESK)
    anna = row(page, "anna")
    expect(anna).to_contain_text("Øvelsesvik")
    expect(anna).to_contain_text("Batteri9")
    expect(anna.get_by_role("img", name="Signal 3 av 4")).to_be_visible()
    expect(anna.locator(".week")).to_have_attribute("aria-label", re.compile("rødt$"))
    page.get_by_role("combobox", name="Kommune").select_option("Eksempeldal")
    expect(row(page, "arne")).to_be_visible()
    expect(anna).to_have_count(0)


def test_a_card_shows_how_long_until_it_goes_on(town, screens):
    alert = town.press("anna")
    town.sql(
        "update alert set next_at = now() + interval '90 s', raised_at = now() - interval '30 s' where id = %s", alert
    )
    page = screens.signed_in("kari")
    timer = card(page, alert).get_by_role("timer")
    expect(timer).to_contain_text("1:")
    card(page, alert).get_by_role("button", name="Kvitter – jeg tar den").click()
    expect(timer).to_have_count(0)
