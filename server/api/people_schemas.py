"""The public shapes of people: who a patient is, the home, whom to call, plans, and how it ends.

As in care: `rev` names what the screen showed, every change says why and carries `Idempotency-Key`. A national identity
number and a code go in and out by routes of their own, each look remembered, and stand in no other answer."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr, StringConstraints

from server.api.fields import TEXT, Day, Instant, Reason, Remark, Rev
from server.api.schemas import Pathway, Shape, StaffMember

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120, pattern=TEXT)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=TEXT)]
LineOrNot = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=TEXT)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000, pattern=TEXT)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=30, pattern=TEXT)]
MunicipalityNumber = Annotated[str, Field(pattern=r"^[0-9]{4}$")]
Protection = Literal["kode6", "kode7"]
EndedWhy = Literal["dead", "moved", "service_over", "merged"]
Team = Annotated[int, Field(ge=1, le=2**31 - 1)]
Patient = Annotated[int, Field(ge=1, le=2**31 - 1)]


class Municipality(Shape):
    number: MunicipalityNumber
    name: str
    teams: Annotated[list[int], Field(description="that look after people there")]


class TeamName(Shape):
    id: int
    name: str


class Municipalities(Shape):
    municipalities: list[Municipality]
    teams: Annotated[list[TeamName], Field(description="every team: one can be handed a patient")]


class PatientChange(Shape):
    """`by` null: a list that was imported. `fields`: which were changed."""

    what: Literal["registered", "details", "number", "ended", "handed_over", "merged"]
    at: datetime
    by: StaffMember | None
    reason: str
    fields: list[str]


class Person(Shape):
    """`references`: of duplicates that were merged into this patient. `protection`: of the address, which then stands
    in no list. `lives_alone` null: nobody has said. `merged_into`: who this patient turned out to be."""

    patient: int
    rev: str
    reference: str
    references: list[str]
    name: str
    born_on: date
    pathway: Pathway
    team: int
    home: int | None
    municipality: MunicipalityNumber | None
    municipality_name: str | None
    phone: str | None
    lives_alone: bool | None
    coordinator: StaffMember | None
    protection: Protection | None
    has_number: bool
    virtual: bool
    ended_at: datetime | None
    ended_why: EndedWhy | None
    merged_into: int | None
    changes: list[PatientChange]


class SetPerson(Shape):
    """All of it: what is left out is taken away."""

    name: Name
    phone: Phone | None = None
    municipality: MunicipalityNumber | None = None
    lives_alone: bool | None = None
    coordinator: Annotated[int | None, Field(ge=1, le=2**31 - 1)] = None
    protection: Protection | None = None
    reason: Reason
    rev: Rev


class FindPatient(Shape):
    """By one of the two. A number is no part of an address: addresses are logged by whoever forwards them."""

    reference: Name | None = None
    number: SecretStr | None = Field(default=None, max_length=40)


class FoundPatient(Shape):
    """`patient` null: none of yours."""

    patient: int | None


class NationalNumber(Shape):
    """null: none was said."""

    number: str | None


class SetNationalNumber(Shape):
    """null: it was somebody else's, and is forgotten."""

    number: SecretStr | None = Field(max_length=40)
    reason: Reason
    rev: Rev


class EndPatient(Shape):
    """`at`: when it ended; null: now. Everything stops at once, whenever it ended."""

    why: Literal["dead", "moved", "service_over"]
    at: Instant | None = None
    reason: Reason
    rev: Rev


class Ended(Shape):
    """`alerts`: those that stand until somebody has handled them. `equipment`: how much must be fetched."""

    patient: int
    ended_at: datetime
    alerts: list[int]
    equipment: int


class HandOver(Shape):
    team: Team
    reason: Reason
    rev: Rev


class HandedOver(Shape):
    patient: int
    team: int


class Merge(Shape):
    """`duplicate`: goes; what is known of it is this patient's from now on. Its limits, rules and plans are not: two
    that differ are nobody's decision."""

    duplicate: Patient
    reason: Reason
    rev: Rev


# ---- the home


class AddressWord(Shape):
    """`doubt`: why it may be wrong; empty: it is not doubted. `to_at` null: until further notice."""

    id: int
    address: str
    doubt: str
    from_at: datetime
    to_at: datetime | None
    said_by: StaffMember | None
    said_at: datetime
    reason: str


class HomeAddress(Shape):
    """`address`: in force now; null: the patient has no home. `words`: what was said about it, the newest first; of
    those that hold at a time the newest counts."""

    patient: int
    rev: str
    home: int | None
    address: str | None
    doubt: str
    protected: bool
    words: list[AddressWord]


