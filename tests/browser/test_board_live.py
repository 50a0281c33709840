"""What a nurse is promised by the board: alerts arrive, are taken once, and a silent line says that it is silent."""

import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import WebSocketRoute, expect

from devices.vocabulary import EventType, Kind
from tests.browser.conftest import card, link, row, sign_in

MINUTE = timedelta(minutes=1)


def now():
    return datetime.now(UTC)


def test_a_press_is_on_every_screen_of_the_team_and_taken_on_one_it_is_taken_on_all(town, screens):
    kari, ola = screens.signed_in("kari"), screens.signed_in("ola")
    alert = town.press("anna", EventType.FALL)
    for page in (kari, ola):
        expect(card(page, alert)).to_contain_text("Fall meldt av sensor")
        expect(card(page, alert)).to_contain_text("anna, ")
        expect(card(page, alert)).to_contain_text("Vist på 2 skjermer")
    card(kari, alert).get_by_role("button").click()
    expect(card(kari, alert)).to_contain_text("Du har den")
    expect(card(ola, alert)).to_contain_text("Kari har den")
    expect(row(ola, "anna")).to_contain_text("Ansvarlig: Kari")


def test_another_teams_alert_is_not_on_the_screen(town, screens):
    page = screens.signed_in("kari")
    town.press("berta")
    mine = town.press("anna")
    expect(card(page, mine)).to_be_visible()
    expect(page.locator("article[data-alert]")).to_have_count(1)
    expect(page.get_by_text("berta")).to_have_count(0)


def test_each_press_is_counted_and_brings_an_alert_back_that_somebody_had(town, screens):
    page = screens.signed_in("kari")
    alert = town.press("anna", EventType.SOS)
    card(page, alert).get_by_role("button").click()
    expect(card(page, alert)).to_contain_text("Du har den")
    town.press("anna", EventType.SOS)
    expect(card(page, alert)).to_contain_text("2. gang")
    expect(card(page, alert)).to_contain_text("Haster – 2 kall på 1 min")
    expect(card(page, alert).get_by_role("button", name="Kvitter – jeg tar den")).to_be_visible()


def test_the_second_nurse_is_told_who_has_it(town, screens):
    screens.expected = ("401", "409")
    alert = town.press("anna")
    ola = screens.blank()
    muted = []

    def deaf(route: WebSocketRoute) -> None:
        server = route.connect_to_server()
        server.on_message(lambda message: None if muted and '"alert"' in message else route.send(message))

    ola.route_web_socket("**/api/v1/live", deaf)
    screens.signed_in("ola", page=ola)
    expect(card(ola, alert)).to_be_visible()
    muted.append(True)
    kari = screens.signed_in("kari")
    card(kari, alert).get_by_role("button").click()
    expect(card(kari, alert)).to_contain_text("Du har den")
    card(ola, alert).get_by_role("button").click()
    expect(card(ola, alert)).to_contain_text("Kari har den")
    expect(card(ola, alert)).to_contain_text("Kari tok den")


def test_an_alert_is_closed_with_one_tap_and_the_note_is_kept(town, screens):
    page = screens.signed_in("kari")
    alert = town.press("anna")
    card(page, alert).get_by_role("button").click()
    card(page, alert).get_by_role("button", name="Avslutt").click()
    card(page, alert).get_by_role("textbox").fill("Satt på badegulvet, ingen skade")
    card(page, alert).get_by_role("button", name="Reelt – tiltak").click()
    expect(card(page, alert)).to_have_count(0)
    expect(page.get_by_text("Ingen varsler")).to_be_visible()
    assert town.sql("select state, outcome from alert where id = %s", alert) == [("handled", "real_acted")]
    notes = town.sql("select detail ->> 'note' from alert_history where alert_id = %s order by rev desc limit 1", alert)
    assert notes == [("Satt på badegulvet, ingen skade",)]


def test_the_title_and_the_tab_count_what_waits(town, screens):
    page = screens.signed_in("kari")
    expect(page).to_have_title("Hjemvakt – Vakttavle")
    alert = town.press("anna")
    expect(page).to_have_title("(1) Rød – Hjemvakt – Vakttavle")
    icon = page.locator("#tab-icon").get_attribute("href")
    assert icon == "/icons/red-1.svg"
    assert page.request.get(icon).headers["content-type"].startswith("image/svg")
    card(page, alert).get_by_role("button").click()
    expect(page).to_have_title("Hjemvakt – Vakttavle")


def test_a_new_value_is_there_without_a_reload_even_of_a_kind_never_measured_before(town, screens):
    page = screens.signed_in("kari")
    expect(row(page, "anna")).to_contain_text("Ingen målinger ennå")
    town.measure("anna", Kind.SPO2, 93, now() - MINUTE)
    expect(row(page, "anna")).to_contain_text("93 %")
    told = re.compile(r"^SpO₂ siste .*sist 93(, \d+ planlagte målinger mangler)?$")
    expect(row(page, "anna").locator("canvas")).to_have_attribute("aria-label", told)
    town.measure("anna", Kind.SPO2, 91, now())
    expect(row(page, "anna")).to_contain_text("91 %")


