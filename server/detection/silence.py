"""When silence counts: of a gateway, and of each sensor, with what else is wrong with it (its battery, its clock)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

BEATS_MISSED: Final = 2.5
FIRST_WORD_WITHIN: Final = timedelta(hours=1)  # of its enrolment: time to carry it home and plug it in [proposal]
SHORTEST_S: Final = 10.0  # a gateway that promises to beat every second is not silent after a hiccup of three

CLOCK_AGREES: Final = timedelta(minutes=5)  # further apart than any message is on its way [proposal]

FIRST_HEARD_WITHIN: Final = timedelta(hours=24)  # of its binding: time to hang it up and to try it [proposal]
# Many buttons are on the air only when pressed (Shelly BLU with its beacon mode off, which is how it is sold:
# shelly-api-docs.shelly.cloud/docs-ble/common): a sensor is awaited when it has shown that it speaks by itself.
TURNS: Final = 6  # so many times in a row, [proposal]
TURN_FROM: Final = timedelta(minutes=10)  # each so long after the one before [proposal]
TURN_TO: Final = timedelta(hours=1)
GATEWAY_WAS_AWAY: Final = timedelta(hours=1)  # who was not listened to for so long is awaited anew [proposal]
BATTERY_LOW_PERCENT: Final = 15  # [proposal]
BATTERY_FINE_PERCENT: Final = 25  # [proposal]


def gateway_due_at(heard_at: datetime, every_s: float) -> datetime:
    """`every_s`: the heartbeat that the gateway promised in its status."""
    return heard_at + timedelta(seconds=max(BEATS_MISSED * every_s, SHORTEST_S))


def is_clock_off(said_at: datetime | None, heard_at: datetime) -> bool:
    """`said_at`: a gateway's own time in its heartbeat; `heard_at`: when that came."""
    return said_at is not None and abs(said_at - heard_at) > CLOCK_AGREES


class Trouble(StrEnum):
    SILENT = "silent"
    BATTERY = "battery"
    CLOCK = "clock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sensor:
    """What its profile says. `silent_after` None: it speaks only when it is used. `is_stream`: it gives values while it
    is worn; else it is a beacon. `calls`: for help."""

    silent_after: timedelta | None
    is_stream: bool = False
    is_worn: bool = False
    calls: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Of one sensor between two looks. `awaited_from`: no silence is older. `turns`: how many times in a row it was
    heard at short intervals, `turn_at` the last one. `listened_at`: until when somebody listened. `troubles` stand."""

    awaited_from: datetime
    heard_at: datetime | None = None
    turns: int = 0
    turn_at: datetime | None = None
    listened_at: datetime | None = None
    troubles: frozenset[Trouble] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Signs:
    """What is known now. `listened_at`: the newest word of a gateway that hears for it and has no backlog; None: there
    is none. `heard_at`: of the sensor, its value, or its word that it is off. `clock_is_wrong` None: nobody knows.
    `is_bound`: it is anybody's."""

    listened_at: datetime | None
    heard_at: datetime | None
    battery_percent: int | None = None
    clock_is_wrong: bool | None = None
    is_off: bool = False
    is_excused: bool = False
    is_bound: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Began:
    trouble: Trouble
    since: datetime
    cause: str
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Over:
    trouble: Trouble


def look(sensor: Sensor, memory: Memory, signs: Signs, now: datetime) -> tuple[Memory, list[Began | Over]]:
    """What is told is told once, and again only when it was over."""
    if not signs.is_bound:
        return replace(memory, troubles=frozenset()), [Over(trouble=trouble) for trouble in sorted(memory.troubles)]
    news = _hear(sensor, memory, signs, now)
    found = [*_silence(sensor, memory, news, signs), *_battery(news, signs, now), *_clock(news, signs, now)]
    return replace(news, troubles=_standing(news.troubles, found)), found


