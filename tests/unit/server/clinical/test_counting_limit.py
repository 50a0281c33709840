"""Which limit counts: every pair of neighbours in the order, and both sides of every date."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Limit
from devices.vocabulary import Kind
from server.clinical.pathways import DEFAULTS, SPO2_PERCENT, Pathway
from server.clinical.saturation import Oxygen, PrescribedRange, SaturationBaseline
from server.clinical.settings import (
    NO_LIMIT,
    PATIENT_ONLY,
    CountingLimit,
    SaturationFacts,
    SetLimit,
    Source,
    counting_limit,
    nearest,
    pathway_limits,
    reached,
    set_in,
)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MOMENT = timedelta(microseconds=1)
OWN = SetLimit(limit=Limit(yellow_low=80), by=17, at=NOW - DAY, reason="lives at 82")
TEAM = SetLimit(limit=Limit(yellow_low=91), by=12, at=NOW - DAY, reason="all of ours")
RANGE = PrescribedRange(by=5, at=NOW - DAY, low_percent=88, high_percent=92)
BASELINE = SaturationBaseline(by=6, at=NOW - DAY, percent=87)
ON_OXYGEN = Oxygen(by=7, at=NOW - DAY, on=True, litres_per_min=1.5)


def spo2(*given, at=NOW, pathway=Pathway.KOLS, team=None, own=None) -> CountingLimit:
    facts = SaturationFacts(
        ranges=tuple(each for each in given if isinstance(each, PrescribedRange)),
        oxygen=tuple(each for each in given if isinstance(each, Oxygen)),
        baselines=tuple(each for each in given if isinstance(each, SaturationBaseline)),
    )
    return counting_limit(pathway, Kind.SPO2, at, own=own, facts=facts, team=team)


@pytest.mark.parametrize(
    ("found", "source", "limit", "by"),
    [
        (spo2(RANGE, BASELINE, own=OWN, team=TEAM), Source.PATIENT, OWN.limit, 17),
        (spo2(RANGE, BASELINE, team=TEAM), Source.RANGE, Limit(red_low=86, yellow_low=88), 5),
        (spo2(BASELINE, team=TEAM), Source.BASELINE, Limit(red_low=83, yellow_low=85), 6),
        (spo2(team=TEAM), Source.TEAM, TEAM.limit, 12),
        (spo2(), Source.SHIPPED, SPO2_PERCENT.limit, None),
        (spo2(ON_OXYGEN), Source.SHIPPED, SPO2_PERCENT.limit, None),
    ],
)
def test_the_nearest_to_the_patient_counts(found, source, limit, by):
    assert (found.source, found.limit, found.by) == (source, limit, by)


@pytest.mark.parametrize("own", [OWN, None])
@pytest.mark.parametrize("team", [TEAM, None])
def test_facts_about_saturation_move_no_other_kind(own, team):
    facts = SaturationFacts(ranges=(RANGE,), oxygen=(ON_OXYGEN,), baselines=(BASELINE,))
    found = counting_limit(Pathway.KOLS, Kind.PULSE_RATE, NOW, own=own, facts=facts, team=team)
    expected = own or team
    assert found.limit == (expected.limit if expected else DEFAULTS[Pathway.KOLS][Kind.PULSE_RATE].limit)


@pytest.mark.parametrize(
    ("at", "source", "until"),
    [
        (NOW - MOMENT, Source.SHIPPED, NOW),
        (NOW, Source.RANGE, NOW + DAY),
        (NOW + DAY - MOMENT, Source.RANGE, NOW + DAY),
        (NOW + DAY, Source.SHIPPED, None),
    ],
)
def test_a_range_counts_from_its_beginning_until_its_end_and_says_until_when(at, source, until):
    dated = PrescribedRange(by=5, at=NOW, until=NOW + DAY, low_percent=88, high_percent=92)
    found = spo2(dated, at=at)
    assert (found.source, found.until) == (source, until)


@pytest.mark.parametrize(("at", "high"), [(NOW - MOMENT, None), (NOW, 92), (NOW + DAY - MOMENT, 92), (NOW + DAY, None)])
def test_oxygen_brings_its_upper_limits_when_it_begins_and_takes_them_when_it_ends(at, high):
    oxygen = Oxygen(by=7, at=NOW, until=NOW + DAY, on=True)
    found = spo2(RANGE, oxygen, at=at)
    assert found.limit is not None
    assert (found.limit.yellow_high, found.limit.yellow_low) == (high, 88)


@pytest.mark.parametrize(("at", "percent"), [(NOW - MOMENT, 87), (NOW, 90)])
def test_a_newer_baseline_counts_from_when_it_was_accepted(at, percent):
    newer = SaturationBaseline(by=6, at=NOW, percent=90)
    found = spo2(BASELINE, newer, at=at)
    assert found.limit == Limit(red_low=percent - 4, yellow_low=percent - 2)


def test_the_earliest_change_of_all_facts_is_the_next():
    later = PrescribedRange(by=5, at=NOW + 3 * DAY, low_percent=88, high_percent=92)
    oxygen = Oxygen(by=7, at=NOW - DAY, until=NOW + 2 * DAY, on=True)
    assert spo2(BASELINE, later, oxygen).until == NOW + 2 * DAY
    assert spo2(BASELINE, later, oxygen, at=NOW + 2 * DAY).until == NOW + 3 * DAY


def test_a_patients_own_limit_does_not_change_with_the_facts_behind_it():
    later = PrescribedRange(by=5, at=NOW + DAY, low_percent=88, high_percent=92)
    assert spo2(later, own=OWN).until is None


@pytest.mark.parametrize("pathway", sorted(PATIENT_ONLY))
def test_where_comfort_decides_only_what_is_set_or_prescribed_for_the_patient_alerts(pathway):
    assert spo2(BASELINE, pathway=pathway, team=TEAM) == NO_LIMIT
    assert spo2(pathway=pathway, team=TEAM, own=OWN).limit == OWN.limit
    assert spo2(RANGE, pathway=pathway).source is Source.RANGE
    assert pathway_limits(pathway, {Kind.SPO2: TEAM}) == {}
    assert reached(pathway, TEAM) is None


CALM = SetLimit(limit=Limit(yellow_high=120), by=17, at=NOW, reason="flimmer")
SILENT = SetLimit(limit=Limit(), by=17, at=NOW, reason="støy")


@pytest.mark.parametrize(("kind", "twin"), [(Kind.PULSE_RATE, Kind.HEART_RATE), (Kind.HEART_RATE, Kind.PULSE_RATE)])
def test_a_limit_of_the_pulse_counts_whichever_sensor_is_worn(kind, twin):
    """RCP, NEWS2 2017, chart 1 has one row for it: Pulse."""
    found = set_in({kind: CALM}, twin)
    assert found is not None
    assert (found.limit, found.by, found.of) == (CALM.limit, 17, kind)
    assert counting_limit(Pathway.KOLS, twin, NOW, own=found).basis.startswith(f"Personal limit for {kind}, set")
    assert set_in({kind: CALM}, kind) == CALM


def test_each_sensors_own_limit_is_nearer_and_silence_is_said_of_each():
    own = SetLimit(limit=Limit(yellow_high=130), by=17, at=NOW - DAY, reason="beltet måler alle slag")
    assert set_in({Kind.PULSE_RATE: CALM, Kind.HEART_RATE: own}, Kind.HEART_RATE) == own
    assert set_in({Kind.PULSE_RATE: SILENT}, Kind.HEART_RATE) is None
    assert set_in({Kind.PULSE_RATE: CALM, Kind.HEART_RATE: SILENT}, Kind.HEART_RATE) == SILENT


def test_no_other_kind_has_another_kinds_limit():
    given = {kind: SetLimit(limit=Limit(red_high=1), by=17, at=NOW, reason=kind) for kind in Kind}
    pulses = {Kind.PULSE_RATE, Kind.HEART_RATE}
    for kind in Kind:
        others = {each: set_ for each, set_ in given.items() if each is not kind}
        assert (set_in(others, kind) is not None) == (kind in pulses)


def test_a_teams_limit_of_the_pulse_counts_for_both():
    found = pathway_limits(Pathway.KOLS, {Kind.PULSE_RATE: CALM})
    assert found[Kind.HEART_RATE].limit == found[Kind.PULSE_RATE].limit == CALM.limit


@pytest.mark.parametrize(("setting", "source"), [("own", Source.PATIENT), ("team", Source.TEAM)])
def test_limits_without_a_number_silence_a_kind_in_the_name_of_who_set_them(setting, source):
    silent = SetLimit(limit=Limit(), by=17, at=NOW, reason="comfort")
    found = spo2(**{setting: silent})
    assert (found.limit, found.source, found.by, found.reason, found.basis) == (None, source, 17, "comfort", "")


@pytest.mark.parametrize(
    ("found", "basis"),
    [
        (spo2(own=OWN), "Personal limit, set 2026-03-01: lives at 82"),
        (spo2(team=TEAM), "Limit of the team for this pathway, set 2026-03-01: all of ours"),
        (spo2(), SPO2_PERCENT.basis),
    ],
)
def test_a_limit_says_in_one_line_what_it_rests_on(found, basis):
    assert found.basis == basis


@pytest.mark.parametrize(
    ("oxygen", "words"),
    [
        (None, "Prescribed 88-92 %, 2026-03-01"),
        (Oxygen(by=7, at=NOW - DAY, on=False), "Prescribed 88-92 % on air, 2026-03-01"),
        (Oxygen(by=7, at=NOW - DAY, on=True), "Prescribed 88-92 % on oxygen, 2026-03-01"),
        (ON_OXYGEN, "Prescribed 88-92 % on oxygen 1.5 L/min, 2026-03-01"),
    ],
)
def test_a_prescribed_range_says_on_what_it_was_judged_and_its_documents(oxygen, words):
    found = spo2(RANGE, *([oxygen] if oxygen else []))
    assert found.basis.startswith(words)
    assert all(str(reference) in found.basis for reference in found.references)


def test_a_day_is_that_of_the_people():
    late = SetLimit(limit=Limit(yellow_low=80), by=17, at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC), reason="x")
    assert "2026-03-02" in spo2(own=late).basis


def test_a_pathways_limits_are_the_teams_where_there_is_one_and_else_the_shipped_ones():
    found = pathway_limits(Pathway.KOLS, {Kind.SPO2: TEAM, Kind.WEIGHT: TEAM})
    assert (found[Kind.SPO2].source, found[Kind.WEIGHT].source) == (Source.TEAM, Source.TEAM)
    assert found[Kind.GLUCOSE].source is Source.SHIPPED
    assert set(found) == {*DEFAULTS[Pathway.KOLS], Kind.WEIGHT}


def test_what_is_there_comes_before_what_is_not():
    assert nearest(None, 2, 1) == 2
    assert nearest(None, None) is None
