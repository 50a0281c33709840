"""The messages between gateway and server: frozen, versioned, columnar where many rows travel.

Times are integer milliseconds since 1970-01-01T00:00Z. Bounds on numbers also keep NaN and infinity out.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from devices.vocabulary import EventType, GapReason, Kind

VERSION: Final = 1
MAX_ROWS: Final = 1000  # in one batch
MAX_BYTES: Final = 262_144  # of one message

# 2000-01-01 .. 2100-01-01: a clock in 1970 is refused at the gateway, and again here.
Millis = Annotated[int, Meta(ge=946_684_800_000, le=4_102_444_800_000)]
Seq = Annotated[int, Meta(ge=1, le=2**53)]
Mark = Annotated[int, Meta(ge=0, le=2**53)]
Number = Annotated[float, Meta(ge=-1e6, le=1e6)]
Address = Annotated[str, Meta(pattern=r"^[0-9A-F]{2}(:[0-9A-F]{2}){5}$")]
OutboxId = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}$")]
Small = Annotated[int, Meta(ge=0, le=255)]


class Lane(StrEnum):
    """Two queues out of one outbox; each has its own sequence numbers, starting at 1, and its own watermark."""

    ALARM = "alarm"
    BULK = "bulk"


class LostWhy(StrEnum):
    THINNED = "thinned"
    DAMAGED = "damaged"
    RESTORED = "restored"
    UNDECODABLE = "undecodable"  # the server could not read it; it lies set aside at the gateway


class Versioned(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    v: int = msgspec.field(default_factory=lambda: VERSION)  # a factory, because omit_defaults would leave 1 out


class Message(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    gateway: str


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """Rows `first`..`last` of the lane will never come."""

    first: Seq
    last: Seq
    why: LostWhy


class ObservationColumns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Row i is `seq[i]`, `device[i]` ...; optional columns are empty when every row has the default of
    vocabulary.Observation (so an empty `clock` means ClockTrust.ARRIVAL).

    `device` indexes `Body.devices`; `kind` indexes `kinds`. `low`, `high` default to `value`. Value null: no reading.
    """

    seq: list[Seq] = []
    device: list[Small] = []
    kinds: list[Kind] = []
    kind: list[Small] = []
    value: list[Number | None] = []
    taken_at: list[Millis] = []
    slot: list[Small] = []
    low: list[Number | None] = []
    high: list[Number | None] = []
    n: list[Annotated[int, Meta(ge=1, le=1_000_000)]] = []
    span_s: list[Annotated[float, Meta(ge=0, le=86_400)]] = []
    quality: list[Annotated[int, Meta(ge=0, le=3)]] = []
    sign: list[Annotated[int, Meta(ge=-1, le=1)]] = []
    clock: list[Annotated[int, Meta(ge=0, le=3)]] = []
    mode: list[Annotated[int, Meta(ge=0, le=1)]] = []
    record: list[Annotated[int, Meta(ge=0, le=2**32)] | None] = []


class EventColumns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    seq: list[Seq] = []
    device: list[Small] = []
    type: list[EventType] = []
    occurred_at: list[Millis] = []
    slot: list[Small] = []
    clock: list[Annotated[int, Meta(ge=0, le=3)]] = []


