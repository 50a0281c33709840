"""Sensors as durable deadlines: a row for each device that is somebody's, looked at every few minutes.

What a look goes by was written by others: gateways' heartbeats (when each device was heard, its battery), `latest`, and
what sensors said of being worn. So a heartbeat costs nothing more, and a clock that was down has missed nothing.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from devices.profiles import PROFILES
from devices.profiles.base import Profile, Reach, SetsClock
from devices.vocabulary import ClockTrust
from devices.wire.columns import from_millis
from devices.wire.messages import DeviceHealth
from server.alerts.findings import BATTERY_LOW, CLOCK_WRONG, SENSOR_SILENT, Fault, FaultOver, Finding
from server.alerts.model import Subject, device_subject
from server.detection import silence
from server.detection.silence import Began, Memory, Over, Sensor, Signs, Trouble
from server.store import alerts, excuses, expectations, queries
from server.store.deadlines import DeadlineType

SQL: Final = queries.load("sensors")
LOOK_EVERY: Final = timedelta(minutes=5)
LOOKS_MAX: Final = 200  # in one transaction
PAGE: Final = 500  # devices in one step of planning
CALLING: Final = frozenset({"bthome_sos", "bthome_fall", "pendant", "bthome_smoke", "bthome_gas", "bthome_water"})
RULES: Final = MappingProxyType(
    {Trouble.SILENT: SENSOR_SILENT, Trouble.BATTERY: BATTERY_LOW, Trouble.CLOCK: CLOCK_WRONG}
)
log = logging.getLogger(__name__)


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Of a gateway's status, what is wanted here."""

    at: int | None = None
    waiting_alarm: int = 0
    waiting_bulk: int = 0
    devices: list[DeviceHealth] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Hearer:
    """A gateway of the device's home. `is_caught_up`: it has sent what it kept."""

    heard_at: datetime | None
    is_online: bool
    is_caught_up: bool
    said: Said

    def heard(self, address: str) -> tuple[datetime | None, int | None]:
        """When it heard a device, by our clock, and the battery that the device told it of."""
        health = next((each for each in self.said.devices if each.device == address), None)
        if health is None:
            return None, None
        if health.seen_at is None or self.said.at is None or self.heard_at is None:
            return None, health.battery_percent
        ago = max(from_millis(self.said.at) - from_millis(health.seen_at), timedelta(0))
        return self.heard_at - ago, health.battery_percent


class Row(NamedTuple):
    id: int
    subject_id: int
    device: int
    memory: Memory | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """`home`: where it is heard."""

    id: int
    address: str
    profile: Profile | None
    patient: int | None
    bound_home: int | None
    home: int | None
    hearers: Sequence[Hearer] = ()
    value_at: datetime | None = None
    clock: int | None = None
    off_at: datetime | None = None
    on_at: datetime | None = None
    is_excused: bool = False

    @property
    def subject(self) -> Subject:
        return device_subject(self.id, patient=self.patient, home=self.bound_home)


@dataclass(kw_only=True, slots=True)
class _Facts:
    hearers: defaultdict[int, list[Hearer]] = field(default_factory=lambda: defaultdict(list))
    values: dict[int, tuple[datetime | None, int]] = field(default_factory=dict)
    contacts: dict[int, tuple[datetime | None, datetime | None]] = field(default_factory=dict)


def plan(conn: psycopg.Connection, after: int, now: datetime) -> int | None:
    """Of the next devices after this id: watch those that nobody watches yet. The last of them; None: no more."""
    given = {"after": after, "now": now, "profiles": list(PROFILES), "limit": PAGE}
    found = conn.execute(SQL["bound"], given).fetchall()
    if new := [id_ for id_, is_watched in found if not is_watched]:
        with conn.transaction():
            held = alerts.hold(conn, [device_subject(id_) for id_ in new])
            subjects = np.array(sorted(held.values()), np.int64)
            conn.execute(SQL["watch"], {"subjects": subjects, "now": now, "every_s": LOOK_EVERY.total_seconds()})
    return int(found[-1][0]) if found else None


def look(conn: psycopg.Connection, now: datetime) -> int:
    """One transaction; how many rows were due."""
    given = {"type": str(DeadlineType.SENSOR), "now": now, "limit": LOOKS_MAX}
    found = conn.execute(expectations.SQL["due"], given).fetchall()
    if found:
        with conn.transaction():
            alerts.hold_ids(conn, {subject for _, subject in found})
            ids = np.array([id_ for id_, _ in found], np.int64)
            held = conn.execute(expectations.SQL["hold"], {"ids": ids, "now": now}).fetchall()
            _look(conn, [_row(row) for row in held], now)
    return len(found)


def _look(conn: psycopg.Connection, rows: Sequence[Row], now: datetime) -> None:
    devices = _devices(conn, [row.device for row in rows], now)
    findings: list[Finding] = []
    settled: list[tuple[int, str, Memory]] = []
    gone: list[int] = []
    for row in rows:
        device = devices[row.device]
        memory, found = _judge(device, row.memory or Memory(awaited_from=now), now)
        findings += _findings(device, found, now)
        if device.profile is None or device.home is None:
            gone.append(row.id)
        else:
            settled.append((row.id, _state(device, memory), memory))
    held = {devices[row.device].subject: row.subject_id for row in rows}
    changes = alerts.decided(conn, held, findings, now) if findings else []
    parameters = {
        "ids": np.array([id_ for id_, _, _ in settled], np.int64),
        "dues": [now + LOOK_EVERY] * len(settled),
        "states": [state for _, state, _ in settled],
        "details": [Jsonb(msgspec.to_builtins(asdict(memory))) for _, _, memory in settled],
    }
    conn.execute(expectations.SQL["settle"], parameters)
    conn.execute(expectations.SQL["drop"], {"ids": np.array(gone, np.int64)})
    alerts.apply(conn, changes, now)


