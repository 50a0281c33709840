"""What homes remember, in the database: moved by their events, and by the clock when something is due.

A row of home_state is locked by whoever moves it until commit. In ingest's order of locks it comes after events and
before subjects; the clock holds it before it holds subjects, too. What a home waits for are `deadline` rows of the type
"home", one for each part; they are written under the home's subject.

The gateway's silence is no silence of the home: what is due waits, again and again, while a gateway of the home is not
heard or has a backlog (server/detection/home_heard.py)."""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from devices.profiles import bthome
from devices.vocabulary import EventType
from server.alerts.findings import SENSOR_SILENT, Concern, ConcernOver, Finding
from server.alerts.model import Priority, Subject, home_subject
from server.detection import home
from server.detection.home import AWAY_STOPS, BLIND_STOPS, Found, HomeFinding, Looked, Memory
from server.detection.home_awaited import BED_EMPTY, HomeSensors
from server.detection.home_heard import GatewayHeard, heard_until
from server.detection.home_rules import BED, FRONT_DOOR, HomeRules
from server.detection.home_state import HOME_EVENTS, HomeEvent
from server.store import alerts, deadlines, excuses, queries, settings
from server.store.deadlines import DeadlineType, Due
from server.store.events import FiledEvent
from server.store.happenings import is_late

SQL: Final = queries.load("homes")
HEARD_SOON: Final = timedelta(seconds=10)  # its gateways speak, and the next heartbeat decides
LOOK_AGAIN: Final = timedelta(minutes=1)  # a gateway is silent, or has much to tell yet
RENEWED_AT_ONCE: Final = 100  # homes in one transaction; the others in the next round
EXCUSED_FOR: Final = timedelta(minutes=10)  # whoever was away is missed so much after the excuse at most
HISTORY_MAX: Final = 20_000  # events to place one that came out of order; of more the newest
PRESENCE: Final = (EventType.OCCUPIED, EventType.VACANT)
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """What events have done to homes. `awaits`: by home and part, until when; None: no longer."""

    findings: list[Finding] = field(default_factory=list)
    awaits: dict[Subject, dict[str, datetime | None]] = field(default_factory=dict)


def hear(conn: psycopg.Connection, events: Sequence[FiledEvent], now: datetime) -> Moved:
    """New events, stored in this transaction."""
    heard = _of_homes(conn, [event for event in events if event.type in HOME_EVENTS])
    moved = Moved()
    if not heard:
        return moved
    conn.execute(SQL["meet"], {"homes": _ids(heard), "now": now})
    memories = _hold(conn, heard)
    rules, sensors = settings.home_rules(conn, memories), _sensors(conn, memories, now)
    after = {}
    for id_, before in memories.items():
        since = home.needs_history(before, heard[id_])
        history = () if since is None else _history(conn, id_, since)
        looked = home.take(before, heard[id_], rules[id_], sensors[id_], history)
        after[id_] = looked.memory
        _tell(moved, id_, before, looked)
    _remember(conn, after, now)
    return moved


def expect(
    conn: psycopg.Connection, awaits: Mapping[Subject, Mapping[str, datetime | None]], held: Mapping[Subject, int]
) -> None:
    """Under the locks of the homes' subjects."""
    changes = [(held[subject], part, due) for subject, parts in awaits.items() for part, due in parts.items()]
    deadlines.cancel(conn, DeadlineType.HOME, [(subject, part) for subject, part, due in changes if due is None])
    if wanted := [(subject, part, due) for subject, part, due in changes if due is not None]:
        parameters = {
            "subjects": np.array([subject for subject, _, _ in wanted], np.int64),
            "parts": [part for _, part, _ in wanted],
            "dues": [due for _, _, due in wanted],
            "every_s": LOOK_AGAIN.total_seconds(),
        }
        conn.execute(SQL["await"], parameters)


def hold(conn: psycopg.Connection, due: Iterable[Due]) -> None:
    """Before the subjects are held: the homes that these deadlines are about."""
    if homes := {int(each.reference) for each in due if each.type is DeadlineType.HOME}:
        conn.execute(SQL["hold"], {"homes": _ids(homes)})


