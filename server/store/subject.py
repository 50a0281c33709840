"""Everything that is kept of one person, into a directory of files: what a person may ask the controller for (GDPR,
article 15) and take along (article 20).

Which tables are about a person is read from the database itself, so that a table that comes later is not forgotten.
"""

import csv
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg.sql import SQL as Sql
from psycopg.sql import Composable, Identifier

from devices.vocabulary import KINDS
from server.errors import SubjectError
from server.store import persons, pool, queries
from server.store.sealing import Seals

SQL: Final = queries.load("subject")
ABOUT: Final = "om.json"
PORTION: Final = 5000  # rows in memory

# What each file holds, for whoever gets it: Norwegian, as the letter that goes with it.
WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "access_log": "Hvem som har sett på eller endret opplysningene, når og hvorfor",
        "alarm_proof": "Daglige prøver av alarmveien hjemme",
        "alert": "Varsler",
        "alert_call": "Hvem som ble varslet om hvert varsel",
        "alert_history": "Hva som skjedde med hvert varsel, steg for steg",
        "alert_seen": "Når varsler ble sett av ansatte",
        "binding": "Hvilke sensorer som har målt for personen eller hjemmet, og når",
        "break_glass": "Nødåpninger: når noen utenfor teamet åpnet opplysningene, og hvorfor",
        "care_fact": "Opplysninger fra helsepersonell, som oksygen, foreskrevne områder og symptomer",
        "device": "Sensorene",
        "device_observation": "Målinger fra sensorer i hjemmet",
        "event": "Hendelser, som fall, alarmknapp, dører og røyk",
        "excuse": "Perioder der målinger ikke var ventet",
        "gateway": "Hjemmesentralen",
        "home": "Hjemmet",
        "home_access": "Adkomst til hjemmet (koder er utelatt)",
        "home_address": "Adresser, med når de gjaldt",
        "installation_protocol": "Protokoll fra montering av utstyr",
        "measurement_ask": "Nye målinger som ansatte har bedt om",
        "measuring_plan": "Planer for når det skal måles",
        "observation": "Alle målinger",
        "pairing_part": "Prøver av sensorer ved montering",
        "patient": "Hvem personen er",
        "patient_change": "Endringer av hvem personen er",
        "patient_limit": "Personlige grenser",
        "patient_record": "Pårørende, planer og kritisk informasjon",
        "recall": "Utstyr som skal hentes",
        "room_signal": "Dekning målt i rommene ved montering",
        "rule_setting": "Personlige regler for varsling",
        "snooze": "Varsler som ble utsatt",
        "stream_gap": "Perioder uten målinger",
        "trial": "Prøvealarmer ved montering",
    }
)
LEFT_OUT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "assessment": "a mark that something waits to be judged",
        "enrolment": "a box's certificate",
        "home_state": "what the rules hold in memory; it follows from events",
        "home_unsettled": "the same",
        "latest": "the newest readings again",
        "national_number": "opened, and said in om.json",
        "notice": "addresses of members of staff; alert_call says who was called",
        "observation_dirty": "a mark",
        "observation_hour": "counted from readings",
        "outage_gateway": "a line's, of many homes",
        "spark": "drawn from readings",
        "stream_state": "what the rules hold in memory; it follows from readings",
        "team_log": "the alerts again, as screens heard of them",
    }
)
# A member of staff's own telephone is not the person's to have.
NOT_THEIRS: Final = frozenset({("alert_call", "phone")})


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """`patients`: more than one when two were found to be one person."""

    patients: list[int]
    homes: list[int]
    name: str


@dataclass(kw_only=True, slots=True)
class Staff:
    """`met`: whose numbers stood in the rows; nobody else is named."""

    columns: frozenset[tuple[str, str]]
    met: set[int] = field(default_factory=set)

    def look(self, table: str, columns: list[str], row: tuple[Any, ...]) -> None:
        here = zip(columns, row, strict=True)
        self.met |= {int(value) for name, value in here if value is not None and (table, name) in self.columns}


def export(
    dsn: str, reference: str, target: Path, *, by: str, reason: str, seals: Seals | None, now: datetime
) -> dict[str, int]:
    """Rows by table. Of one instant; the directory appears when all of it is written, for its owner alone."""
    if not reason.strip():
        raise SubjectError("Say why, with --reason: the export stands in the access log.")
    with closing(pool.connect(dsn, name="subject")) as conn, _aside(target.absolute()) as aside:
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with conn.transaction():
            subject = _find(conn, reference)
            _remember(conn, subject, by=by, reason=reason, now=now)
            staff = Staff(columns=frozenset(conn.execute(SQL["staff_columns"]).fetchall()))
            counted = {
                table: _write(conn, aside, table, columns, subject, staff) for table, columns in tables(conn).items()
            }
            about = _about(conn, subject, staff, seals) | {"reference": reference, "made_at": now.isoformat()}
        _write_json(aside / ABOUT, about)
        (aside / "LES MEG.txt").write_text(_letter(counted), encoding="utf-8")
        aside.rename(target)
    return counted


