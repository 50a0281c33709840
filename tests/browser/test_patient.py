"""The patient's screen on the real server: charts, table and file, a limit tried before it is saved, plans and
contacts, what is printed, and that everybody can use it."""

import re
from datetime import UTC, datetime
from io import BytesIO

import pytest
from playwright.sync_api import Page, expect

from devices.vocabulary import Kind
from tests.browser.conftest import DESK, PHONE, row
from tests.browser.patient_rig import LONG, full_record, write
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations, wait_until
from tests.integration.care_rig import done, get, send

TABS = ("overview", "limits", "home", "glucose", "news2", "summary", "history")
PANELS = "() => document.querySelectorAll('.plot canvas').length"
PICTURES = """() => [...document.querySelectorAll('.plot canvas')].map((each) => {
    const {data} = each.getContext('2d').getImageData(0, 0, each.width, each.height)
    return new Set(new Uint32Array(data.buffer)).size
})"""


@pytest.fixture
def anna(town, api) -> int:
    town.gateway_says("anna", "online")
    return full_record(town, api, "anna")


def opened(screens, patient: int, size=DESK, login="kari", **how) -> Page:
    page = screens.signed_in(login, size, **how)
    page.goto(f"/pasient/{patient}")
    expect(page.get_by_role("tab").first).to_have_attribute("aria-selected", "true")
    all_is_there(page)  # what comes late moves the tabs, and a press that meets the move is none
    return page


def tab(page: Page, name: str) -> None:
    page.locator(f"#tab-{name}").click()
    expect(page.locator("#panel")).to_have_attribute("aria-labelledby", f"tab-{name}")
    all_is_there(page)


def all_is_there(page: Page) -> None:
    expect(page.get_by_text(re.compile("^(Henter …|Loading …)$"))).to_have_count(0)


def test_panels_share_one_axis_and_something_is_drawn_in_each(screens, anna):
    page = opened(screens, anna)
    wait_until(page, f"() => ({PANELS})() >= 3")
    page.get_by_role("button", name="24 t", exact=True).click()
    pulse = page.get_by_role("img", name=re.compile("^Puls, .*1 opphold uten data"))
    expect(pulse).to_be_visible()
    assert min(page.evaluate(PICTURES)) > 3, "an empty canvas has one colour"
    before = pulse.get_attribute("aria-label")
    page.get_by_role("button", name="Forstørr").click()
    wait_until(
        page, f"() => document.querySelector('[aria-labelledby=panel-heart_rate] .plot').ariaLabel !== {before!r}"
    )
    expect(page.get_by_role("button", name="24 t", exact=True)).to_have_attribute("aria-pressed", "false")
    axes = page.evaluate(
        "() => [...document.querySelectorAll('.u-over')].map((each) => each.getBoundingClientRect().left)"
    )
    assert len(set(axes)) == 1, "all panels begin at the same place"


def test_a_value_has_its_unit_its_age_and_what_measured_it(screens, anna):
    page = opened(screens, anna)
    now = page.locator("[aria-labelledby=panel-spo2] .now")
    expect(now).to_have_text(re.compile(r"^\d+ % for \d+ min siden · målt med Oksymeter …EE:01$"))


