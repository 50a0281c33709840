"""What installing is shown with: a home, what its gateway says, and sensors that are bound."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from devices.wire.columns import to_millis
from tests.integration.care_rig import get

DOOR, PENDANT, CLIP = "A4:C1:38:00:00:09", "A4:C1:38:00:00:0A", "C0:26:DA:00:00:02"
KEY = "231d39c1d7cc1ab1aee224cd096db932"  # bthome.io/encryption


def ago(**time: float) -> int:
    return to_millis(datetime.now(UTC) - timedelta(**time))


def says(town: Any, name: str, **more: Any) -> None:
    """The gateway's newest word."""
    said = {"v": 1, "gateway": f"gw-{name}", "outbox": "0" * 16, "started": "1" * 16, "version": "0.3.0"}
    town.gateway_says(name, "online", **(said | {"at": ago()} | more))


def bind(client: httpx.Client, home: str, device: str = DOOR, **wish: Any) -> httpx.Response:
    """A sensor has a key, too."""
    wanted: dict[str, Any] = {"device": device, "profile": "bthome_door", "place": "front door"} | wish
    if wanted.get("patient") is not None:
        del wanted["place"]
    return client.post(f"/api/v1{home}/sensors", json=wanted, headers={"Idempotency-Key": uuid4().hex})


def event(town: Any, device: str, type_: str, at: datetime, *, clock: int = 2) -> None:
    town.sql(
        """insert into event (device_id, slot, type, occurred_at, received_at, clock, gateway_id)
           select d.id, 0, %s, %s, %s, %s, (select min(id) from gateway) from device d where d.address = %s""",
        type_,
        at,
        at,
        clock,
        device,
    )
    town.sql(
        """update event e set patient_id = b.patient_id, home_id = b.home_id from binding b
           where b.device_id = e.device_id and b.valid_to = 'infinity'"""
    )


def sensor_of(client: httpx.Client, home: str, device: str) -> dict[str, Any]:
    (found,) = [each for each in get(client, home)["sensors"] if each["device"] == device]
    return dict(found)
