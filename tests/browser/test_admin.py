"""The administration: who is called, what counts, what stands where, who saw it; by role, by keyboard, on a phone."""

import re
from datetime import datetime, timedelta
from secrets import token_hex
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, sign_in
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations

OSLO = ZoneInfo("Europe/Oslo")
AGAIN = re.compile("^Prøv igjen ?: gw-anna")
LONG = "Åse-Karin Hammerfjeld-Østensjøvik Brattbakk-Skjærgårdsvik"
PAGES = {
    "vakt": ("siv", "På vakt nå", "On duty now"),
    "hjemmesentraler": ("siv", "Alle hjemmesentraler", "All gateways"),
    "pasientforlop": ("siv", "Grenser", "Limits"),
    "ansatte": ("adam", "Hvem arbeider i teamet", "Who works in the team"),
    "innsynslogg": ("rune", "Hvem har sett hva", "Who saw what"),
}


@pytest.fixture
def staffed(api, town):
    """A team with people, periods with a gap, a troubled gateway, and entries in the log."""
    town.add_staff("adam", east="administrator")
    town.sql("update staff set name = %s where login = 'ola'", LONG)
    east, row = town.teams["east"], "insert into duty (team_id, staff_id, part, from_at, to_at, started_by, ended_by)"
    ends = ((3.0, 2.5, "kari"), (2.2, 1.0, "ola"))
    for begun, over, who in ends:
        given = (east, town.staff[who], begun, over, town.staff["siv"], town.staff["siv"])
        town.sql(
            f"{row} values (%s, %s, 'duty', now() - %s * interval '1 d', now() - %s * interval '1 d', %s, %s)", *given
        )
    town.gateway_says("anna", "online", version="0.2.0", troubles=["no Bluetooth, trying again"])
    town.gateway_says("arne", "silent", waiting_bulk=3)
    aside = "insert into set_aside (at, gateway, topic, reason, payload) values (now(), %s, 't', 'body: broken', '')"
    town.sql(aside, "gw-anna")
    kari = api.signed_in("kari")
    kari.get(f"/api/v1/patients/{town.patients['anna']}/limits").raise_for_status()
    return town


def opened(screens, login, page, size=DESK, **options):
    shown = screens.blank(size, **options)
    shown.goto(f"/administrasjon/{page}")
    sign_in(shown, login)
    expect(shown.locator("main section").first).to_be_visible()
    return shown


def test_a_coordinator_puts_a_colleague_on_duty_and_ends_it_saying_why(screens, staffed):
    page = opened(screens, "siv", "vakt")
    expect(page.get_by_text("Ingen er på vakt.")).to_be_visible()
    page.get_by_role("region", name="På vakt nå").get_by_label("Hvem").select_option(label="Kari")
    page.get_by_role("button", name="Sett på vakt nå").click()
    row = page.get_by_role("row", name="Vakt Kari")
    expect(row).to_contain_text("skjerm")
    expect(page.get_by_text("Ingen er på vakt.")).to_have_count(0)
    row.get_by_role("button", name="Avslutt vakten").click()
    page.get_by_role("button", name="Avslutt vakten nå").click()
    expect(page.get_by_text("Skriv hvorfor ingen er igjen på vakt")).to_be_visible()
    page.get_by_role("textbox", name="Hvorfor er ingen igjen").fill("Naboteamet svarer.")
    page.get_by_role("button", name="Avslutt vakten nå").click()
    expect(page.get_by_text("Ingen er på vakt.")).to_be_visible()
    assert staffed.one("select note from duty where note <> ''") == "Naboteamet svarer."
    page.get_by_text("Tabell: 3 vakter, 2 tidsrom uten noen på vakt").click()
    expect(page.get_by_text("Ingen på vakt, 7 t")).to_be_visible()