def test_dragging_over_a_panel_zooms_all_of_them(screens, anna):
    page = opened(screens, anna)
    wait_until(page, f"() => ({PANELS})() >= 3")
    box = page.locator("[aria-labelledby=panel-heart_rate] .u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 40, steps=4)
    page.mouse.up()
    expect(page.get_by_role("button", name="7 d", exact=True)).to_have_attribute("aria-pressed", "false")
    spans = "(each) => each.ariaLabel.match(/, (.*?):/)[1]"
    labels = page.evaluate(f"() => new Set([...document.querySelectorAll('.plot')].map({spans})).size")
    assert labels == 1, "every panel says the same time"


def test_everything_is_a_table_too_and_a_file(screens, anna):
    page = opened(screens, anna)
    page.get_by_role("button", name="7 d", exact=True).click()
    page.get_by_role("button", name="Vis som tabell").click()
    table = page.get_by_role("region", name=re.compile("^SpO₂"))
    expect(table.get_by_role("row")).to_have_count(15)  # every twelve hours for seven days, and the headings
    expect(table.get_by_role("row").nth(1)).to_contain_text("Oksymeter …EE:01")
    with page.expect_download() as download:
        page.get_by_role("button", name="Last ned CSV").click()
    lines = download.value.path().read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("tid;verdi;enhet")
    assert len(lines) == 15
    assert re.match(r"^\d{4}-\d\d-\d\dT[\d:]{8}\+0[12]:00;\d\d;%;;;1;0;AA:BB:CC:DD:EE:01;god;", lines[1])
    expect(page.get_by_role("region", name="Varsler og hendelser")).to_contain_text("Ringte, satt framme i stolen")


def test_an_event_tells_what_it_was_when_it_is_opened(screens, anna):
    page = opened(screens, anna)
    page.get_by_role("button", name="7 d", exact=True).click()
    page.get_by_role("button", name=re.compile("^Notater: 1")).click()
    expect(page.locator(".open")).to_contain_text("Kari avsluttet (Reelt – tiltak): Ringte, satt framme i stolen")


def test_a_limit_is_tried_before_it_can_be_saved_and_says_who_set_it_and_why(screens, api, anna):
    page = opened(screens, anna)
    tab(page, "limits")
    page.get_by_role("button", name="Endre grensene for SpO₂").click()
    edges = page.locator("form input")
    expect(edges.first).to_be_focused()
    expect(page.get_by_role("button", name="Lagre grensene")).to_have_count(0)
    edges.nth(0).fill("80")
    edges.nth(1).fill("82")
    page.get_by_role("button", name="Prøv på siste 30 dager").click()
    expect(page.locator("form section")).to_contain_text(re.compile(r"\d+ → 0 varsler på 30 dager \(56 målinger\)"))
    expect(page.locator("form section")).to_contain_text(re.compile("Blir borte: [1-9]"))
    edges.nth(1).fill("83")
    expect(page.get_by_role("button", name="Lagre grensene")).to_have_count(0)
    page.get_by_role("button", name="Prøv på siste 30 dager").click()
    page.get_by_role("button", name="Lagre grensene").click()
    expect(page.get_by_text("Skriv hvorfor.")).to_be_visible()
    page.get_by_role("textbox", name="Hvorfor endres de?").fill("Ligger stabilt lavt, avklart med lege")
    page.get_by_role("button", name="Lagre grensene").click()
    expect(page.get_by_text("Grensene for SpO₂ er lagret.")).to_be_visible()
    own = page.locator("li", has_text="Ligger stabilt lavt, avklart med lege")
    expect(own).to_contain_text("satt for pasienten")
    expect(own).to_contain_text("Kari")
    stored = next(
        each for each in get(api.signed_in("ola"), f"/patients/{anna}/limits")["limits"] if each["kind"] == "spo2"
    )
    assert stored["limits"] == {"red_low": 80, "yellow_low": 83, "yellow_high": None, "red_high": None}


def test_whoever_decided_meanwhile_is_seen_and_not_overwritten(screens, api, anna):
    screens.expected = (*screens.expected, "409")
    page = opened(screens, anna)
    tab(page, "limits")
    page.get_by_role("button", name="Endre grensene for SpO₂").click()
    page.locator("form input").nth(0).fill("84")
    page.get_by_role("button", name="Prøv på siste 30 dager").click()
    page.get_by_role("textbox", name="Hvorfor endres de?").fill("Lavt")
    expect(page.get_by_role("button", name="Lagre grensene")).to_be_visible()
    ola = api.signed_in("ola")
    rev = get(ola, f"/patients/{anna}/limits")["rev"]
    done(send(ola, f"/patients/{anna}/limits/spo2", red_low=85, yellow_low=87, reason="Ola var først", rev=rev))
    page.get_by_role("button", name="Lagre grensene").click()
    expect(page.get_by_role("alert").filter(has_text="Noen andre har endret grensene imens")).to_be_visible()
    expect(page.get_by_text("Ola var først")).to_be_visible()
    expect(page.locator("form input").nth(0)).to_have_value("84")
    expect(page.get_by_role("button", name="Lagre grensene")).to_have_count(0)


def test_limits_that_cross_cannot_be_tried(screens, anna):
    page = opened(screens, anna)
    tab(page, "limits")
    page.get_by_role("button", name="Endre grensene for SpO₂").click()
    page.locator("form input").nth(0).fill("95")
    expect(page.get_by_role("button", name="Prøv på siste 30 dager")).to_be_disabled()
    expect(page.get_by_text("Dette er ikke et tall, eller det krysser en annen grense.")).to_be_visible()


def test_the_red_zone_begins_with_113_and_contacts_are_called_in_their_order(screens, anna):
    page = opened(screens, anna)
    red = page.locator(".zone.red li")
    expect(red.first).to_have_text("Får ikke fram setninger, forvirret eller blå: ring 113")
    expect(red.nth(1)).to_contain_text("Ring vakttelefonen")
    calls = page.locator("[aria-labelledby=contacts] a")
    expect(calls).to_have_count(3)
    assert [each.get_attribute("href") for each in calls.all()] == ["tel:+4790000002", "tel:90000003", "tel:22000000"]
    care = page.get_by_role("region", name="Må vites")
    for known in ("HLR–", "Penicillin (utslett)", "1,5 l/min hjemme", "Stor hund i gangen"):
        expect(care).to_contain_text(known)


def test_contacts_are_put_in_another_order_with_a_reason_and_stay_so(screens, api, anna):
    page = opened(screens, anna, PHONE)
    page.get_by_role("button", name="Endre kontakter").click()
    form = page.get_by_role("form", name="Endre kontakter")
    form.get_by_role("button", name="Flytt opp: Nabo Bjørn").click()
    form.get_by_role("button", name="Ta bort: Fastlegen").click()
    form.get_by_role("button", name="Legg til kontakt").click()
    new = form.get_by_role("group", name="Kontakt 3")
    new.get_by_label("Navn").fill("Sønnen Per")
    new.get_by_label("Telefon").fill("900 00 004")
    new.get_by_label("Har nøkkel").check()
    assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv hvorfor.")).to_be_visible()
    form.get_by_label("Hvorfor endres det?").fill("Bjørn er nærmest")
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    expect(page.get_by_role("button", name="Endre kontakter")).to_be_focused()
    calls = page.locator("[aria-labelledby=contacts] li b")
    assert calls.all_text_contents()[1:] == ["Nabo Bjørn", "Lise Prøvestad-Nordahl", "Sønnen Per"]
    (newest, *_) = get(api.signed_in("ola"), f"/patients/{anna}/records/contacts")["versions"]
    assert (newest["reason"], newest["record"]["contacts"][2]["has_key"]) == ("Bjørn er nærmest", True)


def test_what_must_be_known_is_said_anew_by_whoever_learns_it(screens, api, anna):
    page = opened(screens, anna, PHONE)
    page.get_by_role("button", name="Endre det som må vites").click()
    form = page.get_by_role("form", name="Endre det som må vites")
    expect(form.get_by_label("En linje for hver")).to_have_value("Stor hund i gangen")
    form.locator("select").select_option("CAVE")
    form.get_by_label("En linje for hver: hva").fill("Penicillin (utslett)\nJod\nMorfin (kvalme)")
    assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_label("Hvorfor endres det?").fill("Sagt av datteren")
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    expect(page.get_by_role("region", name="Må vites")).to_contain_text("Morfin (kvalme)")


def test_a_plan_by_zone_is_written_and_what_somebody_else_wrote_meanwhile_is_not_lost(screens, api, anna):
    screens.expected = (*screens.expected, "409")
    page = opened(screens, anna)
    page.get_by_role("button", name="Endre egenbehandlingsplan").click()
    form = page.get_by_role("form", name="Endre egenbehandlingsplan")
    form.get_by_role("button", name="Legg til steg: Rød sone").click()
    step = form.get_by_role("group", name="Rød sone, steg 2")
    step.get_by_label("Da").fill("Ta to drag av den blå inhalatoren")
    write(api.signed_in("ola"), anna, "self_treatment", red=[{"when": "", "then": "Olas linje"}])
    form.get_by_label("Hvorfor endres det?").fill("Avtalt med lege")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_role("alert")).to_have_text(re.compile("^Noen andre har endret dette imens"))
    expect(page.locator(".zone.red")).to_contain_text("Olas linje")
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    red = page.locator(".zone.red li")
    expect(red.first).to_have_text("Får ikke fram setninger, forvirret eller blå: ring 113")
    expect(red.nth(2)).to_have_text("Ta to drag av den blå inhalatoren")


