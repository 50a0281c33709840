"""What slow rules, the home and the ledger found is read on the board in three seconds, on a desk and on a phone."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts import findings, slow
from server.alerts.findings import Concern, Fault, Finding
from server.alerts.model import Priority, device_subject, home_subject, patient_subject
from server.clinical.references import HJEMVAKT_PROPOSAL, NEWS2_CHART_1, ROBUST_Z, WEIGHT_GAIN, Reference
from server.detection.findings import Direction, Evidence
from server.detection.rule_findings import Grounds, RuleFinding
from server.store import alerts
from tests.browser.conftest import DESK, PHONE
from tests.browser.test_board_use import TARGETS, TOO_WIDE, violations

NOW = datetime.now(UTC).replace(microsecond=0)
MIN, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PICTURES = os.environ.get("HJEMVAKT_PICTURES")  # a folder to keep what the board looked like


def found(
    name: str,
    kind: Kind | None,
    direction: Direction,
    *references: Reference,
    patient: int,
    days: float = 14,
    readings: int = 13,
    level: Level = Level.YELLOW_HIGH,
    **numbers: float,
) -> RuleFinding:
    at = NOW - 12 * MIN
    return RuleFinding(
        patient=patient,
        kind=kind,
        name=name,
        version=1,
        level=level,
        direction=direction,
        at=at,
        grounds=Grounds(
            numbers=numbers,
            from_at=midnight(at - days * DAY) if days >= 1 else at - days * DAY,
            to_at=at,
            readings=readings,
            references=references or (HJEMVAKT_PROPOSAL,),
            proposal=True,
        ),
    )


def midnight(at: datetime) -> datetime:
    """Rules that look at days begin with one."""
    return at.astimezone(ZoneInfo("Europe/Oslo")).replace(hour=0, minute=0, second=0).astimezone(UTC)


@pytest.fixture
def slow_ward(town):
    """One patient for each thing that can be found, and a home."""
    for name, pathway in WARD.items():
        town.add_patient(name, "east", pathway=pathway, virtual=True)
    measured(town)
    of = town.patients
    told = [
        found("deviation", Kind.SPO2, "low", ROBUST_Z, patient=of["Sigrun"], value=89, usual=93, mad=0.5, accepted=0),
        found("trend", Kind.SPO2, "low", patient=of["Sigrun"], per_day=-0.3, change=-4.2, p=0.01, smallest=2),
        found(
            "weight_gain",
            Kind.WEIGHT,
            "high",
            WEIGHT_GAIN,
            patient=of["Halvor"],
            days=3,
            readings=4,
            value=84.5,
            gained_kg=2.4,
            more_than_kg=2,
        ),
        found(
            "very_low_soon",
            Kind.GLUCOSE_ISF,
            "low",
            patient=of["Torbjørn"],
            days=0.01,
            readings=4,
            level=Level.RED_LOW,
            value=4.6,
            per_min=-0.11,
            predicted=2.8,
            within_min=20,
            below=3.2,
        ),
        found(
            "news2",
            None,
            "high",
            NEWS2_CHART_1,
            patient=of["Ragnhild"],
            days=0.02,
            readings=7,
            total=6,
            respiration=2,
            spo2=3,
            oxygen=0,
            systolic=0,
            pulse=1,
            consciousness=0,
            temperature=0,
            scale=2,
        ),
        found(
            "exacerbation",
            None,
            "high",
            patient=of["Olaug"],
            days=3,
            readings=3,
            type=2,
            days_=3,
            dyspnoea=1,
            sputum_volume=1,
        ),
        found(
            "home_pressure",
            Kind.SYSTOLIC,
            "high",
            patient=of["Eivind"],
            days=7,
            readings=22,
            systolic=141,
            diastolic=82,
            days_=6,
        ),
        found("trend", Kind.WEIGHT, "low", patient=of["Eivind"], per_day=-0.16, change=-2.2, p=0.02, smallest=2),
        found("irregular_pulse", Kind.RR_INTERVAL, "high", patient=of["Olaug"], days=0.01, highest_entropy=0.7),
    ]
    concerns = slow.concerns([days_named(each) for each in told], [], {}, NOW)
    tell(town, [*concerns, *at_home(town), *technical(town)])
    for after in (12 * MIN, 4 * MIN, timedelta()):
        town.press("Magnhild", EventType.SOS, at=NOW - after)


WARD = {
    "Sigrun": "kols",
    "Halvor": "heart_failure",
    "Torbjørn": "diabetes",
    "Ragnhild": "kols",
    "Olaug": "kols",
    "Eivind": "heart_failure",
    "Magnhild": "safety",
}


def days_named(finding: RuleFinding) -> RuleFinding:
    """`days` of a rule's numbers, which is the window's length here."""
    numbers = {name.rstrip("_"): number for name, number in finding.grounds.numbers.items()}
    grounds = finding.grounds
    return RuleFinding(
        **{name: getattr(finding, name) for name in RuleFinding.__slots__ if name != "grounds"},
        grounds=Grounds(
            numbers=numbers,
            from_at=grounds.from_at,
            to_at=grounds.to_at,
            readings=grounds.readings,
            references=grounds.references,
            proposal=True,
        ),
    )


def measured(town) -> None:
    for day in reversed(range(14)):
        at = NOW - day * DAY - 12 * MIN
        town.measure("Sigrun", Kind.SPO2, 89 + min(day, 4), at)
        town.measure("Halvor", Kind.WEIGHT, 84.5 - 0.8 * min(day, 3), at)
        town.measure("Eivind", Kind.WEIGHT, 70.1 + 0.16 * day, at)
    for minute in reversed(range(0, 60, 5)):
        town.measure("Torbjørn", Kind.GLUCOSE_ISF, 4.6 + 0.11 * minute, NOW - (minute + 1) * MIN, mode=1)


def at_home(town) -> list[Finding]:
    home = home_subject(town.homes["Magnhild"])
    begun = NOW - 200 * MIN
    silent = Evidence(
        place="kitchen", since=begun, from_at=begun, rules=("home:inactive",), numbers={"limit_min": 190, "days": 9}
    )
    missed = Evidence(kind=Kind.WEIGHT, since=NOW - 5 * HOUR, from_at=NOW - 2 * DAY, numbers={"in_a_row": 3})
    return [
        Concern(
            subject=home,
            rule="home:inactive",
            priority=Priority.YELLOW,
            at=NOW - 10 * MIN,
            began=begun,
            evidence=silent,
        ),
        Concern(
            subject=patient_subject(town.patients["Halvor"]),
            rule="measurement:missed:weight",
            priority=Priority.YELLOW,
            at=NOW - HOUR,
            began=NOW - 5 * HOUR,
            evidence=missed,
        ),
    ]


def technical(town) -> list[Finding]:
    off = device_subject(town.devices["Sigrun"], patient=town.patients["Sigrun"])
    return [
        Fault(subject=off, rule="technical:battery_low", at=NOW, cause="9 %", numbers={"percent": 9}),
        findings.sensor_off(device_subject(town.devices["Ragnhild"], patient=town.patients["Ragnhild"]), NOW),
    ]


def tell(town, found: list[Finding]) -> None:
    with town.connection() as conn:
        held = alerts.hold(conn, [findings.subject_of(each) for each in found])
        alerts.apply(conn, alerts.decided(conn, held, found, NOW), NOW)


SAID = {
    "nb": {
        "Sigrun": "SpO₂ lavere enn vanlig: 89 %, vanlig 93 % (13 dager) · synkende over 14 dager",
        "Halvor": "på 3 dager (82,1 → 84,5)",
        "Torbjørn": "Vevssukker ventes under 3,2 mmol/l om ca. 15 min: nå 4,6, faller 0,11 mmol/l per min",
        "Ragnhild": "SpO₂ 3, pustefrekvens 2, puls 1 (SpO₂ etter skala 2)",
        "Olaug": "KOLS-forverring type 2: mer tungpust, mer slim (3 dager)",
        "Eivind": "Hjemmeblodtrykk 141/82 i snitt (6 dager, 22 målinger)",
    },
    "en": {
        "Sigrun": "SpO₂ lower than usual: 89 %, usually 93 % (13 days) · falling for 14 days",
        "Halvor": "in 3 days (82.1 → 84.5)",
        "Torbjørn": "Tissue glucose expected below 3.2 mmol/l in about 15 min: now 4.6, falling 0.11 mmol/l a min",
        "Ragnhild": "SpO₂ 3, respiration 2, pulse 1 (SpO₂ on scale 2)",
        "Olaug": "COPD exacerbation type 2: more breathless, more sputum (3 days)",
        "Eivind": "Blood pressure at home 141/82 on average (6 days, 22 readings)",
    },
}


@pytest.mark.parametrize("language", ["nb", "en"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_every_slow_alert_says_what_was_found_with_its_numbers(screens, slow_ward, size, language):
    page = screens.signed_in("kari", size, language=language, motion=False)
    for name, sentence in SAID[language].items():
        card = page.locator("article[data-alert]", has=page.get_by_role("heading", name=name)).filter(has_text=sentence)
        expect(card).to_have_count(1)
    called = page.locator("article[data-alert]", has_text="Magnhild").filter(
        has_text="Haster – 3 kall på 12 min" if language == "nb" else "Urgent – 3 calls in 12 min"
    )
    expect(called).to_have_count(1)
    picture(page, f"{'desk' if size == DESK else 'phone'}-{language}")
    for summary in page.locator("article summary").all():
        summary.click()
    assert (page.evaluate(TOO_WIDE), page.evaluate(TARGETS)) == ([], [])
    assert violations(page) == []
    picture(page, f"{'desk' if size == DESK else 'phone'}-{language}-open")


def test_what_a_slow_alert_rests_on_is_one_tap_away(screens, slow_ward):
    page = screens.signed_in("kari")
    card = page.locator("article[data-alert]", has_text="lavere enn vanlig: 89")
    grounds = card.get_by_text("Iglewicz")
    expect(grounds).not_to_be_visible()
    card.get_by_text("Grunnlag").click()
    expect(grounds).to_be_visible()
    expect(card.get_by_text("Utvikling", exact=True)).to_be_visible()


def test_the_row_of_a_patient_says_the_same_as_the_card(screens, slow_ward):
    page = screens.signed_in("kari")
    expect(page.locator(".line", has_text="Ragnhild").locator(".reason")).to_have_text(
        f"NEWS2 6 av 20: {SAID['nb']['Ragnhild']}"
    )
    expect(page.locator(".line", has_text="Sigrun").locator(".reason")).to_have_text(SAID["nb"]["Sigrun"])


def picture(page, name: str) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)
