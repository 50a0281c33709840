"""A municipality's first day by screen: a team is made, a patient registered, the home found by whoever installs, and
the patient stands on the board as one of whom nothing is known."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESK, PHONE, row, sign_in
from tests.browser.test_board_use import TABLET, TARGETS, TOO_WIDE, violations
from tests.integration.care_rig import done, get, send

NAME = "Åse-Karin Hammerfjeld-Østensjøvik"
LABELS = {
    "nb": ("Navn *", "Født *", "Pasientforløp *", "Adresse *", "Registrer pasienten"),
    "en": ("Name *", "Born *", "Pathway *", "Address *", "Register the patient"),
}


@pytest.fixture
def staffed(api, town):
    town.add_staff("adam", east="administrator")
    town.sql("insert into municipality values ('3818', 'Tinn'), ('0301', 'Oslo')")
    for number in ("3818", "0301"):
        town.sql("insert into municipality_team values (%s, %s)", number, town.teams["east"])
    return town


def opened(screens, login, page, size=DESK, **options):
    shown = screens.blank(size, **options)
    shown.goto(f"/administrasjon/{page}")
    sign_in(shown, login)
    expect(shown.locator("main h2")).to_be_visible()
    return shown


def fill(page, language="nb", **other):
    name, born, pathway, address, _ = LABELS[language]
    page.get_by_label(name).fill(other.get("name", NAME))
    page.get_by_label(born).fill("17.05.1940")
    page.get_by_label(pathway).select_option("kols")
    page.get_by_label(address).fill(other.get("address", "Lillegata 7, 3660 Rjukan"))


def look_at(page, patient):
    page.goto(f"/pasient/{patient}")
    page.wait_for_load_state("networkidle")  # what comes late pushes a button away from under the pointer


def test_from_a_new_team_to_a_home_that_whoever_installs_finds_and_a_board_that_is_not_green(api, screens, staffed):
    screens.expected = ("401", "422")
    adam = opened(screens, "adam", "team")
    adam.get_by_role("button", name="Nytt team …").click()
    form = adam.get_by_role("form", name="Nytt team")
    form.get_by_role("button", name="Lagre").click()
    expect(form.locator(".wrong")).to_have_text(["Skriv et navn.", "Velg minst én kommune.", "Skriv hvorfor."])
    form.get_by_label("Navnet på teamet").fill("EAST")
    form.get_by_label("Tinn").check()
    form.get_by_label("Hvorfor").fill("ny sone")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Et annet team heter det.")).to_be_visible()
    form.get_by_label("Navnet på teamet").fill("Øvre dal")
    form.get_by_role("button", name="Lagre").click()
    line = adam.get_by_role("row", name=re.compile("^Øvre dal"))
    expect(line).to_contain_text("Ingen i teamet kan svare på varsler.")
    team = staffed.one("select id from team where name = 'Øvre dal'")

    adams = api.signed_in("adam")
    for login, role in (("kari", "nurse"), ("tor", "technician")):
        rev = get(adams, f"/teams/{team}/members")["rev"]
        done(send(adams, f"/teams/{team}/members", login=login, role=role, rev=rev, reason="første dag"))
    adam.reload()
    expect(line).to_contain_text("Ingen er på vakt.")

    adam.get_by_role("link", name="Ny pasient").click()
    adam.locator(".title select").select_option(label="Øvre dal")
    fill(adam)
    adam.get_by_role("button", name="Registrer pasienten").click()
    expect(adam.get_by_role("heading", name=f"{NAME} er registrert")).to_be_visible()
    reference = staffed.one("select reference from patient where name = %s", NAME)
    expect(adam.get_by_text(f"Referanse {reference}.")).to_be_visible()

    tor = screens.blank(PHONE)
    tor.goto("/montering")
    sign_in(tor, "tor")
    tor.get_by_role("searchbox").fill(reference)
    home = tor.locator("main li a")
    expect(home).to_have_count(1)
    expect(home).to_contain_text("Lillegata 7, 3660 Rjukan")
    home.click()
    tor.get_by_role("button", name="Pasient", exact=True).click()
    expect(tor.get_by_text(NAME).first).to_be_visible()

    kari = screens.signed_in("kari")
    expect(row(kari, NAME)).to_contain_text("Ingen målinger ennå")
    expect(kari.locator(".bar button.green strong")).to_have_text("0")


def test_a_coordinator_comes_to_the_new_patients_page_and_sees_what_remains(screens, staffed):
    screens.expected = ("401", "422")
    page = screens.signed_in("siv", PHONE)
    page.get_by_role("link", name="Ny pasient").click()
    page.get_by_role("button", name="Registrer pasienten").click()
    wrong = ["Skriv navnet.", "Skriv en dag som har vært, som 17.05.1940.", "Skriv adressen.", "Velg et pasientforløp."]
    expect(page.locator("label .wrong")).to_have_text(wrong)
    fill(page)
    page.get_by_label("Fødselsnummer").fill("17054042141")
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(page.get_by_text("Nummeret stemmer ikke.")).to_be_visible()
    page.get_by_label("Fødselsnummer").fill("170540 42140")
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    remains = page.get_by_role("region", name="Dette gjenstår")
    expect(remains.get_by_role("listitem")).to_have_text(
        [
            re.compile("Montering: hjemmesentral og sensorer +mangler"),
            re.compile("Pårørende i ringerekkefølge +mangler"),
            re.compile("Egenbehandlingsplan +mangler"),
            re.compile("følger pasientforløpet .*standard"),
        ]
    )
    assert page.evaluate(TOO_WIDE) == []


def test_what_was_typed_survives_a_line_that_is_cut_and_a_look_at_another_screen(screens, staffed):
    screens.expected = ("401", "ERR_FAILED")
    page = screens.signed_in("siv")
    page.get_by_role("link", name="Ny pasient").click()
    fill(page)
    page.route("**/patients", lambda route: route.abort())
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(page.get_by_text("Ikke registrert: ingen kontakt med serveren.")).to_be_visible()
    page.unroute("**/patients")
    page.locator("header nav").get_by_role("link", name="Vakttavle").click()
    page.get_by_role("link", name="Ny pasient").click()
    expect(page.get_by_text("Det du begynte på, står her ennå.")).to_be_visible()
    expect(page.get_by_label("Navn *")).to_have_value(NAME)
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(page.get_by_role("region", name="Dette gjenstår")).to_be_visible()
    assert staffed.one("select count(*) from patient where name = %s", NAME) == 1


def test_a_possible_double_and_a_neighbour_are_decided_before_anything_is_made(screens, staffed):
    staffed.sql("update patient set name = %s where name = 'anna'", NAME)
    page = opened(screens, "siv", "ny-pasient")
    fill(page, address="storgata 1")
    page.get_by_role("button", name="Registrer pasienten").click()
    told = page.locator(".already")
    expect(told).to_be_focused()
    expect(told.get_by_role("link", name=NAME)).to_have_count(1)
    expect(told).to_contain_text("anna: én pasient bor der")
    with page.expect_response("**/patients"):
        page.get_by_role("button", name="Registrer pasienten").click()
    assert staffed.one("select count(*) from patient") == 3
    another = told.get_by_label("Det er en annen person")
    another.check()
    staffed.sql("update patient set name = %s where name = 'arne'", NAME)  # meanwhile, by somebody else
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(told.get_by_role("link", name=NAME)).to_have_count(2)
    expect(another).not_to_be_checked()
    another.check()
    told.get_by_role("button", name="Samme hjem og hjemmesentral").click()
    expect(page.get_by_text("Flytter inn i anna.")).to_be_visible()
    page.get_by_role("button", name="Registrer pasienten").click()
    expect(page.get_by_role("region", name="Dette gjenstår")).to_be_visible()
    lives = staffed.sql("select home_id from patient where name = %s order by id desc limit 1", NAME)
    assert lives == [(staffed.homes["anna"],)]


def test_a_telephone_and_an_address_are_mended_with_a_reason_that_is_kept(screens, staffed):
    anna = staffed.patients["anna"]
    page = screens.signed_in("siv", PHONE)
    look_at(page, anna)
    page.get_by_role("button", name="Endre opplysninger").click()
    form = page.get_by_role("form", name="Endre opplysninger")
    form.get_by_label("Telefon").fill("912 34 567")
    form.get_by_label("Koordinator").select_option(label="Ola")
    form.get_by_label("Bor alene").select_option("yes")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv hvorfor.")).to_be_visible()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_label("Hvorfor").fill("nytt nummer")
    form.get_by_role("button", name="Lagre").click()
    expect(page.get_by_role("link", name="Ring anna, 91234567")).to_be_visible()
    page.get_by_role("button", name="Endre adresse").click()
    form = page.get_by_role("form", name="Endre adresse")
    form.get_by_label("Adresse fra nå av").fill("Nygata 3")
    form.get_by_label("Hvorfor endres").fill("flyttet")
    form.get_by_role("button", name="Lagre").click()
    expect(page.get_by_text("Nygata 3")).to_be_visible()
    kept = staffed.sql("select detail from patient_change where patient_id = %s", anna)
    assert {name for (detail,) in kept for name in detail} == {"phone", "coordinator", "lives_alone"}


def test_a_coordinator_hands_a_patient_over_and_ends_another_one(screens, staffed):
    page = screens.signed_in("siv", PHONE)
    look_at(page, staffed.patients["arne"])
    page.get_by_role("button", name="Avslutt eller flytt …").click()
    form = page.get_by_role("form", name="Avslutt eller flytt")
    form.get_by_role("button", name="Avslutt oppfølgingen").click()
    expect(form.get_by_text("Velg hva som skjer.")).to_be_visible()
    form.get_by_label("Hva som skjer").select_option("hand_over")
    form.get_by_role("button", name="Flytt pasienten").click()
    expect(form.get_by_text("Velg teamet.")).to_be_visible()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_label("Team som overtar").select_option(label="west")
    form.get_by_label("Hvorfor").fill("flyttet til vest")
    form.get_by_role("button", name="Flytt pasienten").click()
    expect(page.get_by_role("definition").filter(has_text="west")).to_be_visible()
    expect(page.get_by_role("button", name="Avslutt eller flytt …")).to_have_count(0)  # a nurse there
    assert staffed.one("select team_id from patient where name = 'arne'") == staffed.teams["west"]

    look_at(page, staffed.patients["anna"])
    page.get_by_role("button", name="Avslutt eller flytt …").click()
    form.get_by_label("Hva som skjer").select_option("moved")
    form.get_by_label("Hvorfor").fill("bor hos datteren")
    form.get_by_role("button", name="Avslutt oppfølgingen").click()
    expect(form.get_by_text("Kryss av før du avslutter.")).to_be_visible()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    assert staffed.one("select active from patient where name = 'anna'") is True
    form.get_by_label("Jeg vet at det ikke kan angres").check()
    form.get_by_role("button", name="Avslutt oppfølgingen").click()
    expect(page.get_by_text("Utstyr som skal hentes for teamet: 2.")).to_be_visible()
    expect(page.get_by_text("Oppfølgingen er avsluttet").first).to_be_visible()
    assert staffed.one("select ended_why from patient where name = 'anna'") == "moved"


@pytest.mark.parametrize("language", ["nb", "en"])
def test_axe_finds_nothing_nothing_is_too_wide_and_every_target_can_be_hit(screens, staffed, language):
    staffed.sql("update patient set name = %s, municipality = '3818' where name = 'berta'", NAME)
    page = opened(screens, "adam", "ny-pasient", language=language, motion=False)
    submit = page.get_by_role("button", name=LABELS[language][-1])
    submit.click()
    expect(page.locator("label .wrong")).to_have_count(4)
    whole(page)
    fill(page, language, address="Storgata 1")
    submit.click()
    expect(page.locator(".already")).to_be_visible()
    whole(page)
    for tick in page.locator(".already input").all():
        tick.check()
    submit.click()
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    whole(page)
    page.goto("/administrasjon/team")
    page.locator("main section > div button").click()
    page.locator("main form button.main").click()
    expect(page.locator("form .wrong")).to_have_count(3)
    whole(page)


def whole(page):
    for width, height in (DESK, TABLET, PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert violations(page) == []
        assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
