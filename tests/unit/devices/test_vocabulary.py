"""Codes that other systems read, and keys that never change."""

import pytest

from devices.vocabulary import CALLS_FOR_HELP, KIND_BY_NUMBER, KINDS, ClockTrust, EventType, Kind, Mode, Quality, Sign

# LOINC and UCUM: HL7 Norway, VkpObservation profiles. MDC (partition << 16 | code): IEEE 11073-10101.
PUBLISHED = {
    Kind.HEART_RATE: ("8867-4", "/min", 147842),
    Kind.SPO2: ("2708-6", "%", 150456),
    Kind.GLUCOSE: ("15074-8", "mmol/L", 160184),
    Kind.BODY_TEMPERATURE: ("8310-5", "Cel", 150364),
    Kind.SYSTOLIC: ("8480-6", "mm[Hg]", 150021),
    Kind.DIASTOLIC: ("8462-4", "mm[Hg]", 150022),
    Kind.MEAN_ARTERIAL: ("8478-0", "mm[Hg]", 150023),
    Kind.WEIGHT: ("29463-7", "kg", 188736),
    Kind.RESPIRATORY_RATE: ("9279-1", "/min", 151562),
}


@pytest.mark.parametrize("kind", PUBLISHED, ids=str)
def test_codes_are_those_that_are_published(kind: Kind) -> None:
    facts = KINDS[kind]
    assert (facts.loinc, facts.ucum, facts.mdc) == PUBLISHED[kind]


def test_keys_in_the_database_never_change() -> None:
    words = "heart_rate pulse_rate spo2 glucose body_temperature battery systolic diastolic mean_arterial weight"
    words += " respiratory_rate peak_flow fev1 fvc glucose_isf height bmi body_fat muscle_mass body_water"
    words += " perfusion_index rr_interval"
    assert {number: str(kind) for number, kind in KIND_BY_NUMBER.items()} == dict(enumerate(words.split(), start=1))
    assert [(each.name, each.value) for each in Quality] == [
        ("GOOD", 0),
        ("QUESTIONABLE", 1),
        ("NO_READING", 2),
        ("DEMONSTRATION", 3),
    ]
    assert [each.value for each in Sign] == [-1, 0, 1]
    assert [(each.name, each.value) for each in ClockTrust] == [
        ("CHECKED", 0),
        ("CORRECTED", 1),
        ("ARRIVAL", 2),
        ("DEVICE", 3),
    ]
    assert [(each.name, each.value) for each in Mode] == [("SPOT", 0), ("CONTINUOUS", 1)]


def test_every_kind_has_its_facts() -> None:
    assert set(KINDS) == set(Kind)
    assert all(facts.lowest < facts.highest for facts in KINDS.values())


def test_these_events_always_need_a_person() -> None:
    assert {"fall", "sos", "smoke", "water", "co", "gas"} == CALLS_FOR_HELP
    assert set(EventType) > CALLS_FOR_HELP
