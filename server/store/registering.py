"""A patient comes in, with a home, by somebody's hand. After `sessions.identify`.

Whether the same person is here already is asked of the database: it knows patients whom the caller does not see, and
remembers of each that it was asked."""

import secrets
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import Connection

from server.clinical.here import HERE
from server.clinical.national_number import read
from server.errors import CareError, RegistrationError
from server.store import persons, queries, signals, teamlog
from server.store.importing import bucket_of
from server.store.sealing import Seals
from server.store.teamlog import Entry

SQL: Final = queries.load("registering")
BORN_FROM: Final = date(1900, 1, 1)
# Without what is mistaken for something else; not in order, for who knows one must not know the next.
LETTERS: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 6
TRIES: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Newcomer:
    """`reference` None: one is made. Either `home`, one of the team's, or the `address` of a new one."""

    name: str
    born_on: date
    pathway: str
    reference: str | None
    number: str | None = field(repr=False)
    municipality: str | None
    phone: str | None
    lives_alone: bool | None
    protection: str | None
    home: int | None
    address: str | None


class Double(NamedTuple):
    """Perhaps the same person. `by_number`: surely."""

    patient: int
    team: int
    name: str
    by_number: bool
    ended: bool


class HomeThere(NamedTuple):
    home: int
    name: str
    residents: int


def check(conn: Connection, team: int, who: Newcomer, now: datetime) -> None:
    """RegistrationError: what of it cannot be, before anything is looked up."""
    if not BORN_FROM <= who.born_on <= now.astimezone(HERE).date():
        raise RegistrationError("born", "The date of birth is before 1900 or has not come.")
    if (who.home is None) == (who.address is None):
        raise RegistrationError(
            "address", "Say where the patient lives: a new address, or a home that is here already."
        )
    if who.home is not None and _one(conn, "home_of_team", {"home": who.home, "team": team}) is not True:
        raise RegistrationError("home", "None of the team's homes has this number.")
    if who.reference is not None and _is_number(who.reference, now):
        raise RegistrationError("reference", "A national identity number is no reference: it has a field of its own.")
    if who.municipality is not None and not persons.is_municipality(conn, who.municipality):
        raise RegistrationError("municipality", f"There is no municipality {who.municipality} here.")
    if who.number is not None:
        try:
            persons.checked_number(who.number, who.born_on, virtual=False, now=now)
        except CareError as error:
            raise RegistrationError("number", str(error)) from None


def doubles(conn: Connection, seals: Seals | None, team: int, who: Newcomer, now: datetime) -> list[Double]:
    lookup = None
    if who.number is not None and seals is not None:
        lookup = seals.lookup(persons.checked_number(who.number, who.born_on, virtual=False, now=now).digits)
    given = {"team": team, "lookup": lookup, "name": who.name, "born_on": who.born_on, "now": now}
    return [Double._make(row) for row in conn.execute(SQL["doubles"], given)]


def homes_at(conn: Connection, team: int, address: str, now: datetime) -> list[HomeThere]:
    given = {"team": team, "address": address, "now": now}
    return [HomeThere._make(row) for row in conn.execute(SQL["homes_at"], given)]


def register(
    conn: Connection, seals: Seals | None, team: int, who: Newcomer, *, by: int, now: datetime, remark: str
) -> persons.Person:
    """Screens of the team see the patient at once, and whoever installs finds the home."""
    patient = _file(conn, team, who, now, remark)
    found = persons.person(conn, patient)
    assert found is not None, "it is one of the caller's own team"
    if who.number is not None:
        assert seals is not None, "a number without a key was refused before"
        persons.set_number(conn, seals, found, who.number, by=by, now=now, reason=remark)
    signals.send(conn, signals.Channel.ENROLMENT)
    teamlog.append(conn, [Entry(team_id=team, type="joined", body={"patient": patient})], now)
    return found


def _file(conn: Connection, team: int, who: Newcomer, now: datetime, remark: str) -> int:
    """A home is called by the reference: neither a name nor an address may stand in lists."""
    given = asdict(who) | {"team": team, "now": now, "remark": remark}
    for tried in range(TRIES):
        reference = who.reference or f"HV-{''.join(secrets.choice(LETTERS) for _ in range(LENGTH))}"
        new_home = f"Hjem {reference}" if tried == 0 else f"Hjem {reference} ({tried + 1})"
        named = {"reference": reference, "new_home": new_home, "bucket": bucket_of(new_home)}
        try:
            with conn.transaction():
                return int(_one(conn, "register", given | named))
        except psycopg.errors.UniqueViolation as error:
            if who.reference is not None and error.diag.constraint_name == "patient_reference_key":
                raise RegistrationError("reference_taken", "Another patient here has this reference.") from None
    raise RegistrationError("reference_taken", "No free reference was found: give one yourself.")


def _is_number(text: str, now: datetime) -> bool:
    try:
        read(text, now.astimezone(HERE).date())
    except CareError:
        return False
    return True


def _one(conn: Connection, name: str, given: dict[str, Any]) -> Any:
    row = conn.execute(SQL[name], given).fetchone()
    assert row is not None, "it always answers"
    return row[0]
