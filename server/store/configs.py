"""Gateways' configurations: made from rows, a new version only when something differs, and what gateways say of it."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

import msgspec
import numpy as np
import psycopg

from devices.errors import WireError
from devices.wire.codec import encode
from devices.wire.messages import DeviceSetup, GatewayConfig, Status
from devices.wire.topics import Channel, Topic
from server.alerts.findings import Finding, config_not_taken, config_taken
from server.alerts.model import Subject
from server.errors import SealError
from server.store import queries
from server.store.sealing import Purpose, Seals
from server.store.settings import limits_of
from server.store.setups import Bound, devices_of, for_gateways

SQL: Final = queries.load("configs")
TAKEN_WITHIN: Final = timedelta(minutes=10)
_CONTENT: Final = msgspec.json.Decoder(list[DeviceSetup] | None)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    gateway_id: int
    topic: Topic
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What one heartbeat says. `online_since`: how long the gateway has been able to take what is new."""

    gateway_id: int
    status: Status
    at: datetime
    online_since: datetime
    subject: Subject


def renew(conn: psycopg.Connection, now: datetime) -> int:
    """Compute all of them; how many are new."""
    with conn.transaction():
        wanted = _wanted(conn, now)
        known = {gateway: tuple(rest) for gateway, *rest in conn.execute(SQL["digests"])}
        new: dict[int, tuple[bytes, str]] = {}
        faults: dict[int, str] = {}
        for gateway, (devices, others) in wanted.items():
            content = msgspec.json.encode(devices)
            digest, fault, is_behind = known.get(gateway, (None, "", False))
            if digest == _digest(content + others) and not is_behind and not fault:
                continue
            if why := _why_not(devices):
                if why != fault:
                    log.error("the configuration of gateway %s cannot be sent: %s", gateway, why)
                    faults[gateway] = why
            else:
                new[gateway] = (content, _digest(content + others))
        _write(conn, new, faults, now)
    return len(new)


def standing(conn: psycopg.Connection) -> list[Standing]:
    return [
        Standing(gateway_id=id_, topic=Topic(bucket=bucket, gateway=name, channel=Channel.CONFIG), version=version)
        for id_, name, bucket, version in conn.execute(SQL["standing"])
    ]


def payloads(
    conn: psycopg.Connection, gateway_ids: Iterable[int], seals: Seals | None = None
) -> list[tuple[Standing, bytes]]:
    """`seals` None: keys of sensors cannot be told."""
    found = conn.execute(SQL["contents"], {"gateways": np.array(sorted(gateway_ids), np.int32)}).fetchall()
    contents = [(row, _CONTENT.decode(row[4])) for row in found]
    addresses = {device.address for _, devices in contents for device in devices or ()}
    keys = {} if seals is None else _keys(conn, seals, addresses)
    return [_payload(row, devices, keys) for row, devices in contents]


def _keys(conn: psycopg.Connection, seals: Seals, addresses: Iterable[str]) -> dict[str, str]:
    """One that does not open, for it was sealed with another key file, is as if it were not there: the others count."""
    keys: dict[str, str] = {}
    for address, sealed in conn.execute(SQL["keys"], {"addresses": sorted(addresses)}):
        try:
            keys[address] = seals.open(sealed, sensor_key(address), Purpose.SENSORS)
        except SealError as error:
            log.error("the key of %s cannot be told to its gateway: %s", address, error)
    return keys


def sensor_key(address: str) -> bytes:
    """What the sealed key of a sensor is bound to."""
    return f"key of {address}".encode()


def published(conn: psycopg.Connection, those: Sequence[Standing], now: datetime) -> None:
    parameters = {
        "gateways": np.array([each.gateway_id for each in those], np.int32),
        "versions": np.array([each.version for each in those], np.int64),
        "now": now,
    }
    conn.execute(SQL["published"], parameters)