def tables(conn: psycopg.Connection) -> dict[str, list[str]]:
    """Those that are about a person, with the columns that are told. What is sealed is not."""
    found = {}
    for table, columns, types in conn.execute(SQL["columns"]).fetchall():
        told = [name for name, type_ in zip(columns, types, strict=True) if type_ != "bytea"]
        told = [name for name in told if (table, name) not in NOT_THEIRS]
        if _where(table, columns) is not None and table not in LEFT_OUT:
            found[table] = told
    return found


def _where(table: str, columns: list[str]) -> Composable | None:
    """None: it is about nobody in particular."""
    ours = Sql("select id from alert where patient_id = any(%(patients)s)")
    at_home = Sql(" or (patient_id is null and home_id = any(%(homes)s))")
    if table == "patient":
        return Sql("id = any(%(patients)s)")
    if table == "home":
        return Sql("id = any(%(homes)s)")
    if table == "device":
        return Sql("id in (select device_id from binding where patient_id = any(%(patients)s)") + at_home + Sql(")")
    if table == "access_log":
        boards = Sql(" or roster_id in (select id from roster where patients && %(patients)s::int[])")
        return Sql("patient_id = any(%(patients)s)") + boards
    if "patient_id" in columns:
        own = Sql("(patient_id = any(%(patients)s)")
        return own + (at_home if "home_id" in columns else Sql("")) + Sql(")")
    if "alert_id" in columns:
        return Sql("alert_id in (") + ours + at_home + Sql(")")
    return Sql("home_id = any(%(homes)s)") if "home_id" in columns else None


def _find(conn: psycopg.Connection, reference: str) -> Subject:
    row = conn.execute(SQL["who"], {"reference": reference}).fetchone()
    if row is None:
        raise SubjectError(f"There is no patient with the reference {reference}.")
    return Subject(patients=row[0], homes=row[1] or [], name=row[2])


def _remember(conn: psycopg.Connection, subject: Subject, *, by: str, reason: str, now: datetime) -> None:
    row = conn.execute(SQL["staff"], {"login": by}).fetchone()
    if row is None:
        raise SubjectError(f"Nobody who works here has the login {by}: say with --by who exports.")
    what = f"exports everything that is kept: {reason.strip()}"
    conn.execute(SQL["exported"], {"staff": row[0], "patients": subject.patients, "what": what, "now": now})


def _write(
    conn: psycopg.Connection, aside: Path, table: str, columns: list[str], subject: Subject, staff: Staff
) -> int:
    """CSV, for whatever opens a table; each cell as the database writes it: times in UTC, structures as JSON."""
    where = _where(table, columns)
    assert where is not None
    chosen = Sql(", ").join(Sql("{}::text").format(Identifier(name)) for name in columns)
    question = Sql("select {} from {} where {} order by 1, 2").format(chosen, Identifier(table), where)
    with (
        (aside / f"{table}.csv").open("w", encoding="utf-8", newline="") as file,
        conn.cursor(name="subject") as cursor,
    ):
        cursor.itersize = PORTION
        sheet = csv.writer(file)
        sheet.writerow(columns)
        rows = 0
        for row in cursor.execute(question, {"patients": subject.patients, "homes": subject.homes}):
            staff.look(table, columns, row)
            sheet.writerow(row)
            rows += 1
    return rows


def _about(conn: psycopg.Connection, subject: Subject, staff: Staff, seals: Seals | None) -> dict[str, Any]:
    """What the numbers in the rows stand for."""
    opened = [persons.number(conn, seals, each) for each in subject.patients] if seals is not None else []
    kinds = {facts.number: {"kind": kind, "loinc": facts.loinc, "unit": facts.ucum} for kind, facts in KINDS.items()}
    return {
        "name": subject.name,
        "national_numbers": [number for number in opened if number is not None],
        "staff": dict(conn.execute(SQL["names"], {"staff": sorted(staff.met)}).fetchall()),
        "kinds": kinds,
    }


def _letter(counted: Mapping[str, int]) -> str:
    lines = [f"{table}.csv: {WORDS[table]} ({rows})" for table, rows in counted.items() if rows]
    return (
        "Alt Hjemvakt har om én person. Tider er i UTC. om.json sier hva numrene står for.\n\n"
        + "\n".join(lines)
        + "\n"
    )


def _write_json(file: Path, content: object) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@contextmanager
def _aside(target: Path) -> Iterator[Path]:
    """Beside the target, only for its owner; gone when it did not become the target."""
    try:
        if target.exists():
            raise SubjectError(f"{target} is there already, and nothing is ever overwritten: name a new directory.")
        aside = Path(tempfile.mkdtemp(prefix=f"{target.name}.half-made-", dir=target.parent))
    except OSError as error:
        raise SubjectError(f"Cannot write in {target.parent}: {error.strerror}.") from error
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
