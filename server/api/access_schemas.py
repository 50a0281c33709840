"""Shapes of who saw whom: the access log, access in an emergency, and sessions."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from server.api.schemas import Role, Shape, StaffMember


class AccessEntry(Shape):
    """`role`: in the patient's team, at that time; null: a member of another team, with a `reason`.

    A `board`, and `live` (a screen that follows it), is one entry for all patients that the team had: `shown` is how
    many. `log`: somebody read this log."""

    id: int
    at: datetime
    staff: StaffMember
    role: Role | None
    deed: Literal["look", "change", "board", "live", "emergency", "log"]
    what: str
    team: int
    patient: int | None
    patient_name: str | None
    shown: int | None
    reason: str | None


class AccessLog(Shape):
    """The newest first. `next`: the `before` of the next page; null: there is no more."""

    entries: list[AccessEntry]
    next: int | None


class OpenInEmergency(Shape):
    """Two things that one knows who stands before the patient. The reason is read by the patient and the team."""

    reference: Annotated[str, Field(min_length=1, max_length=80, description="the municipality's own for the patient")]
    born_on: date
    reason: Annotated[str, Field(min_length=10, max_length=500)]


class EmergencyAccess(Shape):
    """It is over at `until`, or at `ended_at` if somebody ended it before."""

    id: int
    staff: StaffMember
    patient: int
    team: int
    reason: str
    at: datetime
    until: datetime
    ended_at: datetime | None


class EmergencyAccesses(Shape):
    """The newest first. `next`: the `before` of the next page; null: there is no more."""

    accesses: list[EmergencyAccess]
    next: int | None


class OpenSession(Shape):
    """`way`: how the person came in. `here`: the one that asks."""

    id: int
    opened_at: datetime
    used_at: datetime
    expires_at: datetime
    way: str
    here: bool


class OpenSessions(Shape):
    sessions: list[OpenSession]
