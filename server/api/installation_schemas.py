"""The public shapes of making a home safe: what a gateway hears, which sensor is whose, pairing, coverage, trials.

Whoever installs is named, and so is whose a sensor here is; of a sensor that is bound elsewhere nothing is said but
that. Every post is done once for its Idempotency-Key: what was written down where there is no coverage is sent again.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from devices.vocabulary import EventType, Kind
from server.api.enrolment_schemas import GatewayName
from server.api.fields import TEXT, Reason
from server.api.schemas import Shape, StaffMember

Address = Annotated[
    str,
    Field(
        pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$",
        description="how a sensor is called in these requests; nothing else is to be read out of it",
        examples=["A4:C1:38:00:00:09"],
    ),
]
Slot = Annotated[int, Field(ge=0, le=255, description="the user of a meter that has several; else 0")]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=TEXT)]
ProfileName = Annotated[
    str, Field(max_length=40, pattern=r"^[a-z][a-z0-9_]*$", description="what sort of sensor", examples=["bthome_door"])
]
PlaceNumber = Annotated[int, Field(ge=1, le=2**31 - 1)]
GatewayLife = Literal["never", "online", "offline", "lost", "silent"]
Missing = Literal["gateway", "sensor", "pairing", "coverage", "test"]


# ---- what is heard


class Listen(Shape):
    """From now on, and by itself no longer. Asked again it goes on from now."""

    for_s: Annotated[int, Field(ge=10, le=600)] = 180


class Listening(Shape):
    gateway: str
    until: datetime


class NearbySensor(Shape):
    """On the air where the gateway stands, and of a sort that it can read. What it measures is not said: it may be the
    neighbour's."""

    device: Address
    profiles: Annotated[
        list[str], Field(description="what it may be, the likeliest first; several: choose", examples=[["bthome_door"]])
    ]
    rssi_dbm: Annotated[int | None, Field(description="null: the radio did not say", examples=[-61])]
    battery_percent: int | None
    heard_at: datetime
    encrypted: Annotated[bool, Field(description="it is bound with its key")]
    bound: Annotated[
        Literal["here", "prepared", "elsewhere"] | None,
        Field(description="here: in this home. prepared: at the depot. elsewhere: to somebody else. null: to nobody"),
    ]


class Nearby(Shape):
    gateway: str
    state: GatewayLife
    asked_until: Annotated[datetime | None, Field(description="null: nobody asks it to listen now")]
    is_listening: Annotated[bool, Field(description="false although asked: it has not answered yet, or is too old to")]
    heard_at: Annotated[datetime | None, Field(description="when it last said what it hears")]
    sensors: Annotated[list[NearbySensor], Field(description="the strongest first")]


# ---- whose a sensor is


class NewestWord(Shape):
    """Of a sensor that is bound here, since it was. Either `kind`, `value` and `unit`, or `event`."""

    kind: Kind | None
    value: float | None
    unit: str | None
    event: EventType | None
    taken_at: datetime
    received_at: datetime


Part = Literal["power_cycle", "reconnect", "person", "clock"]


class PairingPart(Shape):
    """`awaits`: what has to come first; null: it is said, or can be said now."""

    part: Part
    at: datetime | None
    by: StaffMember | None
    awaits: Literal["power_cycle", "contact", "value", "clock"] | None
    why: Annotated[str, Field(description="what it rests on, or what is wrong, in a sentence; empty: nothing to say")]


class Pairing(Shape):
    """Passed when all four are there: it was turned off and on, came back by itself, measures whom it should, and knows
    the time."""

    device: Address
    slot: Slot
    passed_at: datetime | None
    parts: Annotated[list[PairingPart], Field(min_length=4, max_length=4, description="always in this order")]


class ProvePart(Shape):
    part: Part


class InstalledSensor(Shape):
    """`taken_at`: since when a gateway here knows that it is to read it; null: none has taken it up yet."""

    device: Address
    slot: Slot
    profile: str
    label: str
    place: str | None
    patient: Annotated[int | None, Field(description="null: it is the home's")]
    since: datetime
    has_key: bool
    bonds: Annotated[bool, Field(description="it is paired with a bond: put it in pairing mode near the gateway")]
    is_bonded: Annotated[bool | None, Field(description="null: not known yet, or it needs none")]
    taken_at: datetime | None
    heard_at: datetime | None
    rssi_dbm: int | None
    battery_percent: int | None
    state: Annotated[str, Field(description="in the gateway's words")]
    newest: NewestWord | None
    pairing: Pairing
    calls: Annotated[bool, Field(description="it calls for help by itself, so that a test alarm can come from it")]


class SensorRef(Shape):
    device: Address
    slot: Slot = 0


class BindSensor(Shape):
    """To a patient who lives here, or to the home with its place in it. `replaces`: that one's time here ends now."""

    device: Address
    slot: Slot = 0
    profile: ProfileName
    patient: PlaceNumber | None = None
    place: Word | None = None
    label: Annotated[Word | None, Field(description="what stands on it; never a person's name")] = None
    key: Annotated[
        SecretStr | None,
        Field(description="32 hexadecimal digits, of a sensor that encrypts; never shown again. null: as it was"),
    ] = None
    replaces: SensorRef | None = None


