"""The public shapes of the API: REST bodies and socket messages. The dashboard's types are generated from here.

Times are RFC 3339 in UTC. A value is in the kind's UCUM unit; null is "no reading", never zero.
"""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from devices.vocabulary import Kind

Priority = Literal["red", "yellow", "grey"]
AlertState = Literal["raised", "acknowledged", "cleared", "handled", "ended"]
Outcome = Literal["real_acted", "real_no_action", "measuring_error", "technical", "wrong_limit"]
Direction = Literal["low", "high"]
GatewayState = Literal["never", "online", "offline", "lost", "silent"]
Role = Literal["nurse", "coordinator", "doctor", "technician", "administrator", "auditor"]
Pathway = Literal["kols", "diabetes", "heart_failure", "palliative", "safety"]
ResetReason = Literal["unknown_epoch", "unknown_cursor", "too_far_behind", "teams_changed"]
Level = Annotated[int, Field(ge=-2, le=2, description="-2 red low, -1 yellow low, 0 inside, 1 yellow high, 2 red high")]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Problem(Shape):
    """RFC 9457 problem details; `detail` is a sentence for a person."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Credentials(Shape):
    login: Annotated[str, Field(min_length=1, max_length=80)]
    password: Annotated[str, Field(min_length=1, max_length=200)]


class StaffMember(Shape):
    id: int
    name: str
    initials: str


class TeamMembership(Shape):
    id: int
    name: str
    role: Role


class Me(Shape):
    staff: StaffMember
    teams: list[TeamMembership]


class Evidence(Shape):
    """Why: the rule, the numbers, the window and the reference it rests on."""

    kind: Kind | None = None
    value: float | None = None
    sign: Annotated[int, Field(ge=-1, le=1)] = 0
    limit: float | None = None
    level: Level | None = None
    direction: Direction | None = None
    event: str | None = None
    place: str | None = None
    cause: str | None = None
    since: datetime | None = None
    reference: str = ""
    low: Annotated[float | None, Field(description="the least in an interval of which `value` is the median")] = None
    high: float | None = None
    span_s: Annotated[float | None, Field(description="how long that interval was; null: a single reading")] = None
    rules: Annotated[list[str], Field(description="that found it, the one first that `numbers` are of")] = []
    numbers: Annotated[
        dict[str, float],
        Field(
            description="what the rule compared, by name; those of the other rules begin with `<rule>_`. Of any alert: "
            "`calls` for help in a row, none more than `within_min` after the one before; `urgent`: called again soon; "
            "`steps`: how bad it was when it last rang"
        ),
    ] = {}
    from_at: Annotated[datetime | None, Field(description="the window that ended at `since`")] = None
    readings: Annotated[int | None, Field(description="how many days, points or windows the numbers rest on")] = None


class Alert(Shape):
    id: int
    team: int
    rev: int
    rule: str
    priority: Priority
    state: AlertState
    patient: int | None
    home: int | None
    gateway: str | None
    device: str | None
    lives_there: Annotated[list[int], Field(description="patients in the home, for an alarm of the home")]
    began_at: datetime
    raised_at: datetime
    last_at: datetime
    late: Annotated[bool, Field(description="out of a backlog: it began then, it is not known to be so now")]
    count: int
    condition_ended_at: datetime | None
    owner: Annotated[
        StaffMember | None, Field(description="of a raised one: whom it rings for, who has not taken it yet")
    ]
    acknowledged_at: datetime | None
    on_way_at: Annotated[datetime | None, Field(description="its owner is")]
    there_at: datetime | None
    contact_at: Annotated[datetime | None, Field(description="somebody spoke with who called, since the newest call")]
    contact_needed: Annotated[bool, Field(description="it cannot be closed before `contact_at`")]
    snoozed_until: Annotated[datetime | None, Field(description="its owner has put it off; then it rings again")]
    step: Annotated[int, Field(description="where it stands in its chain")]
    next_at: Annotated[datetime | None, Field(description="when it goes on along its chain")]
    quiet: Annotated[bool, Field(description="it waits for the morning list")]
    response: Annotated[str | None, Field(description="what was agreed to happen out of hours")]
    handled_by: StaffMember | None
    handled_at: datetime | None
    outcome: Outcome | None
    seen_on: Annotated[int, Field(description="number of screens that have shown it")]
    evidence: Evidence


class HistoryEntry(Shape):
    rev: int
    at: datetime
    action: str
    staff: Annotated[StaffMember | None, Field(description="null: the system")]
    note: str | None
    to: Annotated[StaffMember | None, Field(description="whom it was assigned to")] = None
    until: Annotated[datetime | None, Field(description="until when it was put off")] = None
    outcome: Outcome | None = None


class Snooze(Shape):
    """A lease on an alert: what is worse than `up_to` rings nevertheless, and so does every other rule."""

    until: datetime
    up_to: Literal["yellow", "red"]
    by: StaffMember
    reason: str
    begun_at: datetime
    ended_at: datetime | None
    ended_by: Annotated[StaffMember | None, Field(description="null: the time was up, or it turned for the worse")]
    ended_because: Annotated[str | None, Field(description="the action in the history that ended it")]


class AlertDetail(Shape):
    alert: Alert
    history: list[HistoryEntry]
    snoozes: Annotated[list[Snooze], Field(description="the newest first")]


class AlertConflict(Problem):
    """Somebody was first: `alert` is as it stands now, with who has it."""

    alert: Alert


class Limits(Shape):
    red_low: float | None
    yellow_low: float | None
    yellow_high: float | None
    red_high: float | None


class LatestValue(Shape):
    patient: int
    kind: Kind
    value: float | None
    unit: str
    decimals: int
    sign: Annotated[int, Field(ge=-1, le=1)]
    quality: Annotated[int, Field(ge=0, le=3)]
    taken_at: datetime
    span_s: Annotated[float, Field(description="of an interval that began at `taken_at`; it is as old as its end")]
    received_at: datetime
    clock: Annotated[int, Field(ge=0, le=3)]
    device: str
    level: Level | None


class Spark(Shape):
    """A small chart's points as columns, the oldest first; `after_ms` is how long after `begins` each was taken."""

    begins: datetime
    after_ms: list[int]
    value: list[float]


