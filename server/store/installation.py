"""What stands in a home, whose each sensor is, and that all of it works. After `sessions.identify`.

Whoever installs reads through row-level security. What is written of devices and bindings goes through functions of the
database: they lock in the order that ingest keeps, and know whose a sensor elsewhere is without saying it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import numpy as np
from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from devices.profiles import PROFILES
from devices.vocabulary import KIND_BY_NUMBER, KINDS, ClockTrust, EventType
from server.alerts.proving import SEEN_WITHIN
from server.detection.silence import FIRST_WORD_WITHIN
from server.store import proofs, queries, signals
from server.store.configs import sensor_key
from server.store.installation_rows import (
    DepotSensorRow,
    GatewayRow,
    HomeRow,
    PartRow,
    ProtocolLine,
    ProtocolRow,
    ResidentRow,
    RoomRow,
    SensorRow,
    Stands,
    TrialRow,
    Whose,
    Word,
)
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("installation")
VALUES_FOR: Final = timedelta(days=7)  # a value from before is no proof of anything
LOOK_AGAIN: Final = timedelta(minutes=10)  # in between, a screen that shows the same again is the same look
SENSOR_TRIAL_WITHIN: Final = timedelta(minutes=3)


class Bound(StrEnum):
    BOUND = "bound"
    HOME = "home"
    PATIENT = "patient"
    ELSEWHERE = "elsewhere"
    HERE = "here"  # somebody else, or another place of this home, has it
    REPLACED = "replaced"  # the one that is to be replaced is not there


class Prepared(StrEnum):
    PREPARED = "prepared"
    GATEWAY = "gateway"
    ELSEWHERE = "elsewhere"


class Given(StrEnum):
    GIVEN = "given"
    GATEWAY = "gateway"
    HOME = "home"
    HAS_HOME = "has_home"
    BUCKET = "bucket"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is to be bound. `key`: hexadecimal digits. `replaces`: an address and a slot."""

    device: str
    slot: int
    profile: str
    patient: int | None
    place: str | None
    label: str | None
    key: str | None = field(repr=False)
    replaces: tuple[str, int] | None


# ---- looking


def homes(conn: Connection, teams: Collection[int], now: datetime) -> list[HomeRow]:
    return _homes(conn, teams, now, None)


def _homes(conn: Connection, teams: Collection[int], now: datetime, home: int | None) -> list[HomeRow]:
    given = {"teams": list(teams), "now": now, "home": home}
    with conn.cursor(row_factory=class_row(HomeRow)) as cursor:
        return cursor.execute(SQL["homes"], given).fetchall()


def stands(conn: Connection, home: int, teams: Collection[int], now: datetime) -> Stands | None:
    """None: it is not a home of these teams. Whoever asks sees who lives there, and that is remembered."""
    if not (found := _homes(conn, teams, now, home)):
        return None
    of_home: dict[str, Any] = {"home": home}
    with conn.cursor(row_factory=class_row(ResidentRow)) as cursor:
        residents = cursor.execute(SQL["residents"], of_home | {"now": now, "again": LOOK_AGAIN}).fetchall()
    with conn.cursor(row_factory=class_row(PartRow)) as cursor:
        parts = cursor.execute(SQL["parts"], of_home).fetchall()
    with conn.cursor(row_factory=class_row(RoomRow)) as cursor:
        rooms = cursor.execute(SQL["rooms"], of_home).fetchall()
    here, sensors = gateways(conn, teams, home), _sensors(conn, home)
    return Stands(
        home=found[0],
        residents=residents,
        gateways=here,
        trust={name: (begins, ends) for name, begins, ends in conn.execute(SQL["trust"], of_home)},
        taken=dict(conn.execute(SQL["taken"], {"names": [each.name for each in here]}).fetchall()),
        sensors=sensors,
        words=_words(conn, sensors, now),
        parts=parts,
        rooms=rooms,
        trials=_trials(conn, home=home, trial=None),
    )


def gateways(conn: Connection, teams: Collection[int], home: int | None) -> list[GatewayRow]:
    """Of a home; None: those at these teams' depots."""
    with conn.cursor(row_factory=class_row(GatewayRow)) as cursor:
        return cursor.execute(SQL["gateways"], {"home": home, "teams": list(teams)}).fetchall()


def gateway(conn: Connection, name: str, teams: Collection[int]) -> GatewayRow | None:
    with conn.cursor(row_factory=class_row(GatewayRow)) as cursor:
        return cursor.execute(SQL["gateway"], {"name": name, "teams": list(teams)}).fetchone()