def hear(conn: psycopg.Connection, told: Sequence[Told]) -> list[Finding]:
    """What heartbeats say about the configuration in use, and what follows from it."""
    if not told:
        return []
    ids = np.array(sorted({each.gateway_id for each in told}), np.int32)
    known = {row[0]: row[1:] for row in conn.execute(SQL["known"], {"gateways": ids})}
    newest = {each.gateway_id: each for each in told if each.gateway_id in known}
    findings = (_hear(conn, newest[gateway], *known[gateway]) for gateway in sorted(newest))
    return [finding for finding in findings if finding is not None]


def _hear(
    conn: psycopg.Connection,
    told: Told,
    version: int,
    published_at: datetime | None,
    taken: int,
    refused: str,
    was_told: bool,
) -> Finding | None:
    in_use, why = told.status.config, told.status.config_refused
    is_late = published_at is not None and told.at - max(published_at, told.online_since) > TAKEN_WITHIN
    is_fine = in_use == version and not why
    finding: Finding | None = None
    if is_fine and (was_told or taken != in_use):
        finding = config_taken(told.subject, told.at)
    elif not is_fine and not was_told and (why or is_late):
        cause = f"it refuses its configuration: {why}" if why else "it does not take its configuration"
        finding = config_not_taken(told.subject, told.at, cause=cause)
    now_told = not is_fine and (was_told or finding is not None)
    if (in_use, why, now_told) != (taken, refused, was_told):
        parameters = {"gateway": told.gateway_id, "taken": in_use, "refused": why, "at": told.at}
        conn.execute(SQL["taken"], {**parameters, "version": version, "told": now_told})
    return finding


def _wanted(conn: psycopg.Connection, now: datetime) -> dict[int, tuple[list[DeviceSetup] | None, bytes]]:
    """What each is told, and what else makes another configuration: when its keys were set, how often it speaks."""
    rows = conn.execute(SQL["wanted"], {"now": now}).fetchall()
    limits = for_gateways(limits_of(conn, {row[6] for row in rows if row[6] is not None}, now))
    wanted = {}
    for (gateway, heartbeat_s), group in groupby(rows, key=lambda row: (row[0], row[8])):
        known = [row for row in group if row[1] is not None]
        keys = "".join(f"{row[1]} {row[7].isoformat()}" for row in known if row[7] is not None)
        wanted[gateway] = devices_of([_bound(row) for row in known], limits), f"{keys}{heartbeat_s or ''}".encode()
    return wanted


def _bound(row: tuple[Any, ...]) -> Bound:
    _, address, profile, name, cadence_s, slot, patient_id, _, _ = row
    return Bound(
        address=address,
        profile=profile,
        name=name,
        cadence_s=cadence_s,
        slot=slot,
        patient_id=patient_id,
    )


def _why_not(devices: list[DeviceSetup] | None) -> str:
    """Such as more devices than a gateway takes."""
    try:
        encode(GatewayConfig(gateway="any", version=1, devices=devices))
    except WireError as error:
        return str(error)
    return ""


def _write(
    conn: psycopg.Connection, new: Mapping[int, tuple[bytes, str]], faults: Mapping[int, str], now: datetime
) -> None:
    if new:
        parameters = {
            "gateways": np.array(list(new), np.int32),
            "contents": [content.decode() for content, _ in new.values()],
            "digests": [digest for _, digest in new.values()],
        }
        conn.execute(SQL["renew"], {**parameters, "now": now})
    if faults:
        gateways = np.array(list(faults), np.int32)
        conn.execute(SQL["mark_fault"], {"gateways": gateways, "faults": list(faults.values()), "now": now})


def _payload(
    row: tuple[Any, ...], devices: list[DeviceSetup] | None, keys: Mapping[str, str]
) -> tuple[Standing, bytes]:
    """Keys are in no row but sealed: they are put in on the way."""
    id_, name, bucket, version, _, heartbeat_s = row
    topic = Topic(bucket=bucket, gateway=name, channel=Channel.CONFIG)
    if devices is not None and keys:
        devices = [msgspec.structs.replace(each, key=keys.get(each.address)) for each in devices]
    config = GatewayConfig(gateway=name, version=version, devices=devices, heartbeat_s=heartbeat_s)
    return Standing(gateway_id=id_, topic=topic, version=version), encode(config)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