class GapColumns(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    seq: list[Seq] = []
    device: list[Small] = []
    from_at: list[Millis] = []
    to_at: list[Millis] = []
    why: list[GapReason] = []
    slot: list[Small] = []


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    devices: list[Address] = []
    observations: ObservationColumns = ObservationColumns()
    events: EventColumns = EventColumns()
    gaps: GapColumns = GapColumns()


class Header(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What the server needs to keep its promise even when the body cannot be read.

    The rows of this batch are those of `lane` with seq in `first`..`last`. The server commits it only if its
    watermark for (gateway, outbox, lane) is at least `after`; it then stands at `last`. Rows that will never come and
    lie between `after` and `last` are in `lost`. A batch with nothing but `lost` has first = lost[0].first and
    last = lost[-1].last."""

    outbox: OutboxId
    lane: Lane
    after: Mark
    first: Seq
    last: Seq
    sent_at: Millis
    lost: list[Lost] = []


class Batch(Header, frozen=True, kw_only=True, omit_defaults=True):
    body: Body = Body()


class RawBatch(Header, frozen=True, kw_only=True, omit_defaults=True):
    """A batch whose body is still bytes: the header decodes before the body."""

    body: msgspec.Raw = msgspec.Raw(b"{}")


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """A batch with no readable header. `digest`: first 16 hex digits of the SHA-256 of the payload."""

    digest: str
    why: str


class Receipt(Message, frozen=True, kw_only=True, omit_defaults=True):
    """What is committed: rows up to the mark of each lane of this outbox may be forgotten.

    A new `epoch` says that the server was restored from a backup: its marks may have gone back. `at`: the server's
    time, for a gateway whose own clock was never set."""

    outbox: OutboxId | None = None
    epoch: str
    alarm: Mark = 0
    bulk: Mark = 0
    refused: list[Refusal] = []
    at: Millis | None = None


class LinkState(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"  # said goodbye
    LOST = "lost"  # the last will: the broker says it for the gateway


class DeviceHealth(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    device: Address
    state: Annotated[str, Meta(max_length=40)]
    seen_at: Millis | None = None
    rssi_dbm: Annotated[int, Meta(ge=-127, le=20)] | None = None
    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    refused: Mark = 0  # readings whose bytes broke the device's specification
    model: Annotated[str, Meta(max_length=80)] = ""  # maker, model and firmware, as the device says them
    bonded: bool | None = None  # None: not known, or it needs no bond


class NearbyDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """On the air here, and of a sort that the gateway can read. What it measures is not said, for it may be the
    neighbour's; nor its name, for that may be a person's. `profiles`: what it may be, the likeliest first. `encrypted`:
    it cannot be read without its key."""

    device: Address
    profiles: list[Annotated[str, Meta(max_length=40)]]
    seen_at: Millis
    rssi_dbm: Annotated[int, Meta(ge=-127, le=20)] | None = None
    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    encrypted: bool = False


CLOCK_TROUBLE: Final = "the gateway's own clock is wrong: check its network time"  # one of Status.troubles


# A certificate's serial number in hex, without leading zeros.
Serial = Annotated[str, Meta(pattern=r"^([1-9a-f][0-9a-f]{0,39})?$(?!\n)")]


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a command with a proof. `refused`: it was not carried out; `why`: a sentence."""

    id: OutboxId
    refused: bool = False
    why: Annotated[str, Meta(max_length=300)] = ""


# A Debian version (Debian Policy 5.6.12) without an epoch.
PROGRAM_VERSION: Final = r"^[0-9][A-Za-z0-9.+~-]{0,39}$"
ProgramVersion = Annotated[str, Meta(pattern=PROGRAM_VERSION + r"(?!\n)")]


class UpgradeState(StrEnum):
    WAITS = "waits"  # for whoever installs it
    RUNS = "runs"
    DONE = "done"
    FAILED = "failed"


class Upgrade(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the last wish for a version of the program."""

    version: ProgramVersion
    state: UpgradeState
    why: Annotated[str, Meta(max_length=300)] = ""


class Status(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The heartbeat. `hello` asks for a receipt. `started` is a random id of this run of the agent."""

    state: LinkState
    outbox: OutboxId
    started: OutboxId
    at: Millis | None = None  # None in the last will, which is written at connect
    hello: bool = False
    every_s: Annotated[float, Meta(ge=1, le=3600)] = 30.0
    version: Annotated[str, Meta(max_length=40)] = ""
    waiting_alarm: Mark = 0
    waiting_bulk: Mark = 0
    set_aside: Mark = 0
    devices: list[DeviceHealth] = []
    troubles: list[Annotated[str, Meta(max_length=200)]] = []
    config: Mark = 0  # the version of the GatewayConfig in use; 0: none came yet, the gateway's own file is used
    config_refused: Annotated[str, Meta(max_length=400)] = ""  # why a newer one is not
    done: list[OutboxId] = []  # the commands carried out last, at most 16
    answers: list[Answer] = []  # of the last ones with a proof, at most 16
    orders: bool = False  # it carries out commands that have a proof
    upgrade: Upgrade | None = None
    certificate: Serial = ""  # of the certificate that this line was opened with; "": there is none
    listening_until: Millis | None = None  # a technician listens; None: nobody does, and `nearby` is empty
    nearby: list[NearbyDevice] = []  # the strongest first, at most 48


class KindLimit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A limits.Limit of one kind, for the gateway alone at home. Null: no such limit."""

    kind: Kind
    red_low: Number | None = None
    yellow_low: Number | None = None
    yellow_high: Number | None = None
    red_high: Number | None = None


class SlotSetup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One user of a device. Whose it is, is never said here."""

    slot: Small = 0
    limits: list[KindLimit] = []


class DeviceSetup(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`profile`: a key of devices.profiles.PROFILES. `name`: what stands on the device or where it hangs, for the
    technician. `cadence_s`: one interval of a continuous stream in so many seconds, 0: every value, null: as the
    profile says. `key`: of an advertiser that encrypts, 16 bytes in hex; null: the one of the gateway's own file."""

    address: Address
    profile: Annotated[str, Meta(max_length=40)]
    name: Annotated[str, Meta(max_length=60)] = ""
    cadence_s: Annotated[float, Meta(ge=0, le=3600)] | None = None
    slots: list[SlotSetup] = []
    key: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")] | None = None


class GatewayConfig(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that the server says a gateway has to do, retained; the whole of it each time. The gateway keeps it
    and starts with it without a network. Devices null: those of the gateway's own file stay. `heartbeat_s`: a Status
    at least so often; null, or more than in its own file: as its own file says."""

    version: Annotated[int, Meta(ge=1, le=2**53)]
    devices: Annotated[list[DeviceSetup], Meta(max_length=64)] | None = None
    heartbeat_s: Annotated[float, Meta(ge=1, le=3600)] | None = None


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """Who says a command. `content`: the whole Command as bytes of JSON, without this; what stands beside it is for
    gateways that do not know of proofs. `certificate`: PEM, of our authority, of the name COMMANDS. `signature`: base64
    of the DER of an ECDSA signature with SHA-256 by its key over `to_sign(content)`."""

    content: Annotated[str, Meta(max_length=4096)]
    certificate: Annotated[str, Meta(pattern="^-----BEGIN CERTIFICATE-----\n", max_length=8192)]
    signature: Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{80,120}={0,2}$(?!\n)")]

    def to_sign(self) -> bytes:
        return to_sign(self.content)


COMMANDS: Final = "hv_commands"  # a gateway's name has no underscore


def to_sign(content: str) -> bytes:
    return b"hjemvakt command 1\n" + content.encode()


class Command(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Said again until the gateway's Status names its `id` or `until` has passed; carried out once.

    `command` is "acknowledged": a person has the alert that `device` caused at `occurred_at` (an event `type`, or a
    limit of `kind`). "prove": send an event of the type "proof" the way that alarms go. "listen": until `until` say in
    each Status, and say that more often, what is on the air. Only with a proof: "scan": begin to listen to the air
    anew. "restart": end, and be started again. "diagnose": hand in a Diagnosis. "renew": ask for a new certificate now.
    "upgrade": get `version` of the program. Others are ignored and counted.

    `number` grows with each command of a gateway. `run`: Status.started of the run that it is for."""

    command: Annotated[str, Meta(max_length=40)]
    id: OutboxId | None = None
    at: Millis | None = None
    until: Millis | None = None
    device: Address | None = None
    slot: Small = 0
    type: EventType | None = None
    kind: Kind | None = None
    occurred_at: Millis | None = None
    number: Seq | None = None
    run: OutboxId | None = None
    version: ProgramVersion | None = None
    proof: Proof | None = None