class Vital(Shape):
    """One kind of one patient as the board shows it. `spark` is thinned, null when there is no point; points are not
    joined across `gap_s`. An interval is old `stale_after_s` after the next one should have ended."""

    kind: Kind
    latest: LatestValue
    limits: Limits | None
    spark: Spark | None
    gap_s: float
    stale_after_s: float


class PatientRow(Shape):
    id: int
    name: str
    born_on: date
    pathway: Pathway
    team: int
    home: int | None
    gateways: list[str]
    sensors_off: Annotated[list[str], Field(description="devices that say they are not on the body")]
    virtual: bool
    vitals: list[Vital]


class HomeRow(Shape):
    id: int
    address: Annotated[str, Field(description="in force now; empty: it is protected")]
    team: int


class GatewayRow(Shape):
    id: str
    home: int | None
    team: int | None
    state: GatewayState
    state_since: datetime
    heard_at: datetime | None
    waiting: Annotated[int, Field(description="readings still in its outbox")]
    troubles: list[str]
    refused: Annotated[
        dict[str, int],
        Field(description="device address -> messages that broke its specification, since the gateway's agent started"),
    ]


class Board(Shape):
    epoch: str
    cursors: Annotated[dict[int, int], Field(description="team -> seq of the newest event that this state contains")]
    at: datetime
    practice: Annotated[bool, Field(description="some of these patients do not exist: say so on every screen")]
    alerts: list[Alert]
    patients: list[PatientRow]
    homes: list[HomeRow]
    gateways: list[GatewayRow]


