"""A home with two rooms, a bed, a front door and a window, and what its sensors say, for the tests of its rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from devices.vocabulary import EventType
from server.detection.home import Memory, take
from server.detection.home_awaited import HomeSensors
from server.detection.home_rules import SHIPPED
from server.detection.home_state import HomeEvent

HALL, KITCHEN, BED, FRONT, WINDOW = range(1, 6)
PLACES = {HALL: "hall", KITCHEN: "kitchen", BED: "bed", FRONT: "front door", WINDOW: "living room window"}
EVERY = frozenset(PLACES)
SENSORS = HomeSensors(motion=frozenset({HALL, KITCHEN}), front=frozenset({FRONT}), beds=frozenset({BED}), all=EVERY)
NO_BED = replace(SENSORS, beds=frozenset())
NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # twelve on the wall
OPEN, SHUT, MOVE = EventType.DOOR_OPENED, EventType.DOOR_CLOSED, EventType.MOTION
IN, UP = EventType.OCCUPIED, EventType.VACANT


def minutes(n):
    return timedelta(minutes=n)


def said(device, type_, at, *, late=False):
    return HomeEvent(type=type_, device=device, place=PLACES[device], at=at, late=late)


def after(*events, rules=SHIPPED, sensors=SENSORS, memory=None):
    return take(memory or Memory(), events, rules, sensors)


def due(*events, rules=SHIPPED, sensors=SENSORS):
    return after(*events, rules=rules, sensors=sensors).memory.due


def habit(gap_min, *, days=20, hour=9):
    """Every day a silence of so long from that hour UTC on, and motion each half hour else until 21."""
    events = []
    for day in range(days):
        begin = datetime(2026, 3, 1, 5, 0, tzinfo=UTC) + timedelta(days=day)
        quiet = begin.replace(hour=hour)
        for n in range(33):
            at = begin + minutes(30 * n)
            if not quiet < at < quiet + minutes(gap_min):
                events.append(said(HALL, MOVE, at))
        events.append(said(BED, IN, begin + minutes(30 * 33)))
        events.append(said(BED, UP, begin + timedelta(hours=24) - minutes(10)))
    return events