def depot_sensors(conn: Connection) -> list[DepotSensorRow]:
    with conn.cursor(row_factory=class_row(DepotSensorRow)) as cursor:
        return cursor.execute(SQL["depot_sensors"]).fetchall()


def whose(conn: Connection, home: int | None, gateway_name: str, addresses: Sequence[str]) -> dict[str, Whose]:
    """here, prepared or elsewhere; who is nobody's is not in it."""
    given = {"home": home, "gateway": gateway_name, "addresses": list(addresses)}
    return dict(conn.execute(SQL["whose"], given).fetchall())


def listens_until(conn: Connection, gateway_name: str, now: datetime) -> datetime | None:
    row = conn.execute(SQL["listening"], {"gateway": gateway_name, "now": now}).fetchone()
    return None if row is None else row[0]


def trial(conn: Connection, id_: int) -> TrialRow | None:
    return next(iter(_trials(conn, home=None, trial=id_)), None)


def protocols(conn: Connection, home: int) -> list[ProtocolLine]:
    with conn.cursor(row_factory=class_row(ProtocolLine)) as cursor:
        return cursor.execute(SQL["protocols"], {"home": home}).fetchall()


def protocol(conn: Connection, id_: int) -> ProtocolRow | None:
    with conn.cursor(row_factory=class_row(ProtocolRow)) as cursor:
        return cursor.execute(SQL["protocol"], {"protocol": id_}).fetchone()


def _sensors(conn: Connection, home: int) -> list[SensorRow]:
    with conn.cursor(row_factory=class_row(SensorRow)) as cursor:
        return cursor.execute(SQL["sensors"], {"home": home}).fetchall()


def _trials(conn: Connection, *, home: int | None, trial: int | None) -> list[TrialRow]:
    with conn.cursor(row_factory=class_row(TrialRow)) as cursor:
        return cursor.execute(SQL["trials"], {"home": home, "trial": trial}).fetchall()


def _words(conn: Connection, sensors: Sequence[SensorRow], now: datetime) -> dict[tuple[int, int], Word]:
    """The newest of each: what it measured, or what it said."""
    newest: dict[tuple[int, int], Word] = {}
    asked = [
        (number, each, KINDS[kind].number)
        for number, each in enumerate(sensors)
        if each.patient is not None and each.profile in PROFILES
        for kind in PROFILES[each.profile].measures
    ]
    given = {
        "patients": np.array([each.patient for _, each, _ in asked], np.int32),
        "devices": np.array([each.id for _, each, _ in asked], np.int32),
        "since": [max(each.since, now - VALUES_FOR) for _, each, _ in asked],
        "kinds": np.array([kind for _, _, kind in asked], np.int16),
        "numbers": np.array([number for number, _, _ in asked], np.int32),
    }
    for number, kind, value, taken_at, received_at, clock in conn.execute(SQL["newest_readings"], given).fetchall():
        key = sensors[number].id, sensors[number].slot
        newest.setdefault(
            key,
            Word(
                taken_at=taken_at,
                received_at=received_at,
                clock=ClockTrust(clock),
                kind=KIND_BY_NUMBER[kind],
                value=value,
            ),
        )
    given = {
        "devices": np.array([each.id for each in sensors], np.int32),
        "slots": np.array([each.slot for each in sensors], np.int16),
        "since": [each.since for each in sensors],
        "numbers": np.arange(len(sensors), dtype=np.int32),
    }
    for number, type_, occurred_at, received_at, clock in conn.execute(SQL["newest_events"], given).fetchall():
        key = sensors[number].id, sensors[number].slot
        if key not in newest or newest[key].taken_at < occurred_at:
            newest[key] = Word(
                taken_at=occurred_at, received_at=received_at, clock=ClockTrust(clock), event=EventType(type_)
            )
    return newest


# ---- writing


def bind(conn: Connection, home: int, wish: Wish, seals: Seals | None, now: datetime) -> Bound:
    """A wish with a key needs seals."""
    old, old_slot = wish.replaces or (None, None)
    given = {
        "home": home,
        "device": wish.device,
        "slot": wish.slot,
        "profile": wish.profile,
        "label": wish.label,
        "patient": wish.patient,
        "place": wish.place,
        "sealed": _sealed(seals, wish.device, wish.key),
        "old": old,
        "old_slot": old_slot,
        "now": now,
    }
    said = Bound(str(_one(conn, "bind", given)))
    if said is Bound.BOUND:
        signals.send(conn, signals.Channel.ENROLMENT)
    return said