def expire(conn: psycopg.Connection, due: Iterable[Due], now: datetime) -> list[Finding]:
    """What is due in homes, of which the caller holds the states and the subjects."""
    passed: defaultdict[int, set[str]] = defaultdict(set)
    held: dict[Subject, int] = {}
    for each in due:
        if each.type is DeadlineType.HOME:
            passed[int(each.reference)].add(each.part)
            held[home_subject(int(each.reference))] = each.subject_id
    if not passed:
        return []
    memories = _hold(conn, passed)
    views = _views(conn, memories, now)
    moved, after = Moved(), {}
    for id_, memory in memories.items():
        view = views[id_]
        looked = home.look(
            memory, view.rules, view.sensors, view.heard_until, waits=view.waits, numbers=view.silent_sensors()
        )
        if looked.memory != memory:
            after[id_] = looked.memory
        _tell(moved, id_, memory, looked)
        awaits = moved.awaits.setdefault(home_subject(id_), {})
        for part in passed[id_]:  # their rows have expired: what is still awaited is looked at again
            again = looked.memory.due.get(part)
            awaits[part] = None if again is None else max(again, now + view.patience(part))
    _remember(conn, after, now)
    expect(conn, moved.awaits, held)
    return moved.findings


def renew(conn: psycopg.Connection, now: datetime) -> int:
    """One transaction: some homes whose rules were set, or that `unsettle` named; how many."""
    unsettled = [id_ for (id_,) in conn.execute(SQL["unsettled"], {"most": RENEWED_AT_ONCE})]
    if not unsettled:
        return 0
    with conn.transaction():
        changed = [id_ for (id_,) in conn.execute(SQL["settle"], {"homes": _ids(unsettled)})]
        conn.execute(SQL["meet"], {"homes": _ids(changed), "now": now})
        memories = _hold(conn, changed)
        rules, sensors = settings.home_rules(conn, memories), _sensors(conn, memories, now)
        moved, after = Moved(), {}
        for id_, memory in memories.items():
            history = _history(conn, id_, home.kept_since(memory) or now - home.LOOK_BACK)
            looked = home.again(memory, history, rules[id_], sensors[id_])
            after[id_] = looked.memory
            _tell(moved, id_, memory, looked)
        _remember(conn, after, now)
        held = alerts.hold(conn, {home_subject(id_) for id_ in memories})
        expect(conn, moved.awaits, held)
        alerts.apply(conn, alerts.decided(conn, held, moved.findings, now), now)
    return len(changed)


def unsettle(conn: psycopg.Connection, homes: Collection[int]) -> None:
    """Events of these homes turned out to be others', or others' theirs: they are to be gone through once more."""
    if homes:
        conn.execute(SQL["unsettle"], {"homes": _ids(homes)})


@dataclass(frozen=True, kw_only=True, slots=True)
class _View:
    """All that decides about a home, as of now."""

    rules: HomeRules
    sensors: HomeSensors
    silent: frozenset[int]
    heard_until: datetime | None
    waits: frozenset[str]

    def silent_sensors(self) -> Mapping[str, float]:
        motion = self.sensors.motion
        return {"sensors": len(motion), "sensors_silent": len(motion & self.silent)}

    def patience(self, part: str) -> timedelta:
        if home.waits_for(part, self.waits):
            return EXCUSED_FOR
        return LOOK_AGAIN if self.heard_until is None else HEARD_SOON


def _views(conn: psycopg.Connection, homes: Collection[int], now: datetime) -> dict[int, _View]:
    rules, sensors = settings.home_rules(conn, homes), _sensors(conn, homes, now)
    heard = _heard(conn, homes)
    away = excuses.in_force(conn, (), homes, now).homes
    silent = _silent(conn, {device for each in sensors.values() for device in each.motion | each.beds})
    return {
        id_: _View(
            rules=rules[id_],
            sensors=sensors[id_],
            silent=silent,
            heard_until=heard_until(heard[id_], now),
            waits=_waits(sensors[id_], silent, is_away=id_ in away),
        )
        for id_ in homes
    }


def _waits(sensors: HomeSensors, silent: frozenset[int], *, is_away: bool) -> frozenset[str]:
    beds = frozenset(f"{BED_EMPTY}:{device}" for device in sensors.beds & silent)
    if is_away:
        return AWAY_STOPS
    return beds | BLIND_STOPS if sensors.motion and sensors.motion <= silent else beds


def _tell(moved: Moved, id_: int, before: Memory, looked: Looked) -> None:
    subject = home_subject(id_)
    moved.findings.extend(_finding(subject, found) for found in looked.findings)
    now_due = looked.memory.due
    changed: dict[str, datetime | None] = {part: due for part, due in now_due.items() if before.due.get(part) != due}
    changed.update((part, None) for part in before.due if part not in now_due)
    if changed:
        moved.awaits[subject] = changed