def pages_of(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", BytesIO(pdf).read()))


@pytest.mark.parametrize("name", ["glucose", "summary"])
def test_a_report_is_printed_on_one_page_and_alone(screens, anna, name):
    page = opened(screens, anna)
    tab(page, name)
    expect(page.locator(".paper h2")).to_be_visible()
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.emulate_media(media="print")
    expect(page.get_by_role("tablist")).to_be_hidden()
    expect(page.locator("header.away")).to_be_hidden()


def test_the_glucose_report_has_what_the_standard_asks_for(screens, anna):
    page = opened(screens, anna)
    tab(page, "glucose")
    paper = page.locator(".paper")
    for figure in (
        "Tid med sensor",
        "Gjennomsnitt",
        "GMI (anslått HbA1c)",
        "Variasjon (CV)",
        "I målområdet",
        "Svært lavt",
    ):
        expect(paper).to_contain_text(figure)
    expect(paper.locator(".daily li")).to_have_count(14)
    expect(paper).not_to_contain_text("tallene er usikre")


def test_news2_is_never_a_number_that_was_not_computed(screens, anna):
    page = opened(screens, anna)
    tab(page, "news2")
    expect(page.locator("#panel")).to_contain_text("Kan ikke regnes ut")
    expect(page.locator("#panel")).to_contain_text(
        "Mangler: pustefrekvens, oksygentilskudd, blodtrykk, bevissthet, temperatur"
    )


def test_a_screen_that_is_looked_at_asks_once_and_not_with_every_second(screens, town, anna):
    """Every answer is a look at the patient in the access log, for ever."""
    page = opened(screens, anna)
    for name in TABS:
        tab(page, name)
    looks = "select count(*) from access_log where patient_id = %s and deed = 'look'"
    before = town.one(looks, anna)
    page.wait_for_timeout(2500)  # more than two of its seconds
    assert town.one(looks, anna) == before


def test_history_says_who_decided_and_only_an_auditor_reads_who_looked(screens, anna):
    page = opened(screens, anna)
    tab(page, "history")
    decided = page.get_by_role("region", name="Hvem har bestemt hva")
    expect(decided).to_contain_text("Doktor")
    expect(decided).to_contain_text("CAVE: Penicillin, Jod")
    expect(page.get_by_text("Loggen over innsyn kan leses av revisor.")).to_be_visible()


def test_by_keyboard_alone_the_parts_are_reached_and_a_limit_is_opened(screens, anna):
    page = opened(screens, anna)
    page.locator("#tab-overview").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-limits")).to_be_focused()
    expect(page.get_by_role("button", name="Endre grensene for SpO₂")).to_be_visible()
    page.keyboard.press("End")
    expect(page.locator("#tab-history")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name=re.compile("^Endre grensene")).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("form input").first).to_be_focused()