def unbind(conn: Connection, home: int, device: str, slot: int, why: str, now: datetime) -> bool:
    """False: it is not bound there."""
    given = {"home": home, "device": device, "slot": slot, "why": why, "now": now}
    if ended := bool(_one(conn, "unbind", given)):
        signals.send(conn, signals.Channel.ENROLMENT)
    return ended


def prove(conn: Connection, home: int, sensor: SensorRow, part: str, rests_on: str, now: datetime) -> None:
    given = {"device": sensor.id, "slot": sensor.slot, "since": sensor.since, "rests_on": rests_on}
    conn.execute(SQL["prove"], {**given, "home": home, "part": part, "now": now})


def walk(
    conn: Connection, home: int, room: str, device: str, heard: tuple[GatewayRow, int] | None, now: datetime
) -> None:
    """`heard`: by which gateway, and how strongly; None: by none."""
    gateway_id, rssi_dbm = (None, None) if heard is None else (heard[0].id, heard[1])
    given = {"home": home, "room": room, "device": device, "gateway": gateway_id, "rssi_dbm": rssi_dbm, "now": now}
    conn.execute(SQL["walk"], given)


def try_gateway(conn: Connection, home: int, who: GatewayRow, now: datetime) -> int:
    proof = proofs.try_now(conn, who.id, who.name, home, now)
    return _try(conn, {"home": home, "gateway": who.id, "proof": proof, "device": None, "slot": None}, now)


def calls_already(conn: Connection, home: int, sensor: SensorRow) -> bool:
    """A call of the same patient, or of the home, waits to be handled."""
    return bool(_one(conn, "calls_already", {"home": home, "patient": sensor.patient}))


def try_sensor(conn: Connection, home: int, who: GatewayRow, sensor: SensorRow, now: datetime) -> int:
    given = {"home": home, "gateway": who.id, "proof": None, "device": sensor.id, "slot": sensor.slot}
    return _try(conn, given, now)


def _try(conn: Connection, given: dict[str, Any], now: datetime) -> int:
    within = proofs.TRIAL_WITHIN + SEEN_WITHIN if given["proof"] else SENSOR_TRIAL_WITHIN
    return int(_one(conn, "try", given | {"now": now, "until": now + within}))


def finish(
    conn: Connection, home: int, missing: Sequence[str], content: Mapping[str, Any], remark: str, now: datetime
) -> int:
    given = {"home": home, "missing": list(missing), "content": Jsonb(content), "remark": remark, "now": now}
    return int(_one(conn, "finish", given))


def prepare(
    conn: Connection,
    gateway_name: str,
    device: str,
    profile: str,
    label: str | None,
    key: str | None,
    seals: Seals | None,
    now: datetime,
) -> Prepared:
    given = {"gateway": gateway_name, "device": device, "profile": profile, "label": label, "now": now}
    said = Prepared(str(_one(conn, "prepare", given | {"sealed": _sealed(seals, device, key)})))
    if said is Prepared.PREPARED:
        signals.send(conn, signals.Channel.ENROLMENT)
    return said


def drop(conn: Connection, gateway_name: str, device: str, now: datetime) -> bool:
    if dropped := bool(_one(conn, "drop", {"gateway": gateway_name, "device": device, "now": now})):
        signals.send(conn, signals.Channel.ENROLMENT)
    return dropped


def set_label(conn: Connection, gateway_name: str, label: str) -> bool:
    return bool(_one(conn, "label", {"gateway": gateway_name, "label": label}))


def give_home(conn: Connection, gateway_name: str, home: int, now: datetime) -> Given:
    given = {"gateway": gateway_name, "home": home, "now": now, "within_s": FIRST_WORD_WITHIN.total_seconds()}
    said = Given(str(_one(conn, "give_home", given)))
    if said is Given.GIVEN:
        signals.send(conn, signals.Channel.ENROLMENT)
    return said


def _sealed(seals: Seals | None, device: str, key: str | None) -> bytes | None:
    if key is None:
        return None
    assert seals is not None, "a key comes with what seals it"
    return seals.seal(key.lower(), sensor_key(device), Purpose.SENSORS)


def _one(conn: Connection, name: str, given: Mapping[str, Any]) -> Any:
    row = conn.execute(SQL[name], given).fetchone()
    assert row is not None, "a function answers"
    return row[0]
