"""Three teams with their people, and what sensors find about their patients in a week. The dice decide all of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from random import Random
from typing import Final

import psycopg
from argon2 import PasswordHasher

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts.findings import (
    Concern,
    ConcernOver,
    DoorAtNight,
    DoseMissed,
    Finding,
    HelpCall,
    sensor_off,
    sensor_on,
)
from server.alerts.model import Priority, Subject, device_subject, home_subject, patient_subject
from server.detection.findings import Crossing, Evidence, LimitFinding

MONDAY: Final = datetime(2026, 3, 2, tzinfo=UTC)
WEEK: Final = timedelta(days=7)
TEAMS: Final = 3
NURSES: Final = 5  # of each team; who comes after them is its coordinator
PATIENTS: Final = 20  # of each team
TOGETHER: Final = timedelta(minutes=5)  # what is found within it is stored together, as after a line that was down
PASSWORD: Final = "a long sentence about nothing"
CHEAP: Final = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
LEVELS: Final = {"low": (Level.YELLOW_LOW, Level.RED_LOW), "high": (Level.YELLOW_HIGH, Level.RED_HIGH)}
MINUTE: Final = timedelta(minutes=1)

PEOPLE: Final = """
insert into team (name) select 'Team ' || n from generate_series(1, %(teams)s) n;
insert into home (name, address, team_id, bucket)
select 'home-' || n, 'Testveien ' || n, (n - 1) / %(patients)s + 1, 0 from generate_series(1, %(all)s) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id)
select 'P-' || n, 'Test ' || n, '1940-05-17', 'kols', (n - 1) / %(patients)s + 1, n from generate_series(1, %(all)s) n;
insert into device (address, profile)
select 'C0:00:00:00:' || lpad(to_hex(n / 256), 2, '0') || ':' || lpad(to_hex(n %% 256), 2, '0'), 'oximeter'
from generate_series(1, %(all)s) n;
insert into binding (device_id, patient_id, valid_from) select n, n, '2020-01-01Z' from generate_series(1, %(all)s) n;
insert into staff (login, name, initials, password_hash)
select 's' || n, 'Staff ' || n, 'S' || n, %(password)s from generate_series(1, %(staff)s) n;
insert into staff_team
select n, (n - 1) / %(each)s + 1, case when n %% %(each)s = 0 then 'coordinator' else 'nurse' end
from generate_series(1, %(staff)s) n;
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    id: int
    nurses: tuple[int, ...]
    coordinator: int


def settle(conn: psycopg.Connection) -> list[Team]:
    """People and homes; ids are counted from 1 in every table."""
    each = NURSES + 1
    numbers = {"teams": TEAMS, "patients": PATIENTS, "all": TEAMS * PATIENTS, "staff": TEAMS * each, "each": each}
    for statement in filter(str.strip, PEOPLE.split(";")):
        conn.execute(statement.encode(), {**numbers, "password": CHEAP.hash(PASSWORD)})
    return [
        Team(id=team, nurses=tuple(range((team - 1) * each + 1, team * each)), coordinator=team * each)
        for team in range(1, TEAMS + 1)
    ]


def found_in_a_week(dice: Random, count: int) -> Iterator[tuple[datetime, list[Finding]]]:
    """What is stored together, and when."""
    found: list[tuple[datetime, Finding]] = []
    while len(found) < count:
        began = MONDAY + timedelta(minutes=dice.uniform(0, WEEK / MINUTE - 1))
        found += [(at, each) for at, each in _episode(dice, began) if at < MONDAY + WEEK]
    found = sorted(found[:count], key=lambda each: each[0])
    for turn, together in groupby(found, lambda each: (each[0] - MONDAY) // TOGETHER):
        yield MONDAY + (turn + 1) * TOGETHER, [finding for _, finding in together]


def has_been(finding: Finding) -> bool:
    """It came late: nobody knows whether it is so now."""
    over = isinstance(finding, LimitFinding) and finding.crossing is Crossing.HAS_BEEN
    return over or bool(getattr(finding, "late", False))


def _episode(dice: Random, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    patient = dice.randrange(TEAMS * PATIENTS) + 1
    subject = patient_subject(patient, home=patient)
    episodes = (_limit, _limit, _limit, _calls, _concern, _happens, _sensor)
    yield from dice.choice(episodes)(dice, subject, began)


def _limit(dice: Random, subject: Subject, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    kind, direction = dice.choice(((Kind.SPO2, "low"), (Kind.PULSE_RATE, "high"), (Kind.GLUCOSE, "low")))
    yellow, red = LEVELS[direction]
    at, level, late = began, dice.choice((yellow, red)), dice.random() < 0.1

    def crossing(what: Crossing, level: Level) -> tuple[datetime, Finding]:
        evidence = Evidence(kind=kind, value=1.0, limit=2.0, level=level, direction=direction, since=began)
        assert subject.patient is not None
        return at, LimitFinding(
            patient=subject.patient,
            kind=kind,
            crossing=what,
            direction=direction,
            level=level,
            began=began,
            at=at,
            late=late,
            evidence=evidence,
        )

    if dice.random() < 0.05:
        yield crossing(Crossing.HAS_BEEN, level)
        return
    yield crossing(Crossing.BEGAN, level)
    for _ in range(dice.randrange(8)):
        at += timedelta(minutes=dice.uniform(2, 60))
        turn = dice.random()
        if level == yellow and turn < 0.2:
            level = red
            yield crossing(Crossing.WORSE, level)
        elif level == red and turn < 0.2:
            level = yellow
            yield crossing(Crossing.EASED, level)
        else:
            yield crossing(Crossing.STILL, level)
    at += timedelta(minutes=dice.uniform(2, 60))
    if dice.random() < 0.9:
        yield crossing(Crossing.ENDED, Level.INSIDE)


def _calls(dice: Random, subject: Subject, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    event, at = dice.choice((EventType.SOS, EventType.FALL)), began
    for _ in range(dice.choice((1, 1, 2, 4))):
        yield at, HelpCall(subject=subject, type=event, at=at, late=dice.random() < 0.05)
        at += timedelta(minutes=dice.uniform(1, 25))


def _concern(dice: Random, subject: Subject, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    at, steps = began, float(dice.randrange(5, 8))
    for _ in range(dice.randrange(1, 7)):
        priority = Priority.RED if steps >= 7 else Priority.YELLOW
        evidence = Evidence(kind=Kind.SPO2, since=at, rules=("news2",), numbers={"score": steps})
        yield (
            at,
            Concern(
                subject=subject, rule="news2", priority=priority, at=at, began=began, evidence=evidence, steps=steps
            ),
        )
        at += timedelta(minutes=dice.uniform(10, 200))
        steps += dice.choice((-1.0, 0.0, 0.0, 1.0))
    yield at, ConcernOver(subject=subject, rule="news2", at=at)


def _happens(dice: Random, subject: Subject, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    at = began
    assert subject.home is not None
    for _ in range(dice.randrange(1, 4)):
        yield at, DoorAtNight(subject=home_subject(subject.home), at=at, late=False, place="front door")
        yield at, DoseMissed(subject=subject, at=at, late=False)
        at += timedelta(minutes=dice.uniform(20, 300))


def _sensor(dice: Random, subject: Subject, began: datetime) -> Iterator[tuple[datetime, Finding]]:
    assert subject.patient is not None
    device = device_subject(subject.patient, patient=subject.patient, home=subject.home)
    yield began, sensor_off(device, began)
    back = began + timedelta(minutes=dice.uniform(5, 400))
    yield back, sensor_on(device, back)
