"""A ward of stored readings, and what is due of them, for the tests of assessing."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from devices.vocabulary import KINDS, Kind, Observation
from server.detection.assess import Assessed, assess
from server.detection.baseline import AcceptedBaseline
from server.detection.days import Hours
from server.detection.glucose_rate import points_of
from server.detection.histories import Beats, Histories, Pressures
from server.detection.patient_rules import Known
from server.detection.rules import (
    Rule,
)

OSLO = ZoneInfo("Europe/Oslo")
TODAY = datetime(2026, 11, 20, tzinfo=OSLO)
NOW = TODAY + timedelta(hours=14)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
NOTHING = np.zeros(0, np.int64)
NO_HOURS = Hours(key=NOTHING, hour_ms=NOTHING, mean=np.zeros(0), until_ms=NOTHING, continuous=np.zeros(0, np.bool_))
STEADY = [92.0, 93, 92, 91, 92, 92, 93, 91, 92, 92, 93, 92, 91, 92]


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def key(patient: int, kind: Kind) -> int:
    return (patient << 16) | KINDS[kind].number


class Ward:
    """Stored readings, and what is due of them."""

    def __init__(self) -> None:
        self.hours: list[tuple[int, datetime, float, datetime, bool]] = []
        self.since: dict[int, datetime] = {}
        self.points: list[tuple[int, datetime, float]] = []
        self.pressures: list[tuple[int, datetime, float, float]] = []
        self.beats: dict[int, Beats] = {}
        self.newest: dict[int, list[Observation]] = {}
        self.reported: list[int] = []
        self.known: dict[int, Known] = {}
        self.rules: dict[int, tuple[Rule, ...]] = {}

    def spot(self, patient: int, kind: Kind, *values: float, last: datetime = TODAY + 8 * HOUR) -> None:
        """One a day; NaN: not that day. The last is new."""
        for place, value in enumerate(values):
            at = last - (len(values) - 1 - place) * DAY
            if value == value:
                self.hours.append((key(patient, kind), at, value, at, False))
        self.since.setdefault(key(patient, kind), last)

    def worn(self, patient: int, kind: Kind, day: datetime, hours: Mapping[int, float]) -> None:
        for hour, value in hours.items():
            at = day + hour * HOUR
            self.hours.append((key(patient, kind), at, value, at + 50 * HOUR / 60, True))
            self.since[key(patient, kind)] = at

    def histories(self, midnights: int = 60) -> Histories:
        streams = sorted({stream for stream, *_ in self.points})
        rows = list(zip(*self.hours, strict=True)) or [[]] * 5
        pressures = list(zip(*self.pressures, strict=True)) or [[]] * 4
        return Histories(
            midnights_ms=np.array([ms(TODAY + each * DAY) for each in range(1 - midnights, 2)]),
            hours=Hours(
                key=np.array(rows[0], np.int64),
                hour_ms=np.array([ms(each) for each in rows[1]], np.int64),
                mean=np.array(rows[2], np.float64),
                until_ms=np.array([ms(each) for each in rows[3]], np.int64),
                continuous=np.array(rows[4], np.bool_),
            ),
            since_ms={stream: ms(at) for stream, at in self.since.items()},
            sensors=np.array(streams, np.int64),
            points=points_of(
                np.array([streams.index(stream) for stream, *_ in self.points], np.int64),
                np.array([ms(at) for _, at, _ in self.points], np.int64),
                np.array([ms(at) for _, at, _ in self.points], np.int64),
                np.array([value for *_, value in self.points]),
                len(streams),
            ),
            pressures=Pressures(
                patient=np.array(pressures[0], np.int32),
                taken_ms=np.array([ms(each) for each in pressures[1]], np.int64),
                systolic=np.array(pressures[2], np.float64),
                diastolic=np.array(pressures[3], np.float64),
            ),
            beats=self.beats,
            newest=self.newest,
            reported=self.reported,
        )

    def assess(self, now: datetime = NOW) -> Assessed:
        return assess(self.histories(), self.rules, self.known, ms(now))

    def found(self, now: datetime = NOW) -> list[tuple[int, str, int]]:
        """(patient, rule, days ago that were judged)"""
        rounds = self.assess(now).rounds
        return [
            (each.patient, each.rule, len(rounds) - 1 - place)
            for place, judged in enumerate(rounds)
            for each in judged.found
        ]


def agreed(patient: int, kind: Kind, center: float = 92.0) -> AcceptedBaseline:
    return AcceptedBaseline(
        patient=patient,
        kind=KINDS[kind].number,
        center=center,
        mad=0.5,
        days=14,
        first_day=date(2026, 10, 20),
        last_day=date(2026, 11, 2),
        accepted_on=date(2026, 11, 3),
        accepted_by=3,
    )
