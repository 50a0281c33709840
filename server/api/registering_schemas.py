"""The public shapes of a patient who comes, and of teams. What cannot be as it was said is refused with a `type` that
names it: `urn:hjemvakt:wrong-number`, `-born`, `-reference`, `-phone`, `-address`, `-home`, `-municipality`,
`-reference-taken`, `-team-name`, `-team-municipality`."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from server.api.fields import Reason, Remark, Rev
from server.api.people_schemas import Line, MunicipalityNumber, Name, Patient, Phone, Protection
from server.api.schemas import Pathway, Role, Shape, StaffMember

Although = Literal["same_address"]
Home = Annotated[int, Field(ge=1, le=2**31 - 1)]


class RegisterPatient(Shape):
    """`reference` null: one is made. Either the `address` of a new home, or a `home` of the team's where somebody lives
    already. `although`: what was told before, and is known to be another home. `others`, `others_untold`: whom the last
    answer told as doubles, and who are known to be other people; whoever is not among them is told before anything is
    made."""

    name: Name
    born_on: date
    pathway: Pathway
    reference: Name | None = None
    number: SecretStr | None = Field(default=None, max_length=40)
    municipality: MunicipalityNumber | None = None
    phone: Phone | None = None
    address: Line | None = None
    home: Home | None = None
    lives_alone: bool | None = None
    protection: Protection | None = None
    remark: Remark = ""
    although: list[Although] = Field(default_factory=list, max_length=1)
    others: list[Patient] = Field(
        default_factory=list, max_length=100, description="`patient` of each double that has one"
    )
    others_untold: int = Field(default=0, ge=0, le=100, description="how many doubles had none")


class Double(Shape):
    """Perhaps the same person. `patient` and `name` null: of a team whose patients you do not see. `by`: the number
    says it surely, and then nobody else can have it."""

    by: Literal["number", "name"]
    patient: int | None
    name: str | None
    ended: bool


class HomeThere(Shape):
    """At the same address, of the same team."""

    home: int
    name: str
    residents: int


class Registered(Shape):
    """`patient` null: not yet. Look at what is told, and if it is somebody else, say it again with `others`,
    `others_untold` and `although`."""

    patient: int | None
    home: int | None
    reference: str | None
    doubles: list[Double]
    same_address: list[HomeThere]


class MunicipalityName(Shape):
    number: MunicipalityNumber
    name: str


class TeamChange(Shape):
    """`before` null: it was made."""

    name: str
    before: str | None
    by: StaffMember
    at: datetime
    reason: str


class Team(Shape):
    """`answering`: of its members, those who can be on duty. `rev`: of its name."""

    id: int
    name: str
    rev: str
    role: Annotated[Role, Field(description="yours in it")]
    municipalities: list[MunicipalityName]
    patients: int
    members: int
    answering: int
    on_duty: int
    changes: Annotated[list[TeamChange], Field(description="the newest first, at most 10")]


class Teams(Shape):
    """Those in which you may register patients. `municipalities`: for which a new team of yours may work."""

    teams: Annotated[list[Team], Field(description="by name")]
    municipalities: list[MunicipalityName]


class MakeTeam(Shape):
    name: Name
    municipalities: list[MunicipalityNumber] = Field(default_factory=list, max_length=50)
    reason: Reason


class RenameTeam(Shape):
    name: Name
    reason: Reason
    rev: Rev


class MadeTeam(Shape):
    team: int
    name: str
