"""What must be true at the end of every world."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from devices.vocabulary import CALLS_FOR_HELP, Event, EventType, Gap, Kind, Observation
from devices.wire.messages import Lane
from tests.sim.loop import NoEndError, NothingLeftError
from tests.sim.things import Button, EarThermometer, Meter, Strap, Thing
from tests.sim.world import World, run

TOLD: Final = timedelta(seconds=15)  # how far a receipt's time can be off, on a slow line
BREATH: Final = timedelta(seconds=3)  # a stream of one value a second that pauses for less was not silent
PRESS_TO_EVENT: Final = timedelta(seconds=6)
PRESS_ENDS: Final = timedelta(seconds=30)  # on the disk by then, even if that was full for a while
AT_ONCE_S: Final = 0.1
MILLISECOND: Final = timedelta(milliseconds=1)  # the wire rounds down


def broken(seed: int, directory: Path) -> list[str]:
    """One sentence for each promise that this world broke."""
    try:
        world = run(seed, directory)
    except (NoEndError, NothingLeftError) as error:
        return [f"it does not end: {error}"]
    return [sentence for check in CHECKS for sentence in check(world)]


def _no_fault_of_ours(world: World) -> Iterator[str]:
    for fault in world.gateway.faults:
        yield f"a part of the agent failed: {type(fault).__name__}: {fault}"


def _all_arrives(world: World) -> Iterator[str]:
    if not world.settled:
        yield f"{world.gateway.waiting()} rows still wait long after everything was mended"


def _accepted_is_stored(world: World) -> Iterator[str]:
    """An accepted row is stored, or its absence is declared."""
    for row, item in world.disk.accepted.items():
        if row not in world.server.rows and row not in world.server.lost:
            yield f"accepted, never stored, never declared: {row}: {item}"


def _stored_was_heard(world: World) -> Iterator[str]:
    """No reading twice, and none that no device said."""
    rows = list(world.server.stored.values())
    for thing in world.things:
        mine = [row for row in rows if row.device == thing.address]
        readings = [row for row in mine if isinstance(row, Observation)]
        match thing:
            case Strap():
                yield from _stream(thing, readings)
                if not world.gateway.timeless:  # what was heard in a life without a time, nobody can date
                    yield from _true_times(thing, readings)
            case Meter():
                yield from _records(thing, readings)
            case EarThermometer():
                yield from _once(thing, readings)
            case Button():
                events = [row for row in mine if isinstance(row, Event)]
                if world.gateway.machine.has_battery:
                    yield from _presses(thing, events, world.gateway.stops)
                else:  # an alarm does not wait until the gateway knows the time
                    yield from _count_presses(thing, events, world.gateway.stops)


def _stream(thing: Strap, readings: list[Observation]) -> Iterator[str]:
    count = sum(row.n for row in readings if row.kind is Kind.HEART_RATE)
    if count > len(thing.book.values):
        yield f"{thing.address} said {len(thing.book.values)} values, {count} are stored"


def _true_times(thing: Strap, readings: list[Observation]) -> Iterator[str]:
    """Also of what was heard before the gateway knew the time."""
    said: dict[float, list[datetime]] = defaultdict(list)
    for at, value in thing.book.values:
        said[value].append(at)
    for row in readings:
        if row.kind is Kind.HEART_RATE and row.n == 1 and row.value is not None:
            error = min((abs(at - row.taken_at) for at in said[row.value]), default=timedelta.max)
            if error > TOLD:
                yield f"{thing.address}: {row.value:g} of {row.taken_at} was not said near then"


def _records(thing: Meter, readings: list[Observation]) -> Iterator[str]:
    found = Counter((row.record, row.value) for row in readings if row.kind is Kind.GLUCOSE)
    wanted = {(number, value) for number, (_, value) in thing.book.records.items()}
    for key, times in found.items():
        if times > 1:
            yield f"{thing.address} record {key} is stored {times} times"
        if key not in wanted:
            yield f"{thing.address} never said {key}"
    for missing in wanted - set(found):
        yield f"{thing.address} record {missing} is in its memory and nowhere else"


def _once(thing: EarThermometer, readings: list[Observation]) -> Iterator[str]:
    found = Counter(row.value or 0.0 for row in readings if row.kind is Kind.BODY_TEMPERATURE)
    said = Counter(value for _, value, _ in thing.book.taken)
    for value, times in (found - said).items():
        yield f"{thing.address} said {value} {said[value]} times, {times} more are stored"


def _presses(thing: Button, events: list[Event], stops: list[datetime]) -> Iterator[str]:
    """A press that was heard is one event. One whose gateway was killed in its seconds may be lost with it, or be heard
    again by the next."""
    kind = EventType.SOS if thing.profile == "bthome_sos" else EventType.FALL
    at = sorted(row.occurred_at for row in events if row.type is kind)
    excused = 0
    ends = [*(at for at, _ in thing.book.presses), datetime.max.replace(tzinfo=UTC)][1:]
    for (pressed, heard), end in zip(thing.book.presses, ends, strict=True):
        if any(pressed <= stop <= pressed + PRESS_ENDS for stop in stops):
            excused += 1
            continue
        near = [each for each in at if pressed - MILLISECOND <= each < min(pressed + PRESS_TO_EVENT, end - MILLISECOND)]
        if len(near) > 1:
            yield f"{thing.address} was pressed once at {pressed}, {len(near)} events are stored"
        if heard and not near:
            yield f"{thing.address} was pressed and heard at {pressed}: no event is stored"
    if len(at) > len(thing.book.presses) + excused:
        yield f"{thing.address}: {len(at)} events of {len(thing.book.presses)} presses"


def _count_presses(thing: Button, events: list[Event], stops: list[datetime]) -> Iterator[str]:
    count = sum(row.type in (EventType.SOS, EventType.FALL) for row in events)
    excused = [at for at, _ in thing.book.presses if any(at <= stop <= at + PRESS_ENDS for stop in stops)]
    least = sum(heard and at not in excused for at, heard in thing.book.presses)
    most = len(thing.book.presses) + len(excused)
    if not least <= count <= most:
        yield f"{thing.address}: {count} events; {least} to {most} were to be heard"


def _silence_is_reported(world: World) -> Iterator[str]:
    """From the first row of a stream to its last there is no moment of which nothing is said."""
    for thing in world.things:
        if isinstance(thing, Strap) and not world.gateway.timeless:
            yield from _silences(thing, world)


def _silences(thing: Thing, world: World) -> Iterator[str]:
    breath = BREATH if world.gateway.machine.has_battery else BREATH + TOLD
    spans = sorted(_spans(thing, world))
    covered: datetime | None = None
    for begins, ends in spans:
        if covered is not None and begins - covered > breath:
            yield f"{thing.address}: nothing is said of {covered} .. {begins}"
        covered = ends if covered is None else max(covered, ends)
    if thing.book.values and (covered is None or thing.book.values[-1][0] - covered > breath):
        yield f"{thing.address}: its last value at {thing.book.values[-1][0]} is after the last row, {covered}"


def _spans(thing: Thing, world: World) -> Iterator[tuple[datetime, datetime]]:
    for row in world.server.stored.values():
        if row.device != thing.address:
            continue
        if isinstance(row, Observation) and row.kind is Kind.HEART_RATE:
            yield row.taken_at, row.taken_at + timedelta(seconds=row.span_s)
        if isinstance(row, Gap):
            yield row.from_at, row.to_at


def _alarms_first(world: World) -> Iterator[str]:
    """While the line is up, no bulk leaves the gateway between an alarm's commit and the alarm."""
    for (_, lane, seq), item in world.disk.accepted.items():
        if isinstance(item, Event) and item.type in CALLS_FOR_HELP and lane is not Lane.ALARM:
            yield f"a call for help lies among the bulk as number {seq}: {item}"
    sent: dict[tuple[str, int], float] = {}
    for came in world.line.came:
        if came.lane is Lane.ALARM:
            for seq in range(came.first, came.last + 1):
                sent.setdefault((came.outbox, seq), came.at_s)
    for (outbox, lane, seq), at_s in world.disk.accepted_s.items():
        left_s = sent.get((outbox, seq))
        if lane is not Lane.ALARM or left_s is None:
            continue
        since_s = max([at_s, *(turn for turn in world.line.turned_s if turn <= left_s)]) + AT_ONCE_S
        bulk = [came for came in world.line.came if came.lane is Lane.BULK and since_s < came.at_s < left_s]
        if bulk:
            yield f"alarm {seq} of {at_s:.3f} s left at {left_s:.3f} s, behind {len(bulk)} batches of bulk"


CHECKS: Final = (
    _no_fault_of_ours,
    _all_arrives,
    _accepted_is_stored,
    _stored_was_heard,
    _silence_is_reported,
    _alarms_first,
)
