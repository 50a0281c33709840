"""A list of people into the database, all of it or nothing. What it says nothing about stays as it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zlib import crc32

import psycopg

from devices.wire.topics import BUCKETS
from server.store import persons, queries, signals
from server.store.people_list import Listed, refuse
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("importing")
FIELDS: Final = ("name", "born_on", "pathway", "municipality", "phone", "lives_alone", "protection")
KEPT_WHEN_EMPTY: Final = ("municipality", "phone", "lives_alone", "protection")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Stands:
    """Who is here already."""

    id: int
    team: int
    home: int | None
    fields: Mapping[str, Any]
    ended: bool
    virtual: bool


def load(
    conn: psycopg.Connection, listed: Sequence[Listed], seals: Seals, now: datetime, *, dry_run: bool = False
) -> Counter[str]:
    """How much was new or different. PeopleError: every line that cannot be imported. A dry run does everything, and
    takes it back."""
    with conn.transaction(force_rollback=dry_run):
        conn.execute(SQL["hold"])
        standing = _standing(conn, listed)
        teams: dict[str, int] = dict(conn.execute(SQL["teams"]).fetchall())
        refuse(list(_wrong(conn, listed, standing, teams, seals)))
        changed = _municipalities(conn, listed, teams)
        homes = _homes(conn, listed, teams, now, changed)
        for each in listed:
            patient = _patient(conn, each, standing.get(each.reference), teams, homes, changed, now)
            if each.number is not None:
                changed["numbers"] += _number(conn, seals, patient, each, now)
        signals.send(conn, signals.Channel.ENROLMENT)
    return changed


def staff(conn: psycopg.Connection) -> list[tuple[str, str, bool, str]]:
    """Login, name, whether it opens anything, and teams with roles."""
    return conn.execute(SQL["staff"]).fetchall()


def end_staff(conn: psycopg.Connection, login: str) -> bool:
    """False: nobody who can log in has that login."""
    return conn.execute(SQL["end_staff"], {"login": login}).fetchone() == (1,)


def _standing(conn: psycopg.Connection, listed: Sequence[Listed]) -> dict[str, _Stands]:
    found = {}
    references = [each.reference for each in listed]
    for row in conn.execute(SQL["patients"], {"references": references}):
        reference, id_, name, born_on, pathway, team, home, municipality, phone, alone, protection, why, virtual = row
        values = (name, born_on, pathway, municipality, phone, alone, protection)
        fields = dict(zip(FIELDS, values, strict=True))
        found[reference] = _Stands(id=id_, team=team, home=home, fields=fields, ended=why is not None, virtual=virtual)
    return found


def _wrong(
    conn: psycopg.Connection,
    listed: Sequence[Listed],
    standing: Mapping[str, _Stands],
    teams: Mapping[str, int],
    seals: Seals,
) -> Any:
    known = {number for (number,) in conn.execute(SQL["municipalities"])}
    known |= {each.municipality for each in listed if each.municipality and each.municipality_name}
    homes = {name: team for name, _, team, _ in _homes_named(conn, listed, None)}
    addressed = {each.home for each in listed if each.home and each.address}
    for each in listed:
        stands = standing.get(each.reference)
        for sentence in _wrong_with(each, stands, teams, known, homes, addressed):
            yield f"Line {each.line}: {sentence}"
        if each.number is not None and (sentence := _wrong_number(conn, seals, each, stands)):
            yield f"Line {each.line}: {sentence}"


def _wrong_with(
    each: Listed,
    stands: _Stands | None,
    teams: Mapping[str, int],
    known: set[str],
    homes: Mapping[str, int],
    addressed: set[str],
) -> Any:
    team = teams.get(each.team)
    if team is None:
        yield "there is no such team: load it first, or write the team as it is named here."
    if stands is not None and stands.ended:
        yield "this patient has ended or was merged: leave the line out."
    if stands is not None and team is not None and stands.team != team:
        yield "this patient is another team's: hand the patient over there, and import again."
    if each.municipality is not None and each.municipality not in known:
        yield "this municipality is not known: write its name in the column kommune."
    if each.home is not None and each.home not in homes and each.home not in addressed:
        yield "this home is new: write its address."
    if each.home is not None and homes.get(each.home, team) != team:
        yield "this home is another team's: write the home where the patient lives."
    if each.address is not None and each.home is None:
        yield "there is an address but no home: name the home."


def _wrong_number(conn: psycopg.Connection, seals: Seals, each: Listed, stands: _Stands | None) -> str | None:
    assert each.number is not None
    if each.number.synthetic and not (stands is not None and stands.virtual):
        return "the national identity number is one for tests: only a virtual patient can have it."
    whose = conn.execute(SQL["number_of"], {"lookup": seals.lookup(each.number.digits)}).fetchone()
    if whose is not None and (stands is None or whose[0] != stands.id):
        return "somebody else here has this national identity number: look whether they are one person."
    return None


def _municipalities(conn: psycopg.Connection, listed: Sequence[Listed], teams: Mapping[str, int]) -> Counter[str]:
    changed: Counter[str] = Counter()
    named = {each.municipality: each.municipality_name for each in listed if each.municipality_name}
    for number, name in sorted((number, name) for number, name in named.items() if number):
        changed["municipalities"] += conn.execute(SQL["put_municipality"], {"number": number, "name": name}).rowcount
    for number, team in sorted({(each.municipality, each.team) for each in listed if each.municipality}):
        conn.execute(SQL["put_municipality_team"], {"number": number, "team": teams[team]})
    return changed


def _homes_named(
    conn: psycopg.Connection, listed: Sequence[Listed], now: datetime | None
) -> list[tuple[str, int, int, str]]:
    names = sorted({each.home for each in listed if each.home})
    return conn.execute(SQL["homes"], {"names": names, "now": now}).fetchall()


def _homes(
    conn: psycopg.Connection,
    listed: Sequence[Listed],
    teams: Mapping[str, int],
    now: datetime,
    changed: Counter[str],
) -> dict[str, int]:
    """By name. The last address that the list says of a home counts."""
    found = {name: (id_, address) for name, id_, _, address in _homes_named(conn, listed, now)}
    wanted = {each.home: each for each in listed if each.home and each.address}
    for name, each in sorted(wanted.items()):
        if name not in found:
            given = {"name": name, "address": each.address, "team": teams[each.team], "bucket": bucket_of(name)}
            row = conn.execute(SQL["add_home"], given).fetchone()
            assert row is not None and each.address is not None
            found[name] = (row[0], each.address)
            changed["homes"] += 1
        elif found[name][1] != each.address:
            conn.execute(SQL["say_address"], {"home": found[name][0], "address": each.address, "now": now})
            changed["addresses"] += 1
    return {name: id_ for name, (id_, _) in found.items()}


def bucket_of(name: str) -> int:
    """Any will do, as long as it stays."""
    return crc32(name.encode()) % BUCKETS


def _patient(
    conn: psycopg.Connection,
    each: Listed,
    stands: _Stands | None,
    teams: Mapping[str, int],
    homes: Mapping[str, int],
    changed: Counter[str],
    now: datetime,
) -> int:
    said = {name: getattr(each, name) for name in FIELDS}
    home = homes[each.home] if each.home is not None else None
    if stands is None:
        given = {**said, "reference": each.reference, "team": teams[each.team], "home": home}
        row = conn.execute(SQL["add_patient"], given).fetchone()
        assert row is not None
        changed["new patients"] += 1
        return int(row[0])
    said |= {name: stands.fields[name] for name in KEPT_WHEN_EMPTY if said[name] is None}
    home = stands.home if home is None else home
    differs = sorted(name for name in FIELDS if said[name] != stands.fields[name])
    differs += ["home"] if home != stands.home else []
    if differs:
        conn.execute(SQL["set_patient"], {**said, "home": home, "patient": stands.id})
        detail: dict[str, Any] = dict.fromkeys(differs)
        persons.remember(conn, stands.id, "details", by=None, now=now, reason="import", detail=detail)
        changed["changed patients"] += 1
    return stands.id


def _number(conn: psycopg.Connection, seals: Seals, patient: int, each: Listed, now: datetime) -> bool:
    assert each.number is not None
    lookup = seals.lookup(each.number.digits)
    row = conn.execute(SQL["lookup_of"], {"patient": patient}).fetchone()
    if row is not None and row[0] == lookup:
        return False
    sealed = seals.seal(each.number.digits, lookup, Purpose.NUMBERS)
    given = {"patient": patient, "lookup": lookup, "sealed": sealed, "by": None}
    conn.execute(persons.SQL["set_number"], {**given, "now": now})
    told = {"type": str(each.number.type)}
    persons.remember(conn, patient, "number", by=None, now=now, reason="import", detail=told)
    return True