class Series(Shape):
    """At most the number of points asked for; `low`/`high` keep the extremes of what each stands for."""

    patient: int
    kind: Kind
    unit: str
    at: list[datetime]
    value: list[float | None]
    low: list[float | None]
    high: list[float | None]


class Day(Shape):
    """`mean` weighs every raw value the same; an interval is one of `readings` and stands for several of `n`."""

    day: date
    mean: float
    low: float
    high: float
    readings: int
    n: int


class Days(Shape):
    patient: int
    kind: Kind
    unit: str
    days: list[Day]


class SetAside(Shape):
    id: int
    at: datetime
    gateway: str | None
    topic: str
    reason: str
    size: int


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


class Alive(Shape):
    alive: Literal[True]


class Ready(Shape):
    ready: Literal[True]


# ---- the socket: client to server


class Hello(Shape):
    type: Literal["hello"]
    epoch: str | None
    cursors: dict[int, int]
    screen: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="a random id of this open screen")]


class Seen(Shape):
    type: Literal["seen"]
    alerts: Annotated[list[Annotated[int, Field(ge=1, le=2**53)]], Field(max_length=500)]


class Proven(Shape):
    """The trial of the alarm path that `passed` told of is on this screen."""

    type: Literal["proven"]
    proof: Annotated[int, Field(ge=1, le=2**53)]


class Ping(Shape):
    type: Literal["ping"]


ClientMessage = Annotated[Hello | Seen | Proven | Ping, Field(discriminator="type")]

# ---- the socket: server to client


class Resumed(Shape):
    """The events after the client's cursors follow; nothing was missed."""

    type: Literal["resumed"]
    epoch: str
    cursors: dict[int, int]


class Reset(Shape):
    """Fetch the board again and say hello with its epoch and cursors."""

    type: Literal["reset"]
    epoch: str
    reason: ResetReason


class AlertChanged(Shape):
    """`ring`: this change must be heard (raised, raised again, pressed again)."""

    type: Literal["alert"]
    team: int
    seq: int
    ring: bool
    alert: Alert


class GatewayChanged(Shape):
    type: Literal["gateway"]
    team: int
    seq: int
    gateway: GatewayRow


class Passed(Shape):
    """An event that shows nothing (one about a gateway that moved away, a trial of the alarm path): only the cursor
    moves."""

    type: Literal["passed"]
    team: int
    seq: int
    proof: Annotated[
        int | None, Field(description="a gateway's daily trial of the alarm path got here: answer `proven` with it")
    ] = None


class EmergencyOpened(Shape):
    """Somebody of another team has opened one of the team's patients, to read until then."""

    type: Literal["emergency"]
    team: int
    seq: int
    patient: int
    staff: StaffMember
    reason: str
    until: datetime


class PatientLeft(Shape):
    """Handed over to another team, or over: fetch the board again and say hello."""

    type: Literal["left"]
    team: int
    seq: int
    patient: int


class PatientJoined(Shape):
    """From another team, with open alerts perhaps: fetch the board again and say hello."""

    type: Literal["joined"]
    team: int
    seq: int
    patient: int


class Readings(Shape):
    """Newest values. They carry no seq and may be dropped for a slow client: the next one is newer."""

    type: Literal["readings"]
    values: list[LatestValue]


class SeenOn(Shape):
    """How many screens have shown an alert. No seq: the next one or the next board corrects it."""

    type: Literal["seen_on"]
    alert: int
    seen_on: int


class Heartbeat(Shape):
    """Every 5 s. A screen that has missed 2.5 of them says that it is disconnected."""

    type: Literal["heartbeat"]
    at: datetime
    cursors: dict[int, int]


class Pong(Shape):
    type: Literal["pong"]
    at: datetime


ServerMessage = Annotated[
    Resumed
    | Reset
    | AlertChanged
    | GatewayChanged
    | EmergencyOpened
    | PatientLeft
    | PatientJoined
    | Passed
    | Readings
    | SeenOn
    | Heartbeat
    | Pong,
    Field(discriminator="type"),
]