def _judge(device: Device, memory: Memory, now: datetime) -> tuple[Memory, list[Began | Over]]:
    if device.profile is None or device.home is None:
        nobodys = Signs(listened_at=None, heard_at=None, is_bound=False)
        return silence.look(Sensor(silent_after=None), memory, nobodys, now)
    return silence.look(_sensor(device.profile), memory, _signs(device, device.profile), now)


def _sensor(profile: Profile) -> Sensor:
    after = profile.silent_after_s
    return Sensor(
        silent_after=None if after is None else timedelta(seconds=after),
        is_stream=profile.reach is Reach.STREAM,
        is_worn=profile.is_worn,
        calls=profile.name in CALLING,
    )


def _signs(device: Device, profile: Profile) -> Signs:
    is_stream = profile.reach is Reach.STREAM
    heard = [hearer.heard(device.address) for hearer in device.hearers]
    listening = [
        hearer.heard_at
        for hearer in device.hearers
        if hearer.heard_at is not None and hearer.is_online and (hearer.is_caught_up or not is_stream)
    ]
    words = [device.value_at, device.off_at, device.on_at] if is_stream else [at for at, _ in heard]
    batteries = [(at, percent) for at, percent in heard if at is not None and percent is not None]
    return Signs(
        listened_at=max(listening, default=None),
        heard_at=max((at for at in words if at is not None), default=None),
        battery_percent=max(batteries)[1] if batteries else None,
        clock_is_wrong=_is_clock_wrong(device, profile),
        is_off=_is_off(device),
        is_excused=device.is_excused,
    )


def _is_off(device: Device) -> bool:
    since = max((at for at in (device.on_at, device.value_at) if at is not None), default=None)
    return device.off_at is not None and (since is None or device.off_at >= since)


def _is_clock_wrong(device: Device, profile: Profile) -> bool | None:
    """Of a device whose clock a person must set: the gateway sets the others itself."""
    if profile.clock is not SetsClock.CHECKS or device.clock not in (ClockTrust.CORRECTED, ClockTrust.CHECKED):
        return None
    return device.clock == ClockTrust.CORRECTED


def _findings(device: Device, found: Iterable[Began | Over], now: datetime) -> Iterator[Finding]:
    for each in found:
        rule = RULES[each.trouble]
        if isinstance(each, Began):
            yield Fault(subject=device.subject, rule=rule, at=each.since, cause=each.cause, numbers=each.numbers)
        else:
            yield FaultOver(subject=device.subject, rule=rule, at=now)


def _state(device: Device, memory: Memory) -> str:
    if device.is_excused and device.profile is not None and device.profile.is_worn:
        return "excused"
    return "expired" if Trouble.SILENT in memory.troubles else "waiting"


def _row(row: tuple[Any, ...]) -> Row:
    id_, subject_id, device, _, detail = row
    memory = msgspec.convert(detail, Memory) if detail else None
    return Row(id=id_, subject_id=subject_id, device=device, memory=memory)


def _devices(conn: psycopg.Connection, ids: Sequence[int], now: datetime) -> Mapping[int, Device]:
    given = {"ids": np.array(sorted(ids), np.int32), "now": now}
    found = conn.execute(SQL["devices"], given).fetchall()
    homes = sorted({row[5] for row in found if row[5] is not None})
    excused = excuses.in_force(conn, {row[3] for row in found if row[3]}, homes, now)
    facts = _Facts(
        values={id_: (at, clock) for id_, at, clock in conn.execute(SQL["values"], given)},
        contacts={id_: (off, on) for id_, off, on in conn.execute(SQL["contacts"], given)},
    )
    for home, state, since, heard_at, status in conn.execute(SQL["gateways"], {"homes": np.array(homes, np.int32)}):
        facts.hearers[home].append(_hearer(state, since, heard_at, status, now))
    return {
        id_: _device(id_, address, profile, (patient, bound_home, home), facts, excused)
        for id_, address, profile, patient, bound_home, home in found
    }


def _device(
    id_: int,
    address: str,
    profile: str,
    whose: tuple[int | None, int | None, int | None],
    facts: _Facts,
    excused: excuses.InForce,
) -> Device:
    patient, bound_home, home = whose
    value_at, clock = facts.values.get(id_, (None, None))
    off_at, on_at = facts.contacts.get(id_, (None, None))
    return Device(
        id=id_,
        address=address,
        profile=PROFILES.get(profile),
        patient=patient,
        bound_home=bound_home,
        home=home,
        hearers=() if home is None else facts.hearers[home],
        value_at=value_at,
        clock=clock,
        off_at=off_at,
        on_at=on_at,
        is_excused=patient in excused.patients if patient is not None else home in excused.homes,
    )


def _said(status: object) -> Said:
    """Written by another version of the server, perhaps: what cannot be read must not stop the look at the others."""
    try:
        return msgspec.convert(status, Said)
    except msgspec.ValidationError as error:
        log.warning("the last status of a gateway cannot be read: %s", error)
        return Said()


def _hearer(state: str, since: datetime, heard_at: datetime | None, status: object, now: datetime) -> Hearer:
    said = _said(status)
    is_online = state == expectations.ONLINE
    waiting = said.waiting_alarm + said.waiting_bulk
    return Hearer(
        heard_at=heard_at,
        is_online=is_online,
        is_caught_up=is_online and (waiting == 0 or now - since >= expectations.BACKLOG_WITHIN),
        said=said,
    )