class SetAddress(Shape):
    """`from_at` null: from now on."""

    address: Line
    doubt: LineOrNot = ""
    from_at: Instant | None = None
    to_at: Instant | None = None
    reason: Reason
    rev: Rev


class HomeAccess(Shape):
    """How one gets in; the code has a route of its own."""

    patient: int
    rev: str
    home: int | None
    key_box: str
    way_in: str
    has_code: bool
    said_by: StaffMember | None
    said_at: datetime | None


class SetAccess(Shape):
    """All of it. `code` null: there is none any more."""

    key_box: LineOrNot = ""
    way_in: Text = ""
    code: SecretStr | None = Field(default=None, min_length=1, max_length=40)
    reason: Reason
    rev: Rev


class AccessCode(Shape):
    """null: there is none."""

    code: str | None


# ---- whole lists


class Contact(Shape):
    name: Line
    relation: Annotated[str, StringConstraints(strip_whitespace=True, max_length=100, pattern=TEXT)] = ""
    phone: Phone
    has_key: Annotated[bool, Field(description="to the home")] = False
    remark: Annotated[str, StringConstraints(strip_whitespace=True, max_length=300, pattern=TEXT)] = ""


class Contacts(Shape):
    """In the order in which they are called."""

    type: Literal["contacts"]
    contacts: Annotated[list[Contact], Field(max_length=20)]


class Measure(Shape):
    """`due` null: it goes on."""

    what: Line
    responsible: Line
    due: Day | None = None
    done: bool = False


class Goal(Shape):
    goal: Line
    measures: Annotated[list[Measure], Field(max_length=20, default_factory=list)]


class IndividualPlan(Shape):
    type: Literal["individual_plan"]
    goals: Annotated[list[Goal], Field(max_length=20)]
    review_on: Day | None = None
    remark: Text = ""


class Step(Shape):
    """`when`: how the patient feels it; `then`: what to do."""

    when: LineOrNot = ""
    then: Line


class SelfTreatment(Shape):
    """The patient's own steps of each zone in their order; before those of the red zone stands a line that is the same
    for everybody."""

    type: Literal["self_treatment"]
    green: Annotated[list[Step], Field(max_length=15, default_factory=list)]
    yellow: Annotated[list[Step], Field(max_length=15, default_factory=list)]
    red: Annotated[list[Step], Field(max_length=15, default_factory=list)]


Record = Annotated[Contacts | IndividualPlan | SelfTreatment, Field(discriminator="type")]
RecordType = Literal["contacts", "individual_plan", "self_treatment"]


class RecordVersion(Shape):
    """`record` null: it is of a newer server."""

    id: int
    record: Record | None
    set_by: StaffMember | None
    set_at: datetime
    reason: str


class Records(Shape):
    """The newest version first: that one counts. `red_zone_first`: the red zone's first line, for everybody."""

    patient: int
    rev: str
    type: RecordType
    red_zone_first: str | None
    versions: list[RecordVersion]


class SetRecord(Shape):
    record: Record
    reason: Reason
    rev: Rev


# ---- whoever drives


class Resident(Shape):
    """`oxygen` null: nobody has said. `no_resuscitation`: HLR-."""

    patient: int
    name: str
    born_on: date
    phone: str | None
    lives_alone: bool | None
    protected: bool
    contacts: list[Contact]
    oxygen: bool | None
    litres_per_min: float | None
    no_resuscitation: bool
    no_hospital: bool
    treatment_limits: str
    cave: list[str]
    critical: list[str]


class Snapshot(Shape):
    """As it was `at` that time. `doubt`: why the address may be wrong. `moved`: it is new or ends soon; `before` and
    `after` are the addresses beside it. The code of the key box is not here."""

    at: datetime
    home: int | None
    address: str | None
    since: datetime | None
    doubt: str
    moved: bool
    before: str | None
    after: str | None
    key_box: str
    way_in: str
    has_code: bool
    residents: list[Resident]


class Dispatch(Shape):
    """`frozen` null: the alert was never red. `now`: what would be frozen now. `changed`: something differs since."""

    alert: int
    frozen: Snapshot | None
    now: Snapshot | None
    changed: bool


# ---- equipment


class Recall(Shape):
    """`address` null: it is protected, or there is none: ask the coordinator."""

    id: int
    team: int
    device: str | None
    profile: str | None
    label: str | None
    gateway: str | None
    home: int | None
    address: str | None
    why: str
    since: datetime


class Recalls(Shape):
    """What must be fetched, the longest waiting first."""

    recalls: list[Recall]


class Fetched(Shape):
    remark: Remark = ""


class FetchedNow(Shape):
    id: int
    fetched_at: datetime