@pytest.mark.parametrize("language", ["nb", "en"])
def test_axe_finds_nothing_on_any_part(screens, anna, language):
    page = opened(screens, anna, language=language, motion=False)
    for name in TABS:
        tab(page, name)
        assert violations(page) == [], name
    tab(page, "overview")
    page.get_by_role("button", name=re.compile("Vis som tabell|Show as a table")).click()
    expect(page.get_by_role("table").first).to_be_visible()
    assert violations(page) == []


@pytest.mark.parametrize("size", [PHONE, TABLET, DESK])
def test_nothing_is_wider_than_the_window_and_every_target_can_be_hit(screens, town, anna, size):
    town.sql("update patient set name = %s where id = %s", LONG, anna)
    page = opened(screens, anna, size)
    for name in TABS:
        tab(page, name)
        if name == "limits":
            page.get_by_role("button", name="Endre grensene for SpO₂").click()
        assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS)) == ([], []), name


# As on the board; what scrolls within its own frame may be wider than it.
OVERFLOW = TOO_WIDE.replace("!each.closest('.skip')", "!each.closest('.skip') && !each.closest('.scroll')")


def test_a_patient_of_whom_nothing_is_known_is_shown_as_unknown(screens, town):
    page = opened(screens, town.patients["arne"])
    expect(page.get_by_text("Ingen målinger er registrert på pasienten ennå")).to_be_visible()
    expect(page.get_by_text("Ingen egenbehandlingsplan er skrevet")).to_be_visible()
    expect(page.get_by_role("region", name="Må vites")).to_contain_text("Ikke opplyst")
    tab(page, "glucose")
    expect(page.locator(".paper")).to_contain_text("Pasienten har ingen slike målinger.")
    tab(page, "summary")
    expect(page.locator(".paper")).to_contain_text("Ingen målinger i tidsrommet.")


