"""The slow rules over days of one person: found on the right day, on the right side, with the numbers that say why."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from devices.limits import Level
from devices.vocabulary import KINDS, Kind
from server.clinical.change import CHANGES
from server.clinical.references import BIBLIOGRAPHY
from server.detection.baseline import AcceptedBaseline, accepted_columns
from server.detection.daily import Daily
from server.detection.rules import (
    CUSUM,
    DEVIATION,
    EWMA,
    GAIN,
    LOSS_IN_A_MONTH,
    LOSS_IN_HALF_A_YEAR,
    RULES,
    TREND,
    Rule,
)
from server.detection.slow_rules import STREAMS_AT_ONCE, evaluate

OSLO = ZoneInfo("Europe/Oslo")
TODAY = datetime(2026, 11, 20, tzinfo=OSLO)
NOW_MS = int((TODAY + timedelta(hours=9)).timestamp() * 1000)
NAN = np.nan
NOTHING = accepted_columns([])
STEADY = [92.0, 93, 92, 91, 92, 92, 93, 91, 92, 92, 93, 92, 91, 92]


def daily(streams: dict[tuple[int, Kind], list[float]]) -> Daily:
    keys = sorted(((patient << 16) | KINDS[kind].number, days) for (patient, kind), days in streams.items())
    longest = max(len(days) for _, days in keys)
    values = np.array([[NAN] * (longest - len(days)) + list(days) for _, days in keys])
    midnights = [TODAY + timedelta(days=day) for day in range(1 - longest, 2)]
    return Daily(
        key=np.array([key for key, _ in keys]),
        values=values,
        midnights_ms=np.array([int(each.timestamp() * 1000) for each in midnights]),
    )


def found(rule: Rule, days: list[float], kind: Kind = Kind.SPO2, accepted=NOTHING):
    return evaluate([rule], daily({(7, kind): days}), accepted, NOW_MS)


def agreed(center: float, mad: float = 1.0, last_day: date = date(2026, 11, 6), kind: Kind = Kind.SPO2):
    return accepted_columns([baseline_of(7, kind, center, mad, last_day)])


def baseline_of(patient: int, kind: Kind, center: float, mad: float, last_day: date = date(2026, 11, 5)):
    return AcceptedBaseline(
        patient=patient,
        kind=KINDS[kind].number,
        center=center,
        mad=mad,
        days=14,
        first_day=last_day - timedelta(days=13),
        last_day=last_day,
        accepted_on=last_day + timedelta(days=1),
        accepted_by=3,
    )


def test_a_day_far_below_what_is_usual_is_found_with_its_numbers_and_its_window():
    # 8 of the 14 days are 92: the middle is 92 and the MAD 0, for which the floor of 0.5 stands.
    (finding,) = found(DEVIATION, [*STEADY, 89.0])
    assert finding.rule == "deviation:spo2:low"
    assert (finding.patient, finding.level, finding.version) == (7, Level.YELLOW_LOW, 1)
    assert dict(finding.grounds.numbers) == {
        "value": 89,
        "usual": 92,
        "mad": 0.5,
        "z": pytest.approx(0.6745 * -6),
        "accepted": 0,
    }
    assert finding.grounds.readings == 14
    assert finding.grounds.from_at == datetime(2026, 11, 5, 23, 0, tzinfo=UTC)
    assert finding.grounds.to_at == finding.at == datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
    assert "Iglewicz" in finding.grounds.reference
    assert finding.grounds.proposal


@pytest.mark.parametrize(
    ("today", "expected"),
    [(89.4, True), (89.5, False)],  # 3.5 / 0.6745 * 0.5 = 2.5945 below 92 is 89.4055
)
def test_both_sides_of_three_and_a_half(today, expected):
    assert bool(found(DEVIATION, [*STEADY, today])) is expected


def test_more_oxygen_and_a_slower_pulse_than_usual_are_no_change_for_the_worse():
    assert not found(DEVIATION, [*STEADY, 97.0])
    assert not found(DEVIATION, [70.0] * 14 + [50], Kind.PULSE_RATE)
    assert found(DEVIATION, [70.0] * 14 + [90], Kind.PULSE_RATE)[0].level == Level.YELLOW_HIGH


def test_six_days_are_too_few_to_know_what_is_usual_and_seven_are_enough():
    assert not found(DEVIATION, [92.0] * 6 + [80])
    assert found(DEVIATION, [92.0] * 7 + [80])


def test_an_accepted_baseline_counts_instead_of_the_days_before_and_says_so():
    low_days = [88.0] * 14 + [88]
    assert not found(DEVIATION, low_days)  # a slow decline becomes usual by itself
    (finding,) = found(DEVIATION, low_days, accepted=agreed(92, 0.5))
    assert finding.grounds.numbers["accepted"] == 1
    assert finding.grounds.numbers["usual"] == 92


@pytest.mark.parametrize("rule", [DEVIATION, EWMA, CUSUM, TREND, GAIN])
def test_no_rule_finds_anew_what_it_found_before_a_day_without_a_value(rule):
    falling = [96.0 - day for day in range(14)]
    rising = [70.0 + day for day in range(14)]
    days, kind = (rising, Kind.WEIGHT) if rule is GAIN else (falling, Kind.SPO2)
    usual = agreed(95.5, 0.5, kind=kind)
    assert found(rule, days, kind, usual)
    assert not found(rule, [*days, NAN], kind, usual)


def test_a_lasting_shift_is_found_by_both_charts_though_no_day_is_far_out():
    shifted = [89.0, 90, 89, 90, 89, 90, 89, 90, 89, 90, 89, 90, 89, 89]  # accepted 92, sigma 1.4826 * 1
    assert not found(DEVIATION, shifted, accepted=agreed(92))
    (average,) = found(EWMA, shifted, accepted=agreed(92))
    (total,) = found(CUSUM, shifted, accepted=agreed(92))
    assert (average.rule, total.rule) == ("ewma:spo2:low", "cusum:spo2:low")
    # By hand: each day 2 or 3 below, less the slack 0.7413; the sum has never been 0 since.
    away = [92 - each for each in shifted]
    assert total.grounds.numbers["sum"] == pytest.approx(sum(away) - 14 * 0.5 * 1.4826)
    assert total.grounds.numbers["shift"] == pytest.approx(-sum(away) / 14)
    assert total.grounds.readings == 14


def test_charts_need_a_baseline_that_somebody_accepted():
    falling = [96.0 - day for day in range(14)]
    assert not found(EWMA, falling)
    assert not found(CUSUM, falling)


def test_a_shift_smaller_than_what_matters_is_no_finding_however_certain():
    small = [91.0] * 14  # one below 92: certain after a few days, but less than 2
    assert not found(EWMA, small, accepted=agreed(92, 0.5))
    assert not found(CUSUM, small, accepted=agreed(92, 0.5))


def test_days_that_a_newer_baseline_rests_on_do_not_testify_against_it():
    weights = [86.0] * 9 + [80.0, 80.1, 79.9, 80.0, 80.0]  # drained: 80 is the new usual since the 16th
    older = agreed(80, 0.2, date(2026, 11, 1), Kind.WEIGHT)
    newer = agreed(80, 0.2, date(2026, 11, 18), Kind.WEIGHT)
    assert found(CUSUM, weights, Kind.WEIGHT, older)
    assert not found(CUSUM, weights, Kind.WEIGHT, newer)


def test_a_drift_is_found_with_slope_and_significance():
    falling = [95.0 - 0.25 * day for day in range(14)]
    (finding,) = found(TREND, falling)
    assert finding.rule == "trend:spo2:low"
    assert finding.grounds.numbers["per_day"] == pytest.approx(-0.25)
    assert finding.grounds.numbers["change"] == pytest.approx(-3.5)
    assert finding.grounds.numbers["p"] < 0.05
    assert finding.grounds.readings == 14


def test_a_certain_drift_smaller_than_what_matters_is_no_finding():
    assert not found(TREND, [95.0 - 0.14 * day for day in range(14)])  # 1.96 in 14 days; 2 matter
    assert found(TREND, [95.0 - 0.15 * day for day in range(14)])


def test_a_big_but_uncertain_drift_is_no_finding():
    restless = [96.0, 88, 97, 87, 95, 86, 97, 88, 94, 85, 96, 86, 93, 84]
    assert not found(TREND, restless)


def test_nine_days_are_too_few_for_a_drift_and_ten_are_enough():
    falling = [95.0 - 0.5 * day for day in range(14)]
    assert not found(TREND, [NAN] * 5 + falling[5:])
    assert found(TREND, [NAN] * 4 + falling[4:])


def test_rising_oxygen_is_no_finding_and_weight_is_one_on_both_sides():
    up, down = [80.0 + 0.3 * day for day in range(14)], [80.0 - 0.3 * day for day in range(14)]
    assert not found(TREND, up)
    assert found(TREND, up, Kind.WEIGHT)[0].direction == "high"
    assert found(TREND, down, Kind.WEIGHT)[0].direction == "low"


@pytest.mark.parametrize(("today", "expected"), [(82.0, False), (82.1, True)])  # more than 2 kg in 3 days
def test_both_sides_of_two_kilograms(today, expected):
    findings = found(GAIN, [80.0, 80.4, 81.0, today], Kind.WEIGHT)
    assert bool(findings) is expected
    if expected:
        assert findings[0].grounds.numbers["gained_kg"] == pytest.approx(2.1)
        assert findings[0].rule == "weight_gain:weight:high"


@pytest.mark.parametrize(("now", "expected"), [(76.1, False), (76.0, True)])  # 5 % of 80 is 4
def test_both_sides_of_five_percent_in_a_month(now, expected):
    findings = found(LOSS_IN_A_MONTH, [80.0] * 7 + [NAN] * 23 + [now] * 7, Kind.WEIGHT)
    assert bool(findings) is expected
    if expected:
        assert (findings[0].rule, findings[0].grounds.readings) == ("weight_loss_month:weight:low", 14)


@pytest.mark.parametrize(("now", "expected"), [(72.1, False), (72.0, True)])
def test_both_sides_of_ten_percent_in_half_a_year(now, expected):
    days = [80.0] * 7 + [NAN] * 175 + [now] * 7
    assert bool(found(LOSS_IN_HALF_A_YEAR, days, Kind.WEIGHT)) is expected


def test_many_streams_are_judged_each_by_its_own_and_come_in_order():
    ill, well = [*STEADY, 85.0], [*STEADY, 92.0]
    people = 2 * STREAMS_AT_ONCE + 5
    streams = {(patient, Kind.SPO2): ill if patient % 1000 == 7 else well for patient in range(people)}
    streams[(7, Kind.PULSE_RATE)] = [70.0] * 14 + [100]
    findings = evaluate([TREND, DEVIATION], daily(streams), NOTHING, NOW_MS)
    assert [(each.patient, each.kind) for each in findings[:2]] == [(7, Kind.PULSE_RATE), (7, Kind.SPO2)]
    assert [each.patient for each in findings[2:]] == list(range(1007, people, 1000))


def test_many_restless_streams_at_once_are_what_each_is_alone():
    chance = np.random.default_rng(37)
    kinds = [kind for kind in Kind if kind in CHANGES]
    values = 80 + chance.normal(0, 3, (200, 40)) + np.cumsum(chance.normal(0, 0.5, (200, 40)), axis=1)
    values[chance.random(values.shape) < 0.2] = NAN
    together = daily({(row // len(kinds), kinds[row % len(kinds)]): list(values[row]) for row in range(200)})
    accepted = accepted_columns(
        AcceptedBaseline(
            patient=int(key) >> 16,
            kind=int(key) & 0xFFFF,
            center=80,
            mad=2,
            days=14,
            first_day=date(2026, 10, 20),
            last_day=date(2026, 11, 4 + place % 14),
            accepted_on=date(2026, 11, 19),
            accepted_by=3,
        )
        for place, key in enumerate(together.key[::2])
    )
    findings = evaluate(RULES, together, accepted, NOW_MS)
    alone = [evaluate(RULES, together.of(slice(row, row + 1)), accepted, NOW_MS) for row in range(200)]
    assert findings == [each for stream in alone for each in stream]
    assert {each.name for each in findings} >= {"deviation", "ewma", "cusum", "trend", "weight_gain"}


def plainly(rule: Rule, days: list[float], kind: Kind, center: float | None, mad: float) -> bool:
    """The definition, one stream and day at a time. `center` None: no baseline was accepted."""
    change, today = CHANGES[kind], days[-1]
    spread = max(mad, change.mad_floor)
    before = [day for day in days[-15:-1] if day == day]
    recent = [day for day in days[-14:] if day == day]
    if rule is DEVIATION:
        if center is None:
            if len(before) < 7:
                return False
            center = float(np.median(before))
            spread = max(float(np.median(np.abs(np.array(before) - center))), change.mad_floor)
        z = 0.6745 * (today - center) / spread
        return bool((z < -3.5 and change.low) or (z > 3.5 and change.high))
    if center is None:
        return False
    sigma = 1.4826 * spread
    if rule is EWMA:
        average = center
        for day in recent:
            average += 0.2 * (day - average)
        away, width = average - center, 3 * sigma * np.sqrt(0.2 / 1.8 * (1 - 0.8 ** (2 * len(recent))))
        worse = (away < 0 and change.low) or (away > 0 and change.high)
        return bool(worse and abs(away) > width and abs(away) >= change.smallest)
    for sign, worse in ((-1, change.low), (1, change.high)):
        total, since = 0.0, 0
        for day in recent:
            total += sign * (day - center) - 0.5 * sigma
            total, since = (total, since + 1) if total > 0 else (0.0, 0)
        if worse and total > 5 * sigma and 0.5 * sigma + total / since >= change.smallest:
            return True
    return False


@pytest.mark.parametrize("rule", [DEVIATION, EWMA, CUSUM])
@pytest.mark.parametrize("kind", [Kind.SPO2, Kind.PULSE_RATE, Kind.WEIGHT, Kind.FEV1])
def test_no_stream_is_passed_by_that_the_definition_finds(rule, kind):
    """Beside the limits, where a look that is too short to be right would show."""
    chance, change = np.random.default_rng(43), CHANGES[kind]
    values = 90 + change.smallest * chance.normal(0, 0.4, (600, 15)) * chance.choice([0, 1, 1], (600, 1))
    values[:, -chance.integers(1, 15) :] += change.smallest * chance.choice([-3, -1.2, -1, 0, 1, 1.2, 3], (600, 1))
    values[chance.random(values.shape) < 0.15] = NAN
    values[:, -1] = np.where(np.isnan(values[:, -1]), 90, values[:, -1])
    streams = {(patient, kind): list(row) for patient, row in enumerate(np.round(values, 2))}
    with_baseline = [baseline_of(patient, kind, 90, change.mad_floor) for patient in range(300)]
    told = evaluate([rule], daily(streams), accepted_columns(with_baseline), NOW_MS)
    centers = [90.0 if patient < 300 else None for patient in range(600)]
    expected = [
        patient
        for (patient, _), days in streams.items()
        if plainly(rule, days, kind, centers[patient], change.mad_floor)
    ]
    assert [each.patient for each in told] == expected
    assert expected


@pytest.mark.parametrize("rule", [LOSS_IN_A_MONTH, LOSS_IN_HALF_A_YEAR])
def test_nobody_is_passed_by_who_lost_that_share(rule):
    chance = np.random.default_rng(47)
    days = 80 + chance.normal(0, 0.4, (400, rule.days + rule.week))
    days[:, -rule.week :] *= 1 - rule.share * chance.uniform(0.9, 1.1, (400, 1))
    days[chance.random(days.shape) < 0.3] = NAN
    streams = {(patient, Kind.WEIGHT): list(row) for patient, row in enumerate(np.round(days, 1))}
    told = evaluate([rule], daily(streams), NOTHING, NOW_MS)
    middles = [(np.nanmedian(row[: rule.week]), np.nanmedian(row[-rule.week :])) for row in streams.values()]
    expected = [patient for patient, (then, now) in enumerate(middles) if round((then - now) / then, 9) >= rule.share]
    assert [each.patient for each in told] == expected
    assert 100 < len(expected) < 300


def test_what_two_rules_find_of_one_stream_stands_together_in_the_order_of_the_rules():
    falling = [95.0 - 0.25 * day for day in range(14)] + [75.0]
    streams = {(patient, Kind.SPO2): falling for patient in (1, 2)}
    findings = evaluate([TREND, DEVIATION], daily(streams), NOTHING, NOW_MS)
    assert [(each.patient, each.name) for each in findings] == [
        (1, "trend"),
        (1, "deviation"),
        (2, "trend"),
        (2, "deviation"),
    ]


def test_kinds_that_nobody_gave_a_smallest_change_are_passed_by():
    assert not found(DEVIATION, [50.0] * 14 + [1], Kind.BATTERY)
    assert not found(TREND, [50.0 - day for day in range(14)], Kind.BATTERY)


def test_no_streams_are_no_findings():
    nobody = daily({(7, Kind.SPO2): STEADY}).of(np.zeros(1, np.bool_))
    assert evaluate(RULES, nobody, NOTHING, NOW_MS) == []


def test_every_rule_and_every_change_names_its_documents_and_waits_for_a_signature():
    assert len({rule.name for rule in RULES}) == len(RULES)
    for fact in (*RULES, *CHANGES.values()):
        assert fact.references
        assert set(fact.references) <= set(BIBLIOGRAPHY)
        assert fact.proposal
