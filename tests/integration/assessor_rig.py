"""Readings to be weighed, and looks at them, over the small enrolled world: what the assessor's tests share."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from devices.vocabulary import Kind, Mode, Observation
from server.store.assessor import look
from tests.integration.ingest_rig import OXIMETER, Rig, batch, sent

OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=OSLO)
DAY = timedelta(days=1)
ALERTS = "select rule, priority, state from alert order by rule"
MARKS = "select patient_id, kind, rev from assessment order by 1, 2"


def with_heart_failure(rig: Rig) -> Rig:
    """The first patient, whom nobody has to look at."""
    rig.tell("update patient set pathway = 'heart_failure' where id = 1")
    rig.tell("delete from assessment")
    return rig


def spot(kind: Kind, value: float, at: datetime) -> Observation:
    return Observation(device=OXIMETER, kind=kind, taken_at=at, value=value)


def days(kind: Kind, values: Sequence[float], *, last: datetime = NOON) -> list[Observation]:
    """One a day, the last of them at `last`."""
    return [spot(kind, value, last - DAY * (len(values) - 1 - place)) for place, value in enumerate(values)]


def worn(kind: Kind, hourly: Iterable[float], *, since: datetime) -> list[Observation]:
    """A continuous stream, thinned to one interval an hour."""
    return [
        Observation(
            device=OXIMETER,
            kind=kind,
            taken_at=since + timedelta(hours=hour),
            value=value,
            low=value,
            high=value,
            n=100,
            span_s=3000,
            mode=Mode.CONTINUOUS,
        )
        for hour, value in enumerate(hourly)
    ]


class Sender:
    def __init__(self, rig: Rig) -> None:
        self.rig, self.seq = rig, 1

    def __call__(self, items: Sequence[Observation], *, now: datetime = NOON) -> None:
        for begin in range(0, len(items), 200):
            part = items[begin : begin + 200]
            self.rig.file(sent(batch(part, first=self.seq), at=now), now=now)
            self.seq += len(part)


def waits_for_a_lock(rig: Rig, name: str) -> bool:
    activity = "select wait_event_type from pg_stat_activity where application_name = %s"
    return ("Lock",) in rig.ask(activity, f"hjemvakt-{name}")


def look_at_all(conn: psycopg.Connection, now: datetime = NOON) -> int:
    looked = 0
    while many := look(conn, now):
        looked += many
    return looked