def test_a_chain_is_changed_only_when_it_is_whole_and_history_says_who(screens, staffed):
    page = opened(screens, "siv", "vakt")
    page.get_by_role("button", name=re.compile(r"^Endre ?: Rød$")).first.click()
    form = page.get_by_role("form", name="Endre kjedene for Rød")
    form.locator(".step select").nth(2).select_option("phone")
    form.get_by_label("Nummer").fill("113")
    form.get_by_label("Sekunder etter forrige trinn").first.fill("fem")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Hjemvakt ringer aldri 110")).to_be_visible()
    expect(form.get_by_text("Et helt antall sekunder, 0 til")).to_be_visible()
    expect(form.get_by_text("Skriv hvorfor.")).to_be_visible()
    assert staffed.one("select count(*) from chain_set") == 0
    form.get_by_label("Nummer").fill("912 34 567")
    form.get_by_label("Hvem sin telefon").fill("Vaktrommet")
    form.get_by_label("Sekunder etter forrige trinn").first.fill("90")
    form.get_by_label("Hvorfor").fill("Bakvakten sitter nærmere.")
    form.get_by_role("button", name="Lagre").click()
    expect(page.get_by_text("Vaktrommet, telefon +4791234567").first).to_be_visible()
    expect(page.get_by_text("etter 1 min 30 s").first).to_be_visible()
    page.get_by_text("Historikk (1)").click()
    expect(page.get_by_role("row").filter(has_text="Bakvakten sitter nærmere.")).to_contain_text("Siv")


def test_a_coordinator_plans_a_duty_ahead_and_takes_it_back(screens, staffed):
    page = opened(screens, "siv", "vakt")
    ahead = page.get_by_role("region", name="Vaktplan framover")
    expect(ahead.get_by_text("Ingen vakt er planlagt.")).to_be_visible()
    form = ahead.get_by_role("form", name="Legg i planen")
    form.get_by_role("button", name="Legg i planen").click()
    expect(form.get_by_text("Velg dagen.")).to_be_visible()
    form.get_by_label("Hvem").select_option(label="Kari")
    form.get_by_label("Dag").fill((datetime.now(OSLO) + timedelta(days=2)).date().isoformat())
    form.get_by_label("Fra").fill("22:00")
    form.get_by_label("Til").fill("7.30")
    form.get_by_role("button", name="Legg i planen").click()
    expect(form.get_by_text("Skriv klokkeslettet som 07:30.")).to_be_visible()
    form.get_by_label("Til").fill("07:30")
    expect(form.get_by_text("Slutter neste dag.")).to_be_visible()
    form.get_by_role("button", name="Legg i planen").click()
    row = ahead.get_by_role("row", name="Vakt Kari")
    expect(row).to_contain_text("22:00")
    expect(row).to_contain_text("lagt inn av Siv")
    row.get_by_role("button", name="Ta bort").click()
    expect(ahead.get_by_text("Ingen vakt er planlagt.")).to_be_visible()


def test_an_administrator_decides_who_works_in_the_team_and_says_why(screens, staffed):
    page = opened(screens, "adam", "ansatte")
    page.get_by_role("button", name=re.compile(r"^Endre rolle … ?: Kari$")).click()
    form = page.get_by_role("form", name="Rollen til Kari")
    form.get_by_label("Rolle").select_option(label="Koordinator")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv hvorfor.")).to_be_visible()
    form.get_by_label("Hvorfor").fill("Leder dagvakten.")
    form.get_by_role("button", name="Lagre").click()
    expect(page.get_by_role("row", name=re.compile("^Kari"))).to_contain_text("Koordinator")
    page.get_by_role("button", name="Ny i teamet …").click()
    form = page.get_by_role("form", name="Ny i teamet")
    form.get_by_label("Hvorfor").fill("Låner henne ut.")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv brukernavnet.")).to_be_visible()
    form.get_by_label("Brukernavn").fill("berit")
    form.get_by_role("button", name="Lagre").click()
    expect(page.get_by_role("row", name=re.compile("^Berit"))).to_contain_text("Sykepleier")
    page.get_by_role("button", name=re.compile(r"^Endre rolle … ?: Berit$")).click()
    form = page.get_by_role("form", name="Rollen til Berit")
    form.get_by_label("Hvorfor").fill("Lånet er over.")
    form.get_by_role("button", name="Slutter i teamet").click()
    expect(page.get_by_role("row", name=re.compile("^Berit"))).to_have_count(0)
    page.get_by_text("Hvem bestemte det (3)").click()
    expect(page.get_by_text("Kari ble koordinator.")).to_be_visible()