def test_an_old_value_is_struck_through_and_says_its_age(town, screens):
    town.measure("arne", Kind.GLUCOSE, 7.4, now() - timedelta(days=3))
    page = screens.signed_in("kari")
    expect(row(page, "arne").locator("s")).to_have_text("7,4 mmol/l")
    expect(row(page, "arne")).to_contain_text("for 3 d siden")
    expect(row(page, "arne")).to_contain_text("Teknisk")


def test_a_gateway_that_falls_silent_shows_on_its_patient(town, screens):
    page = screens.signed_in("kari")
    town.gateway_says("anna", "online")
    expect(row(page, "anna")).to_contain_text("Hjemmesentral på nett")
    town.gateway_says("anna", "silent", waiting_bulk=1200)
    expect(row(page, "anna")).to_contain_text("Hjemmesentral taus siden kl.")


def test_a_server_that_is_gone_is_said_and_what_happened_meanwhile_is_there_when_it_is_back(api, town, screens):
    screens.expected = ("401", "ERR_CONNECTION", "WebSocket", "503", "502")
    town.measure("anna", Kind.SPO2, 93, now())
    page = screens.signed_in("kari")
    expect(row(page, "anna").locator("s")).to_have_count(0)
    api.stop()
    try:
        expect(link(page)).to_contain_text("Frakoblet siden")
        expect(link(page)).to_contain_text("verdiene er gamle")
        expect(row(page, "anna").locator("s")).to_have_text("93 %")
        alert = town.press("anna")
    finally:
        api.start()
    expect(link(page)).to_have_text("Direkte")
    expect(card(page, alert)).to_be_visible()
    expect(row(page, "anna").locator("s")).to_have_count(0)


def test_an_acknowledgement_that_does_not_get_through_is_not_shown_as_one(town, screens):
    screens.expected = ("401", "ERR_FAILED")
    page = screens.signed_in("kari")
    alert = town.press("anna")
    page.route("**/acknowledge", lambda route: route.abort())
    card(page, alert).get_by_role("button").click()
    expect(card(page, alert)).to_contain_text("Ikke sendt")
    page.unroute("**/acknowledge")
    card(page, alert).get_by_role("button").click()
    expect(card(page, alert)).to_contain_text("Du har den")


def test_a_laptop_that_slept_says_at_once_that_it_is_old_and_then_has_everything(town, screens):
    """The line is dead after the sleep, as it is in life: the old socket says nothing and nobody closed it."""
    screens.expected = ("401", "WebSocket")
    page = screens.blank()
    page.clock.install()
    sockets = []
    asleep = []

    def line(route: WebSocketRoute) -> None:
        server, number = route.connect_to_server(), len(sockets)
        sockets.append(route)
        server.on_message(lambda message: None if number in asleep else route.send(message))

    page.route_web_socket("**/api/v1/live", line)
    screens.signed_in("kari", page=page)
    asleep.append(len(sockets) - 1)
    alert = town.press("anna")
    page.clock.fast_forward(20_000)
    page.evaluate("dispatchEvent(new Event('pageshow'))")
    page.clock.resume()
    expect(card(page, alert)).to_be_visible()
    expect(link(page)).to_have_text("Direkte")
    assert len(sockets) > asleep[0] + 1


def test_the_exercise_bar_stands_where_virtual_patients_are_and_nowhere_else(screens):
    expect(screens.signed_in("kari").get_by_text("ØVELSE – virtuelle pasienter")).to_be_visible()
    expect(screens.signed_in("kari", language="en").get_by_text("EXERCISE – virtual patients")).to_be_visible()
    expect(screens.signed_in("berit").get_by_text("ØVELSE")).to_have_count(0)


def test_a_wrong_password_is_said_and_the_right_one_opens_the_board(screens):
    page = screens.login_page()
    sign_in(page, "kari", "wrong")
    expect(page.get_by_text("stemmer ikke")).to_be_visible()
    sign_in(page, "kari")
    expect(link(page)).to_have_text("Direkte")


def test_a_session_that_ended_leads_to_the_login_and_leaves_no_name_behind(town, screens):
    screens.expected = ("401", "WebSocket")
    page = screens.signed_in("kari")
    expect(row(page, "anna")).to_be_visible()
    other = screens.signed_in("ola")
    town.sql("delete from session where staff_id = %s", town.staff["kari"])
    page.reload()
    expect(page.locator("[name=login]")).to_be_visible()
    expect(page.get_by_text("anna")).to_have_count(0)
    other.get_by_role("button", name="Meny").click()
    other.get_by_role("button", name="Logg ut").click()
    expect(other.locator("[name=login]")).to_be_visible()
    expect(other.get_by_text("anna")).to_have_count(0)
    other.reload()
    expect(other.locator("[name=login]")).to_be_visible()


def test_somebody_whose_role_has_no_board_is_told_so(screens, town):
    screens.expected = ("401", "403", "WebSocket")
    town.add_staff("nina")  # of no team
    page = screens.login_page()
    sign_in(page, "nina")
    expect(page.get_by_text("Rollen din har ingen vakttavle")).to_be_visible()
