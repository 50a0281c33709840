"""How what stands in a home, and at the depot, is told. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from devices.profiles import PROFILES
from devices.vocabulary import KINDS
from devices.wire.messages import DeviceHealth, NearbyDevice, Status
from server.api import installation_schemas as shapes
from server.api import trial_shapes
from server.api.heard import Heard, ahead_s, by_our_clock, heard, status_of
from server.api.pairing_shapes import Staff, pairing
from server.store.installation_rows import (
    DepotSensorRow,
    GatewayRow,
    HomeRow,
    ProtocolLine,
    RoomRow,
    SensorRow,
    Stands,
    Whose,
    Word,
)
from server.store.sensors import CALLING

GOOD_DBM: Final = -80


# ---- what is heard nearby


def nearby(row: GatewayRow, asked_until: datetime | None, whose: Mapping[str, Whose], now: datetime) -> shapes.Nearby:
    status = status_of(row.status)
    listens = status is not None and status.listening_until is not None and asked_until is not None
    return shapes.Nearby(
        gateway=row.name,
        state=row.state,
        asked_until=asked_until,
        is_listening=listens,
        heard_at=row.heard_at if listens else None,
        sensors=[]
        if not listens or status is None
        else [_nearby(row, status, each, whose, now) for each in status.nearby],
    )


def _nearby(
    row: GatewayRow, status: Status, each: NearbyDevice, whose: Mapping[str, Whose], now: datetime
) -> shapes.NearbySensor:
    return shapes.NearbySensor(
        device=each.device,
        profiles=each.profiles,
        rssi_dbm=each.rssi_dbm,
        battery_percent=each.battery_percent,
        heard_at=by_our_clock(row, status, each.seen_at) or now,
        encrypted=each.encrypted,
        bound=whose.get(each.device),
    )


# ---- a home


def home_line(row: HomeRow) -> shapes.HomeLine:
    return shapes.HomeLine(
        home=row.home,
        name=row.name,
        address=row.address,
        team=row.team,
        gateways=row.gateways,
        sensors=row.sensors,
        residents=row.residents,
        finished_at=row.finished_at,
    )


def staff_in(stands: Stands) -> Iterator[int]:
    yield from (each.staff for each in stands.parts)
    yield from (each.staff for each in stands.rooms)
    yield from (each.staff for each in stands.trials)


def installation(stands: Stands, staff: Staff, now: datetime) -> shapes.Installation:
    sensors = [sensor(stands, each, staff) for each in stands.sensors]
    trials = [trial_shapes.trial(each, staff, now) for each in stands.trials]
    return shapes.Installation(
        **home_line(stands.home).model_dump(include={"home", "name", "address", "team", "finished_at"}),
        now=now,
        residents=[
            shapes.InstallationResident(patient=each.patient, reference=each.reference, name=each.name)
            for each in stands.residents
        ],
        gateways=[gateway(each, stands.trust.get(each.name)) for each in stands.gateways],
        sensors=sensors,
        coverage=[room(each, staff) for each in stands.rooms],
        trials=trials,
        missing=list(_missing(stands, sensors, trials)),
    )


def _missing(
    stands: Stands, sensors: Sequence[shapes.InstalledSensor], trials: Sequence[shapes.Trial]
) -> Iterator[shapes.Missing]:
    if not any(each.state == "online" for each in stands.gateways):
        yield "gateway"
    if not sensors:
        yield "sensor"
    if any(each.pairing.passed_at is None for each in sensors):
        yield "pairing"
    if not stands.rooms:
        yield "coverage"
    tried = {each.gateway for each in trials if each.state == "passed"}
    if not stands.gateways or any(each.name not in tried for each in stands.gateways):
        yield "test"


def gateway(row: GatewayRow, trust: tuple[datetime, datetime | None] | None) -> shapes.InstalledGateway:
    status = status_of(row.status)
    begins, ends = trust or (None, None)
    return shapes.InstalledGateway(
        gateway=row.name,
        label=row.label,
        state=row.state,
        heard_at=row.heard_at,
        version="" if status is None else status.version,
        clock_ahead_s=ahead_s(None if status is None else status.at, row.heard_at),
        waiting=0 if status is None else status.waiting_alarm + status.waiting_bulk,
        troubles=[] if status is None else status.troubles,
        let_in_at=begins,
        certificate_until=ends,
    )


def sensor(stands: Stands, row: SensorRow, staff: Staff) -> shapes.InstalledSensor:
    found = heard(stands.gateways, row.address)
    health = next((each for each in found if each.health is not None), None)
    said = None if health is None else health.health
    newest = found[0] if found else None
    battery = next((each.battery_percent for each in _said(found) if each.battery_percent is not None), None)
    profile = PROFILES.get(row.profile)
    word = stands.words.get((row.id, row.slot))
    heard_at = None if newest is None else newest.at
    return shapes.InstalledSensor(
        device=row.address,
        slot=row.slot,
        profile=row.profile,
        label=row.label,
        place=row.place,
        patient=row.patient,
        since=row.since,
        has_key=row.has_key,
        bonds=profile is not None and profile.bonds,
        is_bonded=None if said is None else said.bonded,
        taken_at=None if health is None else stands.taken.get(health.gateway.name),
        heard_at=heard_at,
        rssi_dbm=None if newest is None else newest.rssi_dbm,
        battery_percent=battery,
        state="" if said is None else said.state,
        newest=None if word is None else newest_word(word),
        pairing=pairing(row, stands.parts, word, heard_at, staff),
        calls=row.profile in CALLING,
    )


def _said(found: Iterable[Heard]) -> Iterator[DeviceHealth]:
    yield from (each.health for each in found if each.health is not None)


def newest_word(word: Word) -> shapes.NewestWord:
    return shapes.NewestWord(
        kind=word.kind,
        value=word.value,
        unit=None if word.kind is None else KINDS[word.kind].ucum,
        event=word.event,
        taken_at=word.taken_at,
        received_at=word.received_at,
    )


def room(row: RoomRow, staff: Staff) -> shapes.RoomSignal:
    signal: Literal["good", "weak", "none"] = "none"
    if row.rssi_dbm is not None:
        signal = "good" if row.rssi_dbm >= GOOD_DBM else "weak"
    return shapes.RoomSignal(
        room=row.room,
        device=row.device,
        gateway=row.gateway,
        rssi_dbm=row.rssi_dbm,
        signal=signal,
        at=row.at,
        by=staff[row.staff],
    )


# ---- protocols and the depot


def protocol_line(row: ProtocolLine, staff: Staff) -> shapes.ProtocolLine:
    return shapes.ProtocolLine(id=row.id, at=row.at, by=staff[row.staff], remark=row.remark, missing=row.missing)


def depot(gateways: Sequence[GatewayRow], sensors: Sequence[DepotSensorRow]) -> shapes.Depot:
    return shapes.Depot(gateways=[_depot_gateway(each, sensors) for each in gateways])


def _depot_gateway(row: GatewayRow, sensors: Sequence[DepotSensorRow]) -> shapes.DepotGateway:
    status = status_of(row.status)
    assert row.depot_team is not None, "it stands in no home"
    return shapes.DepotGateway(
        gateway=row.name,
        label=row.label,
        team=row.depot_team,
        state=row.state,
        heard_at=row.heard_at,
        version="" if status is None else status.version,
        sensors=[prepared(row, each) for each in sensors if each.gateway == row.name],
    )


def prepared(row: GatewayRow, sensor: DepotSensorRow) -> shapes.PreparedSensor:
    found = heard([row], sensor.address)
    newest, said = (found[0] if found else None), next(_said(found), None)
    profile = PROFILES.get(sensor.profile)
    return shapes.PreparedSensor(
        device=sensor.address,
        profile=sensor.profile,
        label=sensor.label,
        has_key=sensor.has_key,
        bonds=profile is not None and profile.bonds,
        is_bonded=None if said is None else said.bonded,
        heard_at=None if newest is None else newest.at,
        rssi_dbm=None if newest is None else newest.rssi_dbm,
        battery_percent=None if said is None else said.battery_percent,
    )
