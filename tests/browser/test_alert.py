"""One alert on a phone, with one hand: taken, regretted, gone to, planned, passed on and closed."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from devices.vocabulary import Kind
from tests.browser.conftest import DESK, PHONE, link, sign_in
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations
from tests.integration.care_rig import done, get, send

LONG = "Åse-Karin Hammerfjeld-Østensjøvik Brattbakk-Skjærgårdsvik"


def set_record(client, patient, **record):
    rev = get(client, f"/patients/{patient}/records/{record['type']}")["rev"]
    done(send(client, f"/patients/{patient}/records", record=record, reason="avtalt hjemme", rev=rev))


@pytest.fixture
def ill(api, town):
    """A red alert of somebody of whom everything is known."""
    now = datetime.now(UTC)
    town.add_patient(LONG, "east")
    patient = town.patients[LONG]
    for hour in range(60):
        town.measure(LONG, Kind.SPO2, 92 - (hour % 3), now - timedelta(hours=62 - hour))
    town.measure(LONG, Kind.SPO2, 82, now - timedelta(minutes=2))
    siv = api.signed_in("siv")
    town.sql("update patient set phone = '+4799999901', lives_alone = true where id = %s", patient)
    contacts = [{"name": "Lise Prøvestad", "relation": "datter", "phone": "99999902", "has_key": True}]
    set_record(siv, patient, type="contacts", contacts=contacts)
    steps = [
        {"when": "", "then": "Ring – snakker hun i hele setninger?"},
        {"when": "", "then": "Ny måling etter 5 min hvile"},
    ]
    set_record(siv, patient, type="self_treatment", green=[], yellow=steps[1:], red=steps)
    return town.desaturate(LONG, now - timedelta(minutes=2))


def opened(screens, alert, login="kari", size=PHONE, **options):
    page = screens.blank(size, **options)
    page.goto(f"/varsel/{alert}")
    sign_in(page, login)
    expect(page.locator("main h2")).to_be_visible()
    return page


def button(page, name):
    return page.get_by_role("button", name=name, exact=True)


def test_a_message_on_the_phone_leads_to_the_alert_and_one_thumb_takes_it(screens, ill):
    page = opened(screens, ill)
    expect(page.locator("main")).to_contain_text("82")
    expect(page.locator("main")).to_contain_text("rød grense 88")
    take = button(page, "Kvitter – jeg tar den")
    box = take.bounding_box()
    assert box["height"] >= 60
    assert box["y"] > PHONE[1] / 2, "it lies where the thumb is"
    take.click()
    expect(page.locator("main")).to_contain_text("Du har den")


def test_a_slip_of_the_finger_is_taken_back_within_ten_seconds_and_history_says_so(screens, town, ill):
    page = opened(screens, ill)
    button(page, "Kvitter – jeg tar den").click()
    page.get_by_role("button", name="Angre").click()
    expect(button(page, "Kvitter – jeg tar den")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Angret kvitteringen av Kari")).to_be_visible()
    assert town.one("select state from alert where id = %s", ill) == "raised"


def test_from_on_the_way_to_there_to_closed_each_tap_is_the_next_one(screens, town, ill):
    page = opened(screens, ill)
    for tap in ("Kvitter – jeg tar den", "På vei", "Framme", "Avslutt …"):
        page.locator(".foot").get_by_role("button", name=tap, exact=True).click()
    button(page, "Reelt – tiltak").click()
    expect(page.locator("main")).to_contain_text("Avsluttet av Kari: Reelt – tiltak")
    acts = [row[0] for row in town.sql("select action from alert_history where alert_id = %s order by rev", ill)]
    assert acts == ["raised", "acknowledged", "on_way", "there", "handled"]


def test_what_was_closed_too_fast_is_open_again_with_angre(screens, town, ill):
    page = opened(screens, ill)
    button(page, "Kvitter – jeg tar den").click()
    page.locator("main section").get_by_role("button", name="Avslutt som …").click()
    button(page, "Målefeil").click()
    page.get_by_role("button", name="Angre").click()
    expect(button(page, "Kvitter – jeg tar den")).to_be_visible()
    assert town.one("select state from alert where id = %s", ill) == "raised"


def test_a_wrong_limit_leads_to_the_limits_of_the_patient(screens, town, ill):
    page = opened(screens, ill)
    button(page, "Kvitter – jeg tar den").click()
    page.locator("main section").get_by_role("button", name="Avslutt som …").click()
    button(page, "Feil grense").click()
    expect(page.get_by_role("link", name="Prøv en annen grense")).to_have_attribute(
        "href", f"/pasient/{town.patients[LONG]}"
    )


def test_the_red_plan_begins_with_113_and_a_tick_is_seen_on_the_other_screen(screens, town, ill):
    kari, ola = opened(screens, ill), opened(screens, ill, "ola", DESK)
    plan = kari.get_by_role("region", name="Plan – rød sone")
    expect(plan).to_contain_text("Får ikke fram setninger, forvirret eller blå: ring 113")
    step = plan.get_by_role("checkbox", name="Ring – snakker hun i hele setninger?")
    step.click()
    expect(step).to_be_checked()
    theirs = ola.get_by_role("checkbox", name="Ring – snakker hun i hele setninger?")
    expect(theirs).to_be_checked()
    expect(ola.get_by_role("region", name="Plan – rød sone")).to_contain_text("Kari kl.")
    theirs.click()
    expect(step).not_to_be_checked()
    assert len(town.sql("select 1 from alert_history where alert_id = %s and action = 'note'", ill)) == 2


def test_the_red_line_stands_there_also_when_nothing_can_be_fetched(screens, ill):
    screens.expected = ("401", "ERR_FAILED")
    page = screens.blank(PHONE)
    page.route("**/records/**", lambda route: route.abort())
    page.route("**/dispatch", lambda route: route.abort())
    page.goto(f"/varsel/{ill}")
    sign_in(page, "kari")
    expect(page.get_by_text("Får ikke fram setninger, forvirret eller blå: ring 113")).to_be_visible()
    expect(page.get_by_text("Planen kunne ikke hentes.")).to_be_visible()
    page.unroute("**/records/**")
    page.unroute("**/dispatch")
    button(page, "Prøv igjen").click()
    expect(page.get_by_role("checkbox").first).to_be_visible()
    expect(page.get_by_role("link", name=f"Ring {LONG}")).to_be_visible()


def test_the_patient_and_those_close_are_one_tap_from_a_call(screens, ill):
    page = opened(screens, ill)
    expect(page.get_by_role("link", name=f"Ring {LONG}")).to_have_attribute("href", "tel:+4799999901")
    button(page, "Ring andre …").click()
    daughter = page.get_by_role("link", name="Ring Lise Prøvestad")
    expect(daughter).to_have_attribute("href", "tel:99999902")
    expect(daughter).to_contain_text("har nøkkel")


def test_whoever_drives_sees_where_and_what_holds_there(screens, town, ill):
    page = opened(screens, ill)
    drive = page.get_by_role("region", name="Dit skal du")
    expect(drive).to_contain_text(f"Storgata {len(town.patients)}")
    for part in ("Nøkkelboks", "Behandlingsbegrensning", "CAVE", "Oksygen", "Bor alene"):
        expect(drive).to_contain_text(part)


def test_it_is_given_to_a_colleague_passed_to_the_backup_and_given_away(screens, api, town, ill):
    done(send(api.signed_in("siv"), f"/teams/{town.teams['east']}/duty", part="backup"))
    page = opened(screens, ill)
    button(page, "Eskaler til Siv").click()
    expect(page.locator("main")).to_contain_text("Ringer for Siv")
    button(page, "Tildel …").click()
    button(page, "Ola").click()
    expect(page.locator("main")).to_contain_text("Ringer for Ola")
    button(page, "Kvitter – jeg tar den").click()
    button(page, "Gi fra deg").click()
    expect(button(page, "Kvitter – jeg tar den")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="Ga fra seg av Kari")).to_be_visible()


def test_the_second_nurse_sees_who_has_it_and_can_take_over(screens, ill):
    kari, ola = opened(screens, ill), opened(screens, ill, "ola")
    button(kari, "Kvitter – jeg tar den").click()
    expect(ola.locator("main")).to_contain_text("Kari har den")
    button(ola, "Ta over").click()
    expect(ola.locator("main")).to_contain_text("Du har den")
    expect(kari.locator("main")).to_contain_text("Ola har den")


def test_a_note_and_a_wish_for_a_new_reading_are_written_down(screens, ill):
    page = opened(screens, ill)
    button(page, "Be om ny måling").click()
    expect(page.get_by_text("si det til pasienten")).to_be_visible()
    button(page, "Notat …").click()
    page.get_by_role("textbox", name="Notat").fill("Kald på fingrene")
    button(page, "Lagre notatet").click()
    expect(page.get_by_role("listitem").filter(has_text="Kald på fingrene")).to_be_visible()


def test_a_tap_whose_answer_was_lost_is_said_not_to_be_sent_and_done_once_when_tried_again(screens, town, ill):
    screens.expected = ("401", "ERR_FAILED")
    page = screens.blank(PHONE)
    deaf, keys = [], []

    def socket(route):
        server = route.connect_to_server()
        server.on_message(lambda message: None if deaf and '"alert"' in message else route.send(message))

    def looked(route):
        answer = route.fetch()  # a look that was under way may come back with what was done
        if deaf:
            route.abort()
        else:
            route.fulfill(response=answer)

    def answer_lost(route):
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) > 1:
            route.continue_()
            return
        route.fetch()  # the server has it, and the phone never hears so
        route.abort()

    page.route_web_socket("**/api/v1/live", socket)
    page.route(re.compile(rf"/api/v1/(board|alerts/{ill})$"), looked)
    page.route("**/acknowledge", answer_lost)
    page.goto(f"/varsel/{ill}")
    sign_in(page, "kari")
    expect(link(page)).to_have_text("Direkte")
    expect(button(page, "Kvitter – jeg tar den")).to_be_visible()
    deaf.append(True)
    button(page, "Kvitter – jeg tar den").click()
    expect(page.locator(".foot")).to_contain_text("Ikke sendt")
    button(page, "Kvitter – jeg tar den").click()
    expect(page.locator("main")).to_contain_text("Du har den")
    assert len(keys) == 2
    assert keys[0] == keys[1]
    assert len(town.sql("select 1 from alert_history where alert_id = %s and action = 'acknowledged'", ill)) == 1


def test_a_tap_whose_answer_was_lost_is_not_called_unsent_once_the_screen_has_learned_of_it(screens, ill):
    screens.expected = ("401", "ERR_FAILED")
    page = screens.blank(PHONE)
    sockets, held = [], []

    def socket(route):
        sockets.append(route)
        server = route.connect_to_server()
        server.on_message(lambda message: (held.append if '"alert"' in message else route.send)(message))

    def answer_lost(route):
        route.fetch()
        route.abort()

    page.route_web_socket("**/api/v1/live", socket)
    page.route("**/acknowledge", answer_lost)
    page.goto(f"/varsel/{ill}")
    sign_in(page, "kari")
    expect(link(page)).to_have_text("Direkte")
    button(page, "Kvitter – jeg tar den").click()
    expect(page.locator(".foot")).to_contain_text("Ikke sendt")
    while not held:
        page.wait_for_timeout(20)
    for message in held:
        sockets[-1].send(message)
    expect(page.locator("main")).to_contain_text("Du har den")
    expect(page.locator(".foot")).not_to_contain_text("Ikke sendt")


def test_a_thumb_that_taps_twice_takes_it_and_says_no_more(screens, town, ill):
    page = opened(screens, ill)
    box = button(page, "Kvitter – jeg tar den").bounding_box()
    where = (box["x"] + box["width"] * 0.75, box["y"] + box["height"] / 2)
    page.mouse.click(*where)
    expect(page.locator(".foot .on_my_way")).to_be_visible()
    page.mouse.click(*where)
    expect(page.locator(".foot .on_my_way")).to_be_enabled()
    assert town.one("select on_way_at from alert where id = %s", ill) is None


def test_a_server_that_is_gone_is_said_on_the_alert_and_its_value_is_struck_through(api, screens, ill):
    screens.expected = ("401", "ERR_CONNECTION", "WebSocket", "503", "502")
    page = opened(screens, ill)
    expect(link(page)).to_have_text("Direkte")
    api.stop()
    try:
        expect(page.get_by_text("Det som står her, kan ha endret seg.")).to_be_visible()
        button(page, "Kvitter – jeg tar den").click()
        expect(page.locator(".foot")).to_contain_text("Ikke sendt")
    finally:
        api.start()
    expect(link(page)).to_have_text("Direkte")
    button(page, "Kvitter – jeg tar den").click()
    expect(page.locator("main")).to_contain_text("Du har den")


def test_an_alert_of_another_team_or_none_says_no_more_than_that(screens, town):
    screens.expected = ("401", "404")
    theirs = town.press("berta")
    page = screens.blank(PHONE)
    page.goto(f"/varsel/{theirs}")
    sign_in(page, "kari")
    expect(page.get_by_text("Varselet finnes ikke, eller det er ikke ditt teams.")).to_be_visible()
    expect(page.get_by_text("berta")).to_have_count(0)


def test_by_keyboard_alone_it_is_taken_regretted_and_closed(screens, town, ill):
    page = opened(screens, ill, size=DESK)
    page.keyboard.press("Shift+K")
    expect(page.locator("main")).to_contain_text("Du har den")
    page.locator(".foot").get_by_role("button", name="Avslutt …").or_(
        page.get_by_role("button", name="Angre")
    ).first.focus()
    page.keyboard.press("Enter")
    expect(button(page, "Kvitter – jeg tar den")).to_be_visible()
    expect(button(page, "Kvitter – jeg tar den")).to_be_enabled()
    button(page, "Kvitter – jeg tar den").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Du har den")
    close = page.locator("main section").get_by_role("button", name="Avslutt som …")
    close.focus()
    page.keyboard.press("Space")
    button(page, "Reelt – ingen tiltak").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Avsluttet av Kari")


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
def test_axe_finds_nothing_nothing_is_too_wide_and_every_target_can_be_hit(screens, ill, size, language):
    page = opened(screens, ill, size=size, language=language, motion=False)
    expect(page.get_by_role("checkbox").first).to_be_visible()
    page.get_by_role("button", name="Ring andre …" if language == "nb" else "Call others …").click()
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
    page.locator(".foot .next").click()
    expect(page.locator(".foot .on_my_way")).to_be_visible()
    page.get_by_role("button", name="Notat …" if language == "nb" else "Note …").click()
    page.locator("#close").click()
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