def test_what_was_typed_stays_when_the_line_is_down_or_somebody_was_first(api, screens, staffed):
    screens.expected = ("401", "409", "ERR_FAILED")
    page = opened(screens, "siv", "pasientforlop")
    limits = page.get_by_role("region", name="Grenser", exact=True)  # the plan has a row of the same kind
    limits.get_by_role("button", name=re.compile(r"^Endre ?: SpO₂")).click()
    form = page.get_by_role("form", name="Grenser for SpO₂")
    form.get_by_label("Gul lav").fill("91")
    form.get_by_label("Hvorfor").fill("Som avtalt i teamet.")
    page.route("**/pathways/kols/limits/spo2", lambda route: route.abort())
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Ikke lagret: ingen kontakt")).to_be_visible()
    page.unroute("**/pathways/kols/limits/spo2")
    path, siv = f"/api/v1/teams/{staffed.teams['east']}/pathways/kols/limits", api.signed_in("siv")
    theirs = {"red_low": 85, "yellow_low": 89, "reason": "en annen", "rev": siv.get(path).json()["rev"]}
    siv.post(f"{path}/spo2", json=theirs, headers={"Idempotency-Key": token_hex(8)}).raise_for_status()
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("noen andre bestemte noe")).to_be_visible()
    expect(form.get_by_label("Gul lav")).to_have_value("91")
    expect(form.get_by_role("alert")).to_contain_text("den andre skrev «89»")
    expect(form.get_by_label("Rød lav")).to_have_value("85")
    expect(page.get_by_role("row").filter(has_text="en annen").first).to_be_visible()
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    expect(page.get_by_role("row", name="SpO₂ %").first).to_contain_text("Som avtalt i teamet.")


def test_gateways_with_troubles_stand_first_and_say_what_is_unknown(screens, staffed):
    page = opened(screens, "tor", "hjemmesentraler")
    rows = page.get_by_role("region", name="Alle hjemmesentraler").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="gw-anna")).to_contain_text("no Bluetooth, trying again")
    expect(rows.filter(has_text="gw-anna")).to_contain_text("ukjent")
    expect(rows.filter(has_text="gw-arne")).to_contain_text("taus")
    expect(page.get_by_text("body: broken")).to_be_visible()
    page.get_by_role("searchbox").fill("bluetooth")
    expect(rows).to_have_count(1)


def test_an_auditor_reads_the_log_of_one_patient_and_prints_it(screens, staffed):
    page = opened(screens, "rune", "innsynslogg")
    page.get_by_role("button", name="anna", exact=True).first.click()
    link = page.get_by_role("link", name="Skriv ut for pasienten")
    expect(link).to_have_attribute("href", f"/api/v1/patients/{staffed.patients['anna']}/access-log")
    expect(page.get_by_role("row").filter(has_text="Kari").first).to_contain_text("så på")


