"""What an alert is, who or what it is about, and what can happen to it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from devices.vocabulary import Kind
from server.detection.findings import Evidence

# Names in Evidence.numbers that the policy itself writes and reads.
URGENT: Final = "urgent"  # called again soon: a second person must hear of it, and it is closed only after contact
STEPS: Final = "steps"  # how bad a concern was when it last rang


class Priority(StrEnum):
    RED = "red"
    YELLOW = "yellow"
    GREY = "grey"  # technical: a separate axis, not below yellow


class State(StrEnum):
    RAISED = "raised"
    ACKNOWLEDGED = "acknowledged"
    CLEARED = "cleared"  # over, but nobody has looked yet
    HANDLED = "handled"
    ENDED = "ended"  # a technical alert closed itself


class Outcome(StrEnum):
    REAL_ACTED = "real_acted"
    REAL_NO_ACTION = "real_no_action"
    MEASURING_ERROR = "measuring_error"
    TECHNICAL = "technical"
    WRONG_LIMIT = "wrong_limit"


class SubjectType(StrEnum):
    PATIENT = "patient"
    HOME = "home"
    GATEWAY = "gateway"
    DEVICE = "device"
    CAUSE = "cause"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """Who or what an alert is about: `type` and `reference` (the row's id, or the name of the cause) are its identity.

    The rest are links that the alert shows: the patient of a device, the home of a gateway."""

    type: SubjectType
    reference: str
    patient: int | None = field(default=None, compare=False)
    home: int | None = field(default=None, compare=False)
    gateway: int | None = field(default=None, compare=False)
    device: int | None = field(default=None, compare=False)


def patient_subject(patient: int, *, home: int | None = None, device: int | None = None) -> Subject:
    return Subject(type=SubjectType.PATIENT, reference=str(patient), patient=patient, home=home, device=device)


def home_subject(home: int, *, device: int | None = None) -> Subject:
    return Subject(type=SubjectType.HOME, reference=str(home), home=home, device=device)


def gateway_subject(gateway: int, *, home: int | None = None) -> Subject:
    return Subject(type=SubjectType.GATEWAY, reference=str(gateway), gateway=gateway, home=home)


def device_subject(device: int, *, patient: int | None = None, home: int | None = None) -> Subject:
    return Subject(type=SubjectType.DEVICE, reference=str(device), device=device, patient=patient, home=home)


def cause_subject(name: str) -> Subject:
    return Subject(type=SubjectType.CAUSE, reference=name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """`id` None: not in the database yet. `began_at` and `last_at` are the readings' and events' own times.

    `owner` of a raised one: whom it rings for, who has not taken it yet. `on_way_at` and `there_at` are the owner's.
    `step`, `next_at`: where it stands in its chain and when it goes on (None: nothing is awaited); `quiet`: it waits
    for the morning list; `response`: what was agreed to happen out of hours. `contact_needed`: it is not closed without
    `contact_at`. `snoozed_until`: its owner has put it off."""

    id: int | None = None
    subject: Subject
    rule: str
    priority: Priority
    state: State
    began_at: datetime
    raised_at: datetime
    last_at: datetime
    late: bool = False
    count: int = 1
    condition_ended_at: datetime | None = None
    owner: int | None = None
    acknowledged_at: datetime | None = None
    handled_at: datetime | None = None
    handled_by: int | None = None
    outcome: Outcome | None = None
    evidence: Evidence
    rev: int = 1
    step: int = 0
    next_at: datetime | None = None
    on_way_at: datetime | None = None
    there_at: datetime | None = None
    contact_at: datetime | None = None
    contact_needed: bool = False
    quiet: bool = False
    response: str | None = None
    snoozed_until: datetime | None = None

    @property
    def key(self) -> tuple[Subject, str]:
        return self.subject, self.rule

    @property
    def urgent(self) -> bool:
        return bool(self.evidence.numbers.get(URGENT))


class Action(StrEnum):
    """What happened, as alert_history says it."""

    RAISED = "raised"
    RAISED_AGAIN = "raised_again"
    PRESSED_AGAIN = "pressed_again"
    CALLED_AGAIN = "called_again"  # so soon after the one before that it is worse than the first
    JOINED = "joined"  # another rule tells of the same
    WORSE = "worse"
    EASED = "eased"
    REPEATED = "repeated"
    CONDITION_ENDED = "condition_ended"
    ENDED = "ended"
    ACKNOWLEDGED = "acknowledged"
    HANDLED = "handled"
    TAKEN_BACK = "taken_back"  # an acknowledgement, within seconds
    RELEASED = "released"
    ASSIGNED = "assigned"
    ON_WAY = "on_way"
    THERE = "there"
    CONTACT_MADE = "contact_made"
    MEASUREMENT_ASKED = "measurement_asked"
    MEASURED = "measured"  # as somebody had asked for
    NOT_MEASURED = "not_measured"  # though somebody had asked for it
    NOTE = "note"
    REOPENED = "reopened"
    SNOOZED = "snoozed"
    SNOOZE_ENDED = "snooze_ended"  # early, by a person
    SNOOZE_OVER = "snooze_over"  # the time was up
    ESCALATED = "escalated"  # nobody has taken it: the next one is called
    REMINDED = "reminded"  # its owner, who has logged nothing for a while
    RETURNED = "returned"  # to the queue: its owner did not answer the reminder
    QUIETED = "quieted"  # its service is closed: it waits for the morning list
    MORNING = "morning"  # the service is open again
    HANDED_OVER = "handed_over"  # its owner went off duty
    GROUPED = "grouped"  # with others that fell silent together: their outage tells of it from now on
    REFILED = "refiled"  # what it is about turned out to be of somebody else; it stays as it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One step in an alert's life: write `alert` as it stands after, and one line of history.

    `alert.rev` is the revision after; a change with rev 1 is a new alert, one with rev n replaces rev n - 1. Changes
    come in the order in which they happened; a later one may concern an alert that an earlier one made (id None both
    times, same key). `to`: the colleague whom it was assigned to; `until`: when what was put off rings
    again, or until when the new measurement of `kind` is awaited. `call_by`: it puts no call off that was due by
    then."""

    action: Action
    alert: Alert
    at: datetime
    rings: bool
    staff: int | None = None
    note: str | None = None
    to: int | None = None
    until: datetime | None = None
    kind: Kind | None = None
    call_by: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Somebody was first, or it is over: `alert` is as it stands, with who has it."""

    alert: Alert
    why: str
