"""The enrolment list: who works in which team, who lives where, and which device is whose. Checked whole. Pure.

A JSON file for `hjemvakt load`. Loading the same list again changes nothing; loading a newer one changes what differs.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from devices.limits import Limit
from devices.profiles import PROFILES
from devices.vocabulary import Kind
from devices.wire.messages import Address
from devices.wire.topics import BUCKETS, GATEWAY_ID
from server.clinical.limits import why_not
from server.errors import EnrolmentError

Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f]*$")]
# What begins so is a program, which has a token and no password.
Login = Annotated[str, Meta(min_length=1, max_length=120, pattern=r"^(?!machine:)[^\x00-\x1f]*$")]
GatewayName = Annotated[str, Meta(pattern=f"^{GATEWAY_ID.pattern}$")]
Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Edge = Annotated[float, Meta(ge=-1e6, le=1e6)] | None
RoleName = Literal["nurse", "coordinator", "doctor", "technician", "administrator", "auditor"]
PathwayName = Literal["kols", "diabetes", "heart_failure", "palliative", "safety"]
ERRORS_SHOWN: Final = 10


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Team(_Entry, frozen=True, kw_only=True):
    name: Name


class Member(_Entry, frozen=True, kw_only=True):
    """`password` None: keeps the one there is; a new member without one cannot log in until it is set."""

    login: Login
    name: Name
    initials: Annotated[str, Meta(min_length=1, max_length=4)]
    teams: dict[str, RoleName]
    password: Annotated[str, Meta(min_length=8, max_length=200)] | None = None


class Home(_Entry, frozen=True, kw_only=True):
    name: Name
    address: Name
    team: str
    bucket: Annotated[int, Meta(ge=0, le=BUCKETS - 1)]
    night_from: Clock | None = None
    night_to: Clock | None = None


class Patient(_Entry, frozen=True, kw_only=True):
    reference: Name
    name: Name
    born_on: date
    pathway: PathwayName
    team: str
    home: str | None = None
    virtual: bool = False


class PersonalLimit(_Entry, frozen=True, kw_only=True):
    patient: str
    kind: Kind
    reason: Name
    red_low: Edge = None
    yellow_low: Edge = None
    yellow_high: Edge = None
    red_high: Edge = None

    @property
    def limit(self) -> Limit:
        return Limit(
            red_low=self.red_low,
            yellow_low=self.yellow_low,
            yellow_high=self.yellow_high,
            red_high=self.red_high,
        )


class EnrolledGateway(_Entry, frozen=True, kw_only=True):
    """`operator`: of its line, so that a failure of it is one alert; None: as it was said before, if it was."""

    name: GatewayName
    home: str
    operator: Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f]*$")] | None = None


class Device(_Entry, frozen=True, kw_only=True):
    """`cadence_s`: its continuous streams in intervals of so many seconds, 0: every value, None: as the profile says.
    `label`: what stands on it. The gateway is told, so it must not be a patient's name."""

    address: Address
    profile: Name
    cadence_s: Annotated[float, Meta(ge=0, le=3600)] | None = None
    label: Annotated[str, Meta(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]*$")] | None = None


class DeviceBinding(_Entry, frozen=True, kw_only=True, rename={"from_": "from"}):
    """To a patient, or to a home with the place of the device in it."""

    device: Address
    from_: datetime
    slot: Annotated[int, Meta(ge=0, le=255)] = 0
    patient: str | None = None
    home: str | None = None
    place: str | None = None

    @property
    def key(self) -> tuple[str, int, datetime]:
        return self.device, self.slot, self.from_


class Enrolment(_Entry, frozen=True, kw_only=True):
    teams: list[Team] = []
    staff: list[Member] = []
    homes: list[Home] = []
    patients: list[Patient] = []
    limits: list[PersonalLimit] = []
    gateways: list[EnrolledGateway] = []
    devices: list[Device] = []
    bindings: list[DeviceBinding] = []


def read(payload: bytes) -> Enrolment:
    """EnrolmentError: every sentence of what is wrong, at most ten."""
    try:
        enrolment = msgspec.json.decode(payload, type=Enrolment)
    except msgspec.ValidationError as error:
        raise EnrolmentError(f"The enrolment list is not right: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnrolmentError(f"The enrolment list is not JSON: {error}.") from error
    wrong = list(_check(enrolment))
    if wrong:
        more = [f"... and {len(wrong) - ERRORS_SHOWN} more."] if len(wrong) > ERRORS_SHOWN else []
        raise EnrolmentError("\n".join([*wrong[:ERRORS_SHOWN], *more]))
    return enrolment


def of_member(member: Mapping[str, object]) -> Enrolment:
    """A list with one member."""
    return read(msgspec.json.encode({"staff": [member]}))


def _check(enrolment: Enrolment) -> Iterator[str]:
    """What one entry alone cannot say. A name that is not in the list may be in the database: the load checks that."""
    yield from _once("team", (team.name for team in enrolment.teams))
    yield from _once("login", (member.login for member in enrolment.staff))
    yield from _once("home", (home.name for home in enrolment.homes))
    yield from _once("patient", (patient.reference for patient in enrolment.patients))
    yield from _once("gateway", (gateway.name for gateway in enrolment.gateways))
    yield from _once("device", (device.address for device in enrolment.devices))
    yield from _once("limit", (f"{limit.patient} {limit.kind}" for limit in enrolment.limits))
    yield from _once("binding", (" ".join(map(str, binding.key)) for binding in enrolment.bindings))
    yield from _check_devices(enrolment.devices)
    yield from _check_limits(enrolment.limits)
    yield from _check_bindings(enrolment.bindings)


def _once(what: str, names: Iterable[str]) -> Iterator[str]:
    for name, times in Counter(names).items():
        if times > 1:
            yield f"The {what} {name} is in the list {times} times."


def _check_devices(devices: Sequence[Device]) -> Iterator[str]:
    for device in devices:
        if device.profile not in PROFILES:
            known = ", ".join(sorted(PROFILES))
            yield f"The device {device.address}: Hjemvakt has no profile {device.profile!r}: write one of {known}."


def _check_limits(limits: Sequence[PersonalLimit]) -> Iterator[str]:
    for each in limits:
        try:
            limit = each.limit
        except ValueError:
            yield f"The limits of {each.patient} for {each.kind} must go up from red low to red high."
        else:
            if limit == Limit():
                yield f"The limits of {each.patient} for {each.kind} have no number."
            if refused := why_not(each.kind, limit):
                yield f"The limits of {each.patient}: {refused}"


def _check_bindings(bindings: Sequence[DeviceBinding]) -> Iterator[str]:
    for binding in bindings:
        if (binding.patient is None) == (binding.home is None):
            yield f"The device {binding.device} must be bound to a patient or to a home, and not to both."
        if binding.home is not None and not binding.place:
            yield f"The device {binding.device} is bound to a home: say its place there (front door, bed, ...)."
        if binding.from_.tzinfo is None:
            yield f"The binding of {binding.device} needs a time zone in `from`, such as 2026-01-31T12:00:00Z."