def test_a_message_that_was_set_aside_is_tried_again_and_its_answer_is_shown(screens, staffed):
    page = opened(screens, "adam", "hjemmesentraler", PHONE)
    aside = page.get_by_role("region", name="Meldinger lagt til side")
    expect(aside.get_by_role("row").filter(has_text="gw-anna")).to_contain_text("body: broken")
    aside.get_by_role("button", name=AGAIN).click()
    form = aside.get_by_role("form", name="Prøv igjen")
    form.get_by_role("button", name="Prøv igjen").click()
    expect(form.get_by_text("Skriv hvorfor.")).to_be_visible()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_label("Hvorfor").fill("Serveren er oppdatert")
    form.get_by_role("button", name="Prøv igjen").click()
    expect(aside.get_by_text("Venter på serveren …")).to_be_visible()
    expect(aside.get_by_role("button", name=AGAIN)).to_have_count(0)
    answered = "update set_aside_try set tried_at = now(), stored = 3, events = 1, refused = 2, why = 'too old'"
    staffed.sql(answered)
    expect(aside).to_contain_text(
        re.compile("nye målinger lagret: 3, nye hendelser lagret: 1, rader som fortsatt ikke kan lagres: 2.*too old")
    )
    expect(aside).to_contain_text(re.compile("Spurt av Adam .*: Serveren er oppdatert"))
    expect(aside.get_by_role("button", name=AGAIN)).to_be_visible()


def test_whoever_may_not_have_it_tried_again_sees_only_what_became_of_it(screens, staffed):
    page = opened(screens, "tor", "hjemmesentraler")
    aside = page.get_by_role("region", name="Meldinger lagt til side")
    expect(aside.get_by_text("ikke prøvd igjen")).to_be_visible()
    expect(aside.get_by_role("button")).to_have_count(0)


def test_an_administrator_ends_a_login_of_a_member(screens, staffed):
    page = opened(screens, "adam", "ansatte")
    page.get_by_role("button", name=re.compile(r"^Innlogginger … ?: Kari$")).click()
    page.get_by_role("button", name="Logg ut der").click()
    expect(page.get_by_text("Ikke logget inn noe sted.")).to_be_visible()
    assert staffed.one("select count(*) from session where staff_id = %s", staffed.staff["kari"]) == 0


@pytest.mark.parametrize(
    ("login", "pages"),
    [
        ("kari", ["Vakt og varsling", "Pasientforløp", "Ansatte"]),
        ("tor", ["Hjemmesentraler"]),
        ("adam", ["Hjemmesentraler", "Ansatte", "Team", "Ny pasient"]),
        ("rune", ["Ansatte", "Innsynslogg"]),
        ("siv", ["Vakt og varsling", "Hjemmesentraler", "Pasientforløp", "Ansatte", "Team", "Ny pasient"]),
    ],
)
def test_nobody_is_shown_a_page_that_the_server_would_refuse(screens, staffed, login, pages):
    page = opened(screens, login, "")
    expect(page.locator("main nav a")).to_have_text(pages)
    expect(page.get_by_text("Rollen din omfatter ikke dette")).to_have_count(0)
    if login == "kari":
        expect(page.get_by_role("button", name="Gå på vakt nå")).to_be_visible()
        expect(page.get_by_role("button", name="Endre")).to_have_count(0)
        page.goto("/administrasjon/innsynslogg")
        expect(page.get_by_text("Denne siden er ikke for rollen din")).to_be_visible()


def open_forms(page, name):
    """The largest form of a page."""
    if name in ("vakt", "pasientforlop"):
        section = page.locator("section", has=page.locator("#chains, #limits"))
        section.get_by_role("button", name=re.compile("^(Endre|Change)")).first.click()
        expect(page.locator("main form textarea").first).to_be_visible()
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_nothing_is_too_wide_and_every_target_can_be_hit(screens, staffed, name, language):
    login, norwegian, english = PAGES[name]
    page = opened(screens, login, name, language=language, motion=False)
    expect(
        page.locator("main").get_by_role("heading", name=norwegian if language == "nb" else english, exact=True)
    ).to_be_visible()
    expect(page.locator("main table").first).to_be_visible()
    open_forms(page, name)
    for width, height in (DESK, TABLET, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert violations(page) == []
        assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
