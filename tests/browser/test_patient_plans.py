"""What is written into a patient's plans on the screen: goals and measures, and what is awaited of this patient."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import PHONE, link
from tests.browser.patient_rig import write
from tests.browser.test_board_use import TARGETS, violations
from tests.browser.test_patient import OVERFLOW, anna, opened, tab
from tests.integration.care_rig import done, get, send

__all__ = ["anna"]


def answer_lost_once(page: Page, path: str) -> list[str]:
    """The server has what was sent, and the screen never hears so. Returns the keys that were sent."""
    keys: list[str] = []

    def answered(route):
        if route.request.method == "GET":
            route.continue_()
            return
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route(path, answered)
    return keys


def test_a_goal_is_written_with_who_is_responsible_and_once_though_its_answer_was_lost(screens, api, anna):
    screens.expected = (*screens.expected, "ERR_FAILED")
    page = opened(screens, anna, PHONE)
    tab(page, "home")
    plan = page.get_by_role("region", name="Individuell plan")
    plan.get_by_role("button", name="Endre individuell plan").click()
    form = page.get_by_role("form", name="Endre individuell plan")
    expect(form.get_by_role("group", name="Mål 1").get_by_label("Hva er viktig")).to_have_value(
        "Kunne gå til butikken selv"
    )
    form.get_by_role("group", name="Tiltak 1.1").get_by_label("Gjort").check()
    form.get_by_role("button", name="Legg til mål").click()
    goal = form.get_by_role("group", name="Mål 2")
    goal.get_by_label("Hva er viktig").fill("Sove hele natten")
    goal.get_by_label("Hva skal gjøres").fill("Inhalasjon før leggetid")
    goal.get_by_label("Ansvarlig").fill("Lise Prøvestad-Nordahl")
    goal.get_by_label("Frist").fill("2026-01-31")
    assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    keys = answer_lost_once(page, "**/patients/*/records")
    form.get_by_label("Hvorfor endres det?").fill("Tverrfaglig møte")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_role("alert")).to_contain_text("Ingen kontakt med serveren")
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    assert len(keys) == 2 and keys[0] == keys[1]
    expect(plan.get_by_role("button", name="Endre individuell plan")).to_be_focused()
    expect(plan).to_contain_text("ansvarlig: Lise Prøvestad-Nordahl · frist 31. januar 2026 · ikke gjort")
    expect(plan).to_contain_text("fristen er passert")
    newest, before = get(api.signed_in("ola"), f"/patients/{anna}/records/individual_plan")["versions"]
    assert (newest["reason"], newest["record"]["goals"][0]["measures"][0]["done"]) == ("Tverrfaglig møte", True)
    assert before["record"]["goals"][0]["measures"][0]["done"] is False


def test_a_plan_that_somebody_else_has_changed_is_shown_before_ones_own_is_saved_beside_it(screens, api, anna):
    screens.expected = (*screens.expected, "409")
    page = opened(screens, anna, PHONE, language="en")
    tab(page, "home")
    plan = page.get_by_role("region", name="Individual plan")
    plan.get_by_role("button", name="Change the individual plan").click()
    form = page.get_by_role("form", name="Change the individual plan")
    form.get_by_role("button", name="Remove: Measure 1.1").click()
    goals = [{"goal": "Olas mål", "measures": []}]
    write(api.signed_in("ola"), anna, "individual_plan", goals=goals)
    form.get_by_label("Why is it changed?").fill("No longer wanted")
    form.get_by_role("button", name="Save").click()
    expect(form.get_by_role("alert")).to_contain_text("Somebody else has changed this meanwhile")
    expect(plan.locator("ol").first).to_contain_text("Olas mål")
    expect(form.get_by_label("What matters").first).to_have_value("Olas mål")
    expect(form.get_by_label("What matters").last).to_have_value("Kunne gå til butikken selv")
    told = form.get_by_role("alert").get_by_role("listitem")
    expect(told).to_contain_text("Kunne gå til butikken selv: taken away by the other")
    assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_role("button", name="Save").click()
    expect(form).to_have_count(0)
    stored = get(api.signed_in("ola"), f"/patients/{anna}/records/individual_plan")["versions"][0]["record"]["goals"]
    assert stored == [*goals, {"goal": "Kunne gå til butikken selv", "measures": []}]


def test_a_patients_own_measuring_plan_is_decided_with_a_reason_and_taken_back(screens, api, anna):
    page = opened(screens, anna, PHONE)
    tab(page, "home")
    plan = page.get_by_role("region", name="Måleplan")
    shipped = plan.get_by_role("listitem").filter(has_text="SpO₂")
    expect(shipped).to_contain_text("forslag, ikke bekreftet")
    plan.get_by_role("button", name="Endre måleplanen for SpO₂").click()
    form = page.get_by_role("form", name="Endre måleplanen for SpO₂")
    form.get_by_label("Klokkeslett").fill("kl åtte")
    form.get_by_label("Hvorfor endres det?").fill("Er alltid ute om morgenen")
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv klokkeslett som 08:00")).to_be_visible()
    form.get_by_label("Klokkeslett").fill("21:30; 12")
    for day in ("lør.", "søn."):
        form.get_by_label(day).uncheck()
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_text("Skriv klokkeslett som 08:00")).to_be_visible()
    form.get_by_label("Klokkeslett").fill("21:30; 12.00")
    assert (page.evaluate(OVERFLOW), page.evaluate(TARGETS), violations(page)) == ([], [], [])
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    own = plan.get_by_role("listitem").filter(has_text="SpO₂")
    expect(own).to_contain_text("ma, ti, on, to, fr kl. 12:00, 21:30")
    expect(own).to_contain_text("satt for pasienten: Kari")
    expect(own).to_contain_text("Er alltid ute om morgenen")
    stored = next(
        each for each in get(api.signed_in("ola"), f"/patients/{anna}/plan")["plan"] if each["kind"] == "spo2"
    )
    assert (stored["weekdays"], stored["times"]) == ([1, 2, 3, 4, 5], ["12:00:00", "21:30:00"])
    plan.get_by_role("button", name="Endre måleplanen for SpO₂").click()
    form.get_by_label("Hvorfor endres det?").fill("Hjemme igjen")
    form.get_by_role("button", name="Tilbake til forløpets plan").click()
    expect(plan.get_by_role("listitem").filter(has_text="SpO₂")).to_contain_text("forslag, ikke bekreftet")


def test_what_the_pathway_does_not_await_can_be_awaited_of_one_patient(screens, anna):
    page = opened(screens, anna)
    tab(page, "home")
    plan = page.get_by_role("region", name="Måleplan")
    plan.get_by_label("Planlegg en måling til").select_option(label="Temperatur")
    plan.get_by_role("button", name="Legg til").click()
    form = page.get_by_role("form", name="Endre måleplanen for Temperatur")
    form.get_by_label("Klokkeslett").fill("07:30")
    form.get_by_label("Hvorfor endres det?").fill("Feber i går")
    form.get_by_role("button", name="Lagre").click()
    expect(plan.get_by_role("listitem").filter(has_text="Temperatur")).to_contain_text("hver dag kl. 07:30")


def plans_temperature(page: Page) -> Locator:
    """The open form of what the pathway does not await."""
    plan = page.get_by_role("region", name="Måleplan")
    plan.get_by_label("Planlegg en måling til").select_option(label="Temperatur")
    plan.get_by_role("button", name="Legg til").click()
    form = page.get_by_role("form", name="Endre måleplanen for Temperatur")
    form.get_by_label("Klokkeslett").fill("07:30")
    form.get_by_label("Hvorfor endres det?").fill("Feber i går")
    return form


def test_what_was_typed_stays_while_the_line_is_lost_and_is_stored_when_it_is_back(screens, api, anna):
    screens.expected = (*screens.expected, "ERR_CONNECTION_REFUSED", "WebSocket")
    page = opened(screens, anna, PHONE)
    tab(page, "home")
    plan = page.get_by_role("region", name="Individuell plan")
    plan.get_by_role("button", name="Endre individuell plan").click()
    goals = page.get_by_role("form", name="Endre individuell plan")
    goals.get_by_role("group", name="Mål 1").get_by_label("Hva er viktig").fill("Til butikken og hjem")
    goals.get_by_label("Hvorfor endres det?").fill("Snakket i bilen")
    forms = (goals, plans_temperature(page))
    api.stop()
    try:
        expect(page.get_by_text("Frakoblet: verdiene under er fra før linjen ble borte.")).to_be_visible()
        for form in forms:
            form.get_by_role("button", name="Lagre").click()
            expect(form.get_by_role("alert")).to_contain_text("Ingen kontakt med serveren")
    finally:
        api.start()
    expect(link(page)).to_have_text("Direkte")
    for form in forms:
        form.get_by_role("button", name="Lagre").click()
        expect(form).to_have_count(0)
    expect(plan).to_contain_text("Til butikken og hjem")
    item = page.get_by_role("region", name="Måleplan").get_by_role("listitem").filter(has_text="Temperatur")
    expect(item).to_contain_text("hver dag kl. 07:30")


def test_what_was_typed_stays_where_it_was_when_somebody_else_plans_the_same(screens, api, anna):
    page = opened(screens, anna)
    screens.expected = (*screens.expected, "409")
    tab(page, "home")
    form = plans_temperature(page)
    kari, path = api.signed_in("kari"), f"/patients/{anna}/plan"
    theirs = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "times": ["20:00"], "before_min": 45, "after_min": 60}
    done(send(kari, f"{path}/body_temperature", **theirs, reason="Etter legevakt", rev=get(kari, path)["rev"]))
    form.get_by_role("button", name="Lagre").click()
    expect(form.get_by_role("alert")).to_contain_text("den andre skrev «20:00»")
    expect(form.get_by_label("Klokkeslett")).to_have_value("07:30")
    expect(form.get_by_label("Hvorfor endres det?")).to_have_value("Feber i går")
    form.get_by_role("button", name="Lagre").click()
    expect(form).to_have_count(0)
    item = page.get_by_role("region", name="Måleplan").get_by_role("listitem").filter(has_text="Temperatur")
    expect(item).to_contain_text("kl. 07:30 (fra 45 min før til 60 min etter)")
