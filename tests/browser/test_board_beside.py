"""What stands beside the readings: time in range, what was missed, how alerts are answered, who is alone."""

import re
from datetime import UTC, datetime, time, timedelta

from playwright.sync_api import expect

from devices.vocabulary import Kind
from server.clinical.here import HERE
from tests.browser.conftest import PHONE, row
from tests.browser.patient_rig import Stream, fill
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations
from tests.integration.care_rig import done, get, send

PLAN = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "times": ["08:00"], "before_min": 60, "after_min": 60}


def days_ago(days: int, hour: int = 8) -> datetime:
    return datetime.combine(datetime.now(HERE).date() - timedelta(days=days), time(hour), HERE)


def test_a_row_shows_time_in_range_of_who_wears_a_sensor(screens, town):
    now = datetime.now(UTC).replace(microsecond=0)
    always = Stream(kind=Kind.GLUCOSE_ISF, n=15 * 96, every=900, middle=7, swing=0, mode=1)
    fill(town, "arne", always, now)
    page = screens.signed_in("kari")
    label = "Tid i målområdet siste 14 dager: 100 %, under 0 %, over 0 %"
    expect(row(page, "arne").get_by_role("img", name=label)).to_be_visible()
    expect(row(page, "arne")).to_contain_text("100 % i mål")
    expect(row(page, "arne")).not_to_contain_text("få målinger")
    expect(row(page, "anna").get_by_role("img", name=re.compile("^Tid i målområdet"))).to_have_count(0)


def test_a_planned_measurement_that_did_not_come_is_a_cross_in_the_small_chart(screens, api, town):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    town.gateway_says("anna", "online")
    rev = get(kari, f"/patients/{anna}/plan")["rev"]
    done(send(kari, f"/patients/{anna}/plan/spo2", rev=rev, reason="Avtalt", **PLAN))
    for days in (5, 4, 1):
        town.measure("anna", Kind.SPO2, 91, days_ago(days))
    page = screens.signed_in("kari")
    chart = row(page, "anna").get_by_role("img", name=re.compile("^SpO₂ siste .*planlagte målinger mangler$"))
    expect(chart).to_be_visible()
    missed = get(kari, f"/teams/{town.teams['east']}/fortnight")["missed"]
    told = {datetime.fromisoformat(due) for each in missed if each["patient"] == anna for due in each["due"]}
    assert {days_ago(3), days_ago(2)} <= told
    assert not {days_ago(5), days_ago(4), days_ago(1)} & told


def test_the_board_says_when_alerts_came_and_how_soon_they_were_taken(screens, town):
    taken = "update alert set raised_at = now() - interval '5 min', acknowledged_at = now() - interval '220 s', "
    closed = "owner_id = %s, state = 'handled', handled_at = now(), outcome = 'measuring_error' where id = %s"
    town.sql(taken + closed, town.staff["kari"], town.press("anna"))
    town.press("arne")
    page = screens.signed_in("kari", PHONE)
    answers = page.get_by_role("region", name=re.compile("^Siste 24 t: varsler og svartid"))
    expect(answers.get_by_role("img", name="Varsler time for time: 2 i alt, høyst 2 på en time")).to_be_visible()
    expect(answers).to_contain_text("rød 1:20")
    expect(answers).to_contain_text("1 av 1 avsluttede var ikke reelle")


def test_what_stands_beside_is_asked_for_once_and_not_with_every_reading(screens, town):
    page = screens.blank()
    asked = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    screens.signed_in("kari", page=page)
    expect(page.get_by_role("region", name=re.compile("^Siste 24 t: varsler og svartid"))).to_be_visible()
    town.measure("anna", Kind.SPO2, 90, datetime.now(UTC))
    expect(row(page, "anna")).to_contain_text("90 %")
    for value in (91, 92):
        town.measure("anna", Kind.SPO2, value, datetime.now(UTC))
        expect(row(page, "anna")).to_contain_text(f"{value} %")
    assert (asked.count("answer-times"), asked.count("fortnight")) == (1, 1)


def test_a_silent_gateway_opens_the_list_of_whom_to_ask_those_alone_with_an_alarm_first(screens, town):
    town.gateway_says("anna", "silent")
    town.sql("update patient set phone = '+47 900 00 001', lives_alone = true where id = %s", town.patients["anna"])
    town.sql("update device set profile = 'bthome_sos' where id = %s", town.devices["anna"])
    grey = """
        insert into alert
        (team_id, subject_id, gateway_id, rule, priority, state, began_at, raised_at, last_at, late, evidence)
        select %s, subject_id, gateway.id, 'technical:gateway_silent', 'grey', 'raised', now(), now(), now(), false,
               '{}'
        from alert, gateway where alert.id = %s and gateway.name = 'gw-anna'"""
    town.sql(grey, town.teams["east"], town.press("arne"))
    page = screens.signed_in("kari", PHONE, motion=False)
    page.get_by_text("Hvem gjelder det?").click()
    first = page.get_by_role("list", name=re.compile("^Hvem det gjelder")).get_by_role("listitem").first
    expect(first).to_contain_text("bor alene · har trygghets- eller fallalarm")
    expect(first).to_contain_text("taus siden")
    assert first.get_by_role("link", name="+47 900 00 001").get_attribute("href") == "tel:+4790000001"
    assert violations(page) == []
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