def test_a_patient_of_another_team_is_nobody(screens, town):
    screens.expected = (*screens.expected, "404")
    page = screens.signed_in("kari")
    page.goto(f"/pasient/{town.patients['berta']}")
    expect(page.get_by_text("Ingen av pasientene dine har dette nummeret.")).to_be_visible()


def test_a_reading_on_the_socket_is_in_the_chart_at_once(screens, town, anna):
    page = opened(screens, anna)
    wait_until(page, f"() => ({PANELS})() >= 3")
    town.measure("anna", Kind.SPO2, 77, datetime.now(UTC))
    expect(page.locator("[aria-labelledby=panel-spo2] .now")).to_contain_text("77 %")
    expect(page.get_by_role("img", name=re.compile("^SpO₂, .*lavest 77 %"))).to_be_visible()


def test_without_a_line_the_screen_says_so_and_an_old_value_looks_old(screens, api, anna):
    screens.expected = (*screens.expected, "ERR_CONNECTION_REFUSED", "WebSocket")
    page = opened(screens, anna)
    wait_until(page, f"() => ({PANELS})() >= 3")
    api.stop()
    try:
        expect(page.get_by_text("Frakoblet: verdiene under er fra før linjen ble borte.")).to_be_visible()
        expect(page.locator("[aria-labelledby=panel-spo2] .now s")).to_be_visible()
        page.get_by_role("button", name="30 d", exact=True).click()
        expect(page.get_by_text("Ingen kontakt med serveren.").first).to_be_visible()
    finally:
        api.start()


def test_the_board_leads_to_the_patient(screens, town, anna):
    page = screens.signed_in("kari")
    row(page, "anna").get_by_role("link", name="anna").click()
    expect(page).to_have_url(re.compile(f"/pasient/{anna}$"))
    expect(page.get_by_role("heading", name=re.compile("anna"))).to_be_visible()


def test_a_year_says_which_year_it_begins_in(screens, anna):
    page = opened(screens, anna)
    page.get_by_role("button", name="1 år").click()
    begins = datetime.now(UTC).year - 1
    expect(page.get_by_role("img", name=re.compile(f"^SpO₂, .*{begins}.*høyest"))).to_be_visible()
