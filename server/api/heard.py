"""What a gateway's last word says: of itself, and which sensors it hears. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from devices.wire.columns import from_millis
from devices.wire.messages import DeviceHealth, NearbyDevice, Status
from server.store.installation_rows import GatewayRow

WALK_FRESH: Final = timedelta(seconds=20)


def status_of(said: Mapping[str, Any]) -> Status | None:
    """None: never heard, or the words of another version of this program."""
    try:
        return msgspec.convert(said, Status)
    except msgspec.ValidationError:
        return None


def ahead_s(said_ms: int | None, heard_at: datetime | None) -> float | None:
    """Its clock minus ours, the way of its word included."""
    if said_ms is None or heard_at is None:
        return None
    return round((from_millis(said_ms) - heard_at).total_seconds(), 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """Of a sensor, by one gateway; `at` by our clock."""

    gateway: GatewayRow
    at: datetime | None
    rssi_dbm: int | None
    health: DeviceHealth | None


def by_our_clock(row: GatewayRow, status: Status, seen_ms: int | None) -> datetime | None:
    if seen_ms is None or status.at is None or row.heard_at is None:
        return None
    return row.heard_at - max(from_millis(status.at) - from_millis(seen_ms), timedelta(0))


def heard(gateways: Iterable[GatewayRow], address: str) -> list[Heard]:
    """By whom, the newest first."""
    found = []
    for row in gateways:
        status = status_of(row.status)
        if status is None:
            continue
        said: list[DeviceHealth | NearbyDevice] = [*status.devices, *status.nearby]
        for each in said:
            if each.device == address:
                health = each if isinstance(each, DeviceHealth) else None
                at = by_our_clock(row, status, each.seen_at)
                found.append(Heard(gateway=row, at=at, rssi_dbm=each.rssi_dbm, health=health))
    return sorted(found, key=lambda each: (each.at is not None, each.at), reverse=True)


def loudest(gateways: Iterable[GatewayRow], address: str, now: datetime) -> tuple[GatewayRow, int] | None:
    """Which gateway hears it best just now, and how well."""
    fresh = [
        (each.rssi_dbm, each.gateway)
        for each in heard(gateways, address)
        if each.rssi_dbm is not None and each.at is not None and now - each.at <= WALK_FRESH
    ]
    return None if not fresh else max(((row, dbm) for dbm, row in fresh), key=lambda each: each[1])