def _finding(subject: Subject, found: Found) -> Finding:
    if not isinstance(found, HomeFinding):
        return ConcernOver(subject=subject, rule=found.rule, at=found.at)
    return Concern(
        subject=subject,
        rule=found.rule,
        priority=Priority.RED if found.red else Priority.YELLOW,
        at=found.at,
        began=found.began,
        evidence=found.evidence,
        late=found.late,
    )


def _of_homes(conn: psycopg.Connection, events: Sequence[FiledEvent]) -> dict[int, list[HomeEvent]]:
    """What is bound to a patient, a bed or a dispenser, tells of the home where the patient lives."""
    patients = {event.binding.patient_id for event in events} - {0}
    lives: dict[int, int] = {}
    if patients:
        lives.update(conn.execute(SQL["homes_of_patients"], {"patients": _ids(patients)}).fetchall())
    heard: defaultdict[int, list[HomeEvent]] = defaultdict(list)
    for event in events:
        id_ = event.binding.home_id or lives.get(event.binding.patient_id)
        if id_:
            place = _place(event.type, event.binding.place, is_patients=event.binding.patient_id != 0)
            heard[id_].append(
                HomeEvent(
                    type=event.type, device=event.device_id, place=place, at=event.occurred_at, late=is_late(event)
                )
            )
    return heard


def _place(type_: EventType, place: str, *, is_patients: bool) -> str:
    """A patient's own sensor of presence lies in the bed."""
    return BED if is_patients and type_ in PRESENCE else place


def _history(conn: psycopg.Connection, id_: int, since: datetime) -> list[HomeEvent]:
    parameters = {"home": id_, "since": since, "types": [str(each) for each in HOME_EVENTS], "most": HISTORY_MAX}
    return [
        HomeEvent(
            type=EventType(type_),
            device=device,
            place=_place(EventType(type_), place, is_patients=is_patients),
            at=at,
        )
        for type_, device, place, at, is_patients in conn.execute(SQL["history"], parameters)
    ]


def _hold(conn: psycopg.Connection, homes: Iterable[int]) -> dict[int, Memory]:
    return {id_: _memory(id_, state) for id_, state in conn.execute(SQL["hold"], {"homes": _ids(homes)})}


def _memory(id_: int, state: Any) -> Memory:
    """A memory that this version cannot read is made anew: alerts stand on their own."""
    try:
        return msgspec.convert(state, Memory)
    except msgspec.ValidationError as error:
        log.warning("home %s begins to learn anew: %s", id_, error)
        return Memory()


def _remember(conn: psycopg.Connection, memories: Mapping[int, Memory], now: datetime) -> None:
    if not memories:
        return
    states = [msgspec.json.encode(memory).decode() for memory in memories.values()]
    conn.execute(SQL["remember"], {"homes": np.array(list(memories), np.int32), "states": states, "now": now})


def _sensors(conn: psycopg.Connection, homes: Collection[int], at: datetime) -> dict[int, HomeSensors]:
    found: defaultdict[int, defaultdict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for id_, device, place, profile, is_patients in conn.execute(SQL["sensors"], {"homes": _ids(homes), "at": at}):
        found[id_]["all"].add(device)
        if profile == bthome.MOTION.name and not is_patients:
            found[id_]["motion"].add(device)
        elif profile == bthome.DOOR.name and place == FRONT_DOOR:
            found[id_]["front"].add(device)
        elif profile == bthome.BED.name and (is_patients or place == BED):
            found[id_]["beds"].add(device)
    return {id_: HomeSensors(**{what: frozenset(ids) for what, ids in found[id_].items()}) for id_ in homes}


def _heard(conn: psycopg.Connection, homes: Iterable[int]) -> Mapping[int, list[GatewayHeard]]:
    found: defaultdict[int, list[GatewayHeard]] = defaultdict(list)
    for id_, is_online, at, waiting in conn.execute(SQL["heard"], {"homes": _ids(homes)}):
        found[id_].append(GatewayHeard(is_online=is_online, at=at, waiting=waiting))
    return found


def _silent(conn: psycopg.Connection, devices: Iterable[int]) -> frozenset[int]:
    return frozenset(
        device for (device,) in conn.execute(SQL["silent"], {"rule": SENSOR_SILENT, "devices": _ids(devices)})
    )


def _ids(ids: Iterable[int]) -> np.ndarray[Any, np.dtype[np.int32]]:
    return np.array(sorted(ids), np.int32)