class UnbindSensor(Shape):
    """Its time here ends now; what it said stays where it is."""

    why: Literal["returned", "replaced", "broken", "lost", "mistake"]


class Unbound(Shape):
    device: Address
    slot: Slot
    at: datetime


# ---- the walk


class WalkRoom(Shape):
    """Where somebody stands with this sensor now."""

    room: Word
    device: Address


class RoomSignal(Shape):
    """`rssi_dbm` null: it was not heard there. Good: at least -80 dBm. Weak: heard."""

    room: str
    device: str
    gateway: str | None
    rssi_dbm: int | None
    signal: Literal["good", "weak", "none"]
    at: datetime
    by: StaffMember


# ---- the trial of the whole chain


class Try(Shape):
    """`sensor` null: the gateway itself calls. Else press it (or measure) now: that is a true alarm, and rings."""

    gateway: GatewayName
    sensor: SensorRef | None = None


Hop = Literal["asked", "sensor", "gateway", "broker", "stored", "raised", "shown"]


class TrialHop(Shape):
    """`ms`: since the hop before it; null: not comparable, or not there yet. `clock`: who says the time."""

    hop: Hop
    at: datetime | None
    ms: int | None
    clock: Literal["server", "gateway"]


class Trial(Shape):
    """Green: every hop is there. `until`: what is not there by then is not coming."""

    id: int
    home: int
    gateway: str
    sensor: SensorRef | None
    asked_at: datetime
    by: StaffMember
    until: datetime
    state: Literal["waits", "passed", "failed"]
    total_ms: Annotated[int | None, Field(description="from the sensor, or the gateway, to a screen")]
    screens: Annotated[int, Field(description="how many have shown it")]
    alert: Annotated[int | None, Field(description="the alert that a true alarm raised")]
    hops: list[TrialHop]


# ---- a home, and all of it


class HomeLine(Shape):
    home: int
    name: str
    address: str
    team: int
    gateways: list[str]
    sensors: int
    residents: int
    finished_at: Annotated[datetime | None, Field(description="when its newest protocol was made")]


class Homes(Shape):
    homes: Annotated[list[HomeLine], Field(description="of one's teams, by name")]


class InstallationResident(Shape):
    patient: int
    reference: str
    name: str


class InstalledGateway(Shape):
    gateway: str
    label: str
    state: GatewayLife
    heard_at: datetime | None
    version: str
    clock_ahead_s: float | None
    waiting: Annotated[int, Field(description="rows that it has not delivered yet")]
    troubles: list[str]
    let_in_at: datetime | None
    certificate_until: datetime | None


class Installation(Shape):
    """`missing`: what is not done yet; empty: it can be finished."""

    home: int
    name: str
    address: str
    team: int
    now: datetime
    residents: list[InstallationResident]
    gateways: list[InstalledGateway]
    sensors: list[InstalledSensor]
    coverage: Annotated[list[RoomSignal], Field(description="the newest of each room")]
    trials: Annotated[list[Trial], Field(description="the newest first, at most 10")]
    missing: list[Missing]
    finished_at: datetime | None


class Finish(Shape):
    """A protocol is made of how it stands. `remark`: why it is finished although something is missing."""

    remark: Reason | None = None


class Protocol(Shape):
    """As it stood then; it never changes."""

    id: int
    at: datetime
    by: StaffMember
    remark: str
    installation: Installation


class ProtocolLine(Shape):
    id: int
    at: datetime
    by: StaffMember
    remark: str
    missing: list[Missing]


class Protocols(Shape):
    protocols: Annotated[list[ProtocolLine], Field(description="the newest first")]


# ---- at the depot


class PreparedSensor(Shape):
    """A gateway without a home reads it already, and what it says is nobody's."""

    device: Address
    profile: str
    label: str
    has_key: bool
    bonds: bool
    is_bonded: bool | None
    heard_at: datetime | None
    rssi_dbm: int | None
    battery_percent: int | None


class DepotGateway(Shape):
    gateway: str
    label: str
    team: int
    state: GatewayLife
    heard_at: datetime | None
    version: str
    sensors: list[PreparedSensor]


class Depot(Shape):
    gateways: Annotated[list[DepotGateway], Field(description="let in, and in no home yet")]


class PrepareSensor(Shape):
    device: Address
    profile: ProfileName
    label: Word | None = None
    key: SecretStr | None = None


class Nothing(Shape):
    """There is nothing more to say."""


class LabelGateway(Shape):
    label: Annotated[
        str, StringConstraints(strip_whitespace=True, max_length=60, pattern=TEXT), Field(description="on the bag")
    ]


class GiveHome(Shape):
    """It stands there from now on, and is awaited."""

    home: PlaceNumber