def _hear(sensor: Sensor, memory: Memory, signs: Signs, now: datetime) -> Memory:
    listened_at = _newest(memory.listened_at, signs.listened_at)
    was_away = (
        signs.listened_at is not None
        and memory.listened_at is not None
        and signs.listened_at - memory.listened_at > GATEWAY_WAS_AWAY
    )
    anew = (signs.is_excused and sensor.is_worn) or was_away or (sensor.is_stream and signs.is_off)
    awaited_from = now if anew else memory.awaited_from
    news = replace(memory, awaited_from=awaited_from, listened_at=listened_at)
    if signs.heard_at is None or (memory.heard_at is not None and signs.heard_at <= memory.heard_at):
        return replace(news, turns=0) if sensor.is_stream and signs.is_off else news
    return _turn(sensor, replace(news, heard_at=signs.heard_at), memory.heard_at, signs)


def _turn(sensor: Sensor, news: Memory, before: datetime | None, signs: Signs) -> Memory:
    assert news.heard_at is not None
    if sensor.is_stream and (signs.is_off or Trouble.SILENT in news.troubles):
        return replace(news, turns=0, turn_at=news.heard_at)  # worn anew: it has to show it again
    if news.turns >= TURNS:
        return news
    if before is None or news.turn_at is None or news.heard_at - before > TURN_TO:
        return replace(news, turns=0, turn_at=news.heard_at)
    if news.heard_at - news.turn_at >= TURN_FROM:
        return replace(news, turns=news.turns + 1, turn_at=news.heard_at)
    return news


def _silence(sensor: Sensor, before: Memory, news: Memory, signs: Signs) -> Iterator[Began | Over]:
    if Trouble.SILENT in news.troubles:
        if news.heard_at != before.heard_at:
            yield Over(trouble=Trouble.SILENT)
        return
    limit = _limit(sensor, news)
    if limit is None or signs.listened_at is None or (signs.is_excused and sensor.is_worn):
        return
    since = _newest(news.heard_at, news.awaited_from)
    assert since is not None
    if signs.listened_at - since >= limit:
        yield Began(trouble=Trouble.SILENT, since=news.heard_at or news.awaited_from, cause=_cause(sensor, news))


def _limit(sensor: Sensor, memory: Memory) -> timedelta | None:
    if sensor.silent_after is None:
        return None
    if memory.heard_at is None and not sensor.is_stream:
        return max(FIRST_HEARD_WITHIN, sensor.silent_after)
    return sensor.silent_after if memory.turns >= TURNS else None


def _cause(sensor: Sensor, memory: Memory) -> str:
    if sensor.is_stream:
        return "it gives no values, and did not say that it was taken off"
    cause = "it is not heard any more" if memory.heard_at else "it was never heard since it was bound"
    return f"{cause}: a call for help from it may reach nobody" if sensor.calls else cause


def _battery(memory: Memory, signs: Signs, now: datetime) -> Iterator[Began | Over]:
    percent = signs.battery_percent
    if percent is None:
        return
    if Trouble.BATTERY not in memory.troubles and percent <= BATTERY_LOW_PERCENT:
        yield Began(
            trouble=Trouble.BATTERY, since=now, cause=f"its battery is at {percent} %", numbers={"percent": percent}
        )
    if Trouble.BATTERY in memory.troubles and percent >= BATTERY_FINE_PERCENT:
        yield Over(trouble=Trouble.BATTERY)


def _clock(memory: Memory, signs: Signs, now: datetime) -> Iterator[Began | Over]:
    stands = Trouble.CLOCK in memory.troubles
    if signs.clock_is_wrong is True and not stands:
        yield Began(
            trouble=Trouble.CLOCK, since=now, cause="its clock is wrong: the times of its readings are corrected"
        )
    if signs.clock_is_wrong is False and stands:
        yield Over(trouble=Trouble.CLOCK)


def _standing(before: frozenset[Trouble], found: Iterable[Began | Over]) -> frozenset[Trouble]:
    after = set(before)
    for each in found:
        if isinstance(each, Began):
            after.add(each.trouble)
        else:
            after.discard(each.trouble)
    return frozenset(after)


def _newest(one: datetime | None, two: datetime | None) -> datetime | None:
    return max((at for at in (one, two) if at is not None), default=None)
