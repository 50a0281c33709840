"""What can lead to an alert besides a limit: calls for help, doors at night, and technical faults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from devices.vocabulary import EventType, Kind
from server.alerts.model import Priority, Subject, patient_subject
from server.detection.findings import Evidence, LimitFinding


@dataclass(frozen=True, kw_only=True, slots=True)
class HelpCall:
    """Fall, SOS, smoke, water, CO, gas: each press. `subject`: the patient whose the device is, else the home."""

    subject: Subject
    type: EventType
    at: datetime
    late: bool
    place: str | None = None

    @property
    def rule(self) -> str:
        return f"call:{self.type}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DoorAtNight:
    """A front door opened in the night of its home."""

    subject: Subject
    at: datetime
    late: bool
    place: str | None = None
    rule: str = "night:door"


@dataclass(frozen=True, kw_only=True, slots=True)
class DoseMissed:
    """A medicine dispenser says that nobody took a dose: each one. `subject` as of a HelpCall."""

    subject: Subject
    at: datetime
    late: bool
    place: str | None = None
    rule: str = "dose:missed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Concern:
    """Something that a person must look at, and that stands until a ConcernOver, or until somebody handled it.

    `rule` is its identity with `subject`: what is found anew joins what stands; red after yellow is worse. `late`: it
    was so then, and nobody knows whether it is so now. `steps`: how bad it is, in steps of which one more is worse;
    None: its colour alone says that. `joins`: rules of the same subject that tell of the same worsening: while one of
    them stands, this is a line in its history and no alert of its own."""

    subject: Subject
    rule: str
    priority: Priority
    at: datetime
    began: datetime
    evidence: Evidence
    late: bool = False
    steps: float | None = None
    joins: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ConcernOver:
    """What was looked at is as it should be again: as with a limit, the alert stays until somebody has seen it.

    `of`: kinds (None: whichever) and the names of rules that would have found it again; what rests on others is not
    over. Empty: whatever it rests on. `unless`: not while one of these rules of the same subject stands: what was
    feared has come, which is not that it is over."""

    subject: Subject
    rule: str
    at: datetime
    of: tuple[tuple[Kind | None, str], ...] = ()
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """A technical condition began. `rule` is one of the TECHNICAL_RULES; `repeats`: each one counts (lost rows).

    `cause` is for a technician, `numbers` are what the words on the screens need."""

    subject: Subject
    rule: str
    at: datetime
    cause: str
    repeats: bool = False
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """Gateways of a team that are silent together. `line`: whose operator it is, None: nobody has said. `of`: how many
    gateways it has; `covering`: how many of the silent ones would tell of a fall or an SOS. `lost_cover`: more of them
    do than when it was told last. `call_by`: when somebody would have been called about one that was told alone and
    joins it now."""

    subject: Subject
    at: datetime
    began: datetime
    line: str | None
    gateways: int
    of: int
    covering: int
    lost_cover: bool = False
    call_by: datetime | None = None
    rule: str = "technical:outage"


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultOver:
    subject: Subject
    rule: str
    at: datetime


SENSOR_OFF = "technical:sensor_off"
GATEWAY_SILENT = "technical:gateway_silent"
ROWS_LOST = "technical:rows_lost"
SET_ASIDE = "technical:set_aside"
IDENTITY_CONFLICT = "technical:identity_conflict"
MONITOR_WAS_DOWN = "technical:monitor_was_down"
CONFIG_NOT_TAKEN = "technical:config_not_taken"
NOT_ASSESSED = "technical:not_assessed"
SENSOR_SILENT = "technical:sensor_silent"
BATTERY_LOW = "technical:battery_low"
CLOCK_WRONG = "technical:clock_wrong"
NOT_REACHED = "technical:not_reached"
NOBODY_ON_DUTY = "technical:nobody_on_duty"
PROOF_MISSING = "technical:proof_missing"
OUTAGE = "technical:outage"

TECHNICAL_RULES = (
    SENSOR_OFF,
    GATEWAY_SILENT,
    ROWS_LOST,
    SET_ASIDE,
    IDENTITY_CONFLICT,
    MONITOR_WAS_DOWN,
    CONFIG_NOT_TAKEN,
    NOT_ASSESSED,
    SENSOR_SILENT,
    BATTERY_LOW,
    CLOCK_WRONG,
    NOT_REACHED,
    NOBODY_ON_DUTY,
    PROOF_MISSING,
    OUTAGE,
)


def sensor_off(subject: Subject, at: datetime) -> Fault:
    return Fault(subject=subject, rule=SENSOR_OFF, at=at, cause="sensor says that it is not on the body")


def sensor_on(subject: Subject, at: datetime) -> FaultOver:
    return FaultOver(subject=subject, rule=SENSOR_OFF, at=at)


def gateway_silent(subject: Subject, at: datetime, *, cause: str = "no sign of life") -> Fault:
    """`at`: when it was last heard of."""
    return Fault(subject=subject, rule=GATEWAY_SILENT, at=at, cause=cause)


def gateway_back(subject: Subject, at: datetime) -> FaultOver:
    return FaultOver(subject=subject, rule=GATEWAY_SILENT, at=at)


def rows_lost(subject: Subject, at: datetime, *, rows: int, why: str) -> Fault:
    return Fault(subject=subject, rule=ROWS_LOST, at=at, cause=f"{rows} rows will never come: {why}", repeats=True)


def set_aside(subject: Subject, at: datetime, *, rows: int, why: str) -> Fault:
    """Rows that came and could not be filed."""
    return Fault(subject=subject, rule=SET_ASIDE, at=at, cause=f"{rows} rows were set aside: {why}", repeats=True)


def identity_conflict(subject: Subject, at: datetime) -> Fault:
    return Fault(subject=subject, rule=IDENTITY_CONFLICT, at=at, cause="two gateways send under one name")


def monitor_was_down(subject: Subject, at: datetime, *, cause: str) -> Fault:
    return Fault(subject=subject, rule=MONITOR_WAS_DOWN, at=at, cause=cause)


def config_not_taken(subject: Subject, at: datetime, *, cause: str) -> Fault:
    """A gateway refuses its configuration, or has had time enough to take it."""
    return Fault(subject=subject, rule=CONFIG_NOT_TAKEN, at=at, cause=cause)


def config_taken(subject: Subject, at: datetime) -> FaultOver:
    return FaultOver(subject=subject, rule=CONFIG_NOT_TAKEN, at=at)


def proof_missing(subject: Subject, at: datetime, *, asked_at: datetime) -> Fault:
    """A gateway that answers was asked to try the way of its alarms, and nothing came of it."""
    waited_s = (at - asked_at).total_seconds()
    cause = "the daily trial of its alarm path did not arrive: a call for help may not either"
    return Fault(subject=subject, rule=PROOF_MISSING, at=at, cause=cause, numbers={"waited_s": waited_s})


def proof_arrived(subject: Subject, at: datetime) -> FaultOver:
    return FaultOver(subject=subject, rule=PROOF_MISSING, at=at)


def not_assessed(subject: Subject, at: datetime, *, streams: int, why: str) -> Fault:
    """The server's own: the slow rules cannot judge so many streams of a team; `why` is of the first."""
    return Fault(subject=subject, rule=NOT_ASSESSED, at=at, cause=why, numbers={"streams": streams})


def not_reached(subject: Subject, at: datetime, *, calls: int, why: str) -> Fault:
    """Calls outside of the screens that were given up, of people or about alerts of a team; `why` is of the last."""
    return Fault(subject=subject, rule=NOT_REACHED, at=at, cause=why, numbers={"calls": calls})


def fault_over(subject: Subject, rule: str, at: datetime) -> FaultOver:
    return FaultOver(subject=subject, rule=rule, at=at)


Finding = LimitFinding | HelpCall | DoorAtNight | DoseMissed | Concern | ConcernOver | Fault | Outage | FaultOver


def subject_of(finding: Finding) -> Subject:
    """Whose row must be locked, in order of id, before the open alerts are read."""
    return patient_subject(finding.patient) if isinstance(finding, LimitFinding) else finding.subject
