"""The public shapes of what a technician sees."""

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from server.api.board_schemas import GatewayRow
from server.api.fields import Reason
from server.api.schemas import Shape, StaffMember


class TryAgain(Shape):
    reason: Reason


class SetAsideTry(Shape):
    """`tried_at` null: it waits for the monitor."""

    id: int
    asked_by: StaffMember
    asked_at: datetime
    reason: str
    tried_at: datetime | None
    stored: Annotated[int, Field(description="readings that were new")]
    events: Annotated[int, Field(description="what devices said happened, and was new")]
    refused: Annotated[int, Field(description="rows that still cannot be stored")]
    why: Annotated[str, Field(description="why they were refused, or all of it; empty: nothing was")]


class SetAside(Shape):
    id: int
    at: datetime
    gateway: str | None
    topic: str
    reason: str
    size: int
    tries: Annotated[list[SetAsideTry], Field(description="the newest first, at most 5")]


class ConfigState(Shape):
    """A version is the second in which it was made; `in_use` 0: none came yet, the gateway's own file is used."""

    version: int
    made_at: datetime
    published_at: datetime | None
    in_use: int
    taken_at: Annotated[datetime | None, Field(description="when the gateway first said what it uses now")]
    refused: Annotated[str, Field(description="why the gateway does not take it; empty: it does not refuse")]
    fault: Annotated[str, Field(description="why a newer one cannot be made; empty: there is none to make")]


class DeviceState(Shape):
    """As its gateway says it."""

    device: str
    state: str
    seen_at: datetime | None
    rssi_dbm: int | None
    battery_percent: int | None
    refused: int
    model: Annotated[str, Field(description="maker, model and firmware, as the device says them")]


class AlarmProof(Shape):
    """The newest daily trial of the way of alarms: from the server's question over the gateway to a screen. A null is
    a half that was not proven: `server_s`, it never came; `screen_s`, no screen of the team was listening."""

    day: date
    asked_at: datetime
    server_s: Annotated[float | None, Field(description="seconds until it was stored")]
    screen_s: Annotated[float | None, Field(description="seconds until a screen had it")]


class HomeProof(AlarmProof):
    gateway: str
    home: int


class AlarmProofs(Shape):
    """One trial a day of each gateway; `screen_s`: how long a call for help of this home takes to a screen."""

    proofs: Annotated[list[HomeProof], Field(description="the newest day first")]


class TechnicalGateway(GatewayRow):
    version: Annotated[str, Field(description="of its program")]
    config: ConfigState | None
    proof: Annotated[AlarmProof | None, Field(description="null: it was never asked")]
    devices: list[DeviceState]
    clock_ahead_s: Annotated[
        float | None, Field(description="its clock minus the server's, the way included; null: it has not said")
    ]


class LocalAlarm(Shape):
    """With the line down a gateway itself gave the alarm at home, because of this device."""

    gateway: str | None
    device: str
    at: datetime
    received_at: datetime


class Technical(Shape):
    """What a technician must see: what was set aside, whose readings are nobody's, what each gateway complains of."""

    set_aside_count: int
    set_aside: list[SetAside]
    unassigned: Annotated[dict[str, int], Field(description="device address -> readings that belong to nobody")]
    lost_rows: int
    unknown_fields: Annotated[
        int, Field(description="fields that this server does not know, since its monitor started: a gateway is newer")
    ]
    gateways: list[TechnicalGateway]
    local_alarms: list[LocalAlarm]
