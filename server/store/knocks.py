"""How often somebody may try what could be guessed, counted in the database: one count for all api processes.

A transaction of its own: the refusal of what was tried must not take the count back.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from psycopg import Connection

from server.store import queries

SQL: Final = queries.load("knocks")


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """`most` tries within a sliding window."""

    name: str
    most: int
    within: timedelta


# By address: each asks the identity provider something, and a whole town hall may come from one address.
PROVIDER: Final = Door(name="provider", most=200, within=timedelta(minutes=5))
# By login and address: who guesses from elsewhere locks no nurse out.
SIGN_IN: Final = Door(name="sign-in", most=5, within=timedelta(minutes=5))
# By staff member. A guess at a code that an app shows is right in three of a million: that is one day in 1,400.
CODE: Final = Door(name="code", most=10, within=timedelta(hours=1))
PASSWORD: Final = Door(name="password", most=5, within=timedelta(minutes=5))
# A technician prepares many boxes at one address; each waits with its ticket, which is not counted.
ENROLMENT: Final = Door(name="enrolment", most=60, within=timedelta(minutes=5))
ENROLMENTS: Final = Door(name="enrolments", most=600, within=timedelta(minutes=5))  # of everybody together
# By certificate, and only of who has shown its key.
RENEWAL: Final = Door(name="renewal", most=30, within=timedelta(hours=1))
# By staff member: whoever asks so often whether somebody is here asks for something else than to register.
REGISTRATION: Final = Door(name="registration", most=60, within=timedelta(hours=1))
EMERGENCY: Final = Door(name="emergency", most=5, within=timedelta(minutes=5))


def knock(conn: Connection, door: Door, who: tuple[str, ...], now: datetime) -> int | None:
    """None: go on, and this try is counted. Else the seconds to wait; it is refused, and does not count."""
    given = {"key": _key(door, who), "most": door.most, "within": door.within, "now": now}
    row = conn.execute(SQL["knock"], given).fetchone()
    assert row is not None, "a function answers"
    return None if row[0] is None else ceil(row[0])


def opened(conn: Connection, door: Door, who: tuple[str, ...]) -> None:
    conn.execute(SQL["opened"], {"key": _key(door, who)})


def _key(door: Door, who: tuple[str, ...]) -> bytes:
    return hashlib.sha256("\0".join((door.name, *who)).encode()).digest()
