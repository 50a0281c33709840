"""A small town with two teams, as rows."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import psycopg
from argon2 import PasswordHasher
from psycopg.types.json import Jsonb

from devices.limits import Level
from devices.vocabulary import KINDS, EventType, Kind
from server.alerts import policy
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.detection.findings import Crossing, Evidence, LimitFinding
from server.store import alerts, arrays, signals, teamlog
from tests.integration.asked import Asked

PASSWORD = "a long sentence about nothing"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
EARLY = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Town:
    """Rows as the monitor and an administrator would have written them, by the owner of the database."""

    owner: str
    teams: dict[str, int] = field(default_factory=dict)
    staff: dict[str, int] = field(default_factory=dict)
    patients: dict[str, int] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)
    asked: Asked = field(init=False)

    def __post_init__(self) -> None:
        self.asked = Asked(self.owner, with_arrays=True)

    def connection(self) -> psycopg.Connection:
        conn = psycopg.connect(self.owner)
        arrays.register(conn)
        return conn

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.asked.sql(statement, *parameters)

    def let_go(self) -> None:
        """Of the connection, before its server goes."""
        self.asked.let_go()

    def one(self, statement: str, *parameters: Any) -> Any:
        return self.sql(statement, *parameters)[0][0]

    def add_team(self, name: str) -> None:
        self.teams[name] = self.one("insert into team (name) values (%s) returning id", name)

    def add_staff(self, login: str, **roles: str) -> None:
        """`roles`: team -> role."""
        insert = "insert into staff (login, name, initials, password_hash) values (%s, %s, %s, %s) returning id"
        name = login.capitalize()
        self.staff[login] = self.one(insert, login, name, name[:2].upper(), CHEAP.hash(PASSWORD))
        for team, role in roles.items():
            self.sql("insert into staff_team values (%s, %s, %s)", self.staff[login], self.teams[team], role)

    def add_patient(self, name: str, team: str, *, pathway: str = "kols", virtual: bool = False) -> None:
        """With a home of the same name, a gateway gw-<name> in it, and a device bound to the patient."""
        team_id, number = self.teams[team], len(self.patients) + 1
        home = "insert into home (name, address, team_id, bucket) values (%s, %s, %s, 0) returning id"
        self.homes[name] = self.one(home, name, f"Storgata {number}", team_id)
        patient = """insert into patient (reference, name, born_on, pathway, team_id, home_id, virtual)
                     values (%s, %s, %s, %s, %s, %s, %s) returning id"""
        row = (f"P-{number}", name, date(1940, 5, 17), pathway, team_id, self.homes[name], virtual)
        self.patients[name] = self.one(patient, *row)
        gateway = "insert into gateway (name, home_id, bucket, enrolled) values (%s, %s, 0, true)"
        self.sql(gateway, f"gw-{name}", self.homes[name])
        device = "insert into device (address, profile, first_heard_at) values (%s, 'oximeter', %s) returning id"
        self.devices[name] = self.one(device, f"AA:BB:CC:DD:EE:{number:02X}", EARLY)
        binding = "insert into binding (device_id, patient_id, valid_from) values (%s, %s, %s)"
        self.sql(binding, self.devices[name], self.patients[name], EARLY)

    def measure(
        self, name: str, kind: Kind, value: float | None, at: datetime, *, mode: int = 0, device: str | None = None
    ) -> None:
        """One reading, stored and told as the monitor does it."""
        row = {
            "patient": self.patients[name],
            "kind": KINDS[kind].number,
            "at": at,
            "device": self.devices[device or name],
            "value": value,
            "quality": 2 if value is None else 0,
            "mode": mode,
        }
        with self.connection() as conn:
            conn.execute("select observation_days(array[%(at)s]::timestamptz[])", row)
            conn.execute(
                """insert into observation values (%(patient)s, %(kind)s, %(at)s, 0, %(device)s, %(value)s, null, null,
                   1, %(quality)s, 0, 0, %(mode)s, %(at)s)""",
                row,
            )
            batch = conn.execute(
                """insert into latest values (%(patient)s, %(kind)s, %(at)s, %(value)s, %(quality)s, 0, %(mode)s, 0,
                   %(device)s, %(at)s, nextval('ingest_batch'))
                   on conflict (patient_id, kind) do update set taken_at = excluded.taken_at, value = excluded.value,
                   quality = excluded.quality, batch = excluded.batch returning batch""",
                row,
            ).fetchone()
            assert batch is not None
            signals.send(conn, signals.Channel.READINGS, batch[0])

    def press(self, name: str, event: EventType = EventType.SOS, *, at: datetime | None = None) -> int:
        """A call for help, raised as the monitor does it; the alert's id."""
        at = at or datetime.now(UTC)
        subject = patient_subject(self.patients[name], home=self.homes[name])
        with self.connection() as conn:
            held = alerts.hold(conn, [subject])
            standing = alerts.open_alerts(conn, held.values())
            finding = HelpCall(subject=subject, type=event, at=at, late=False)
            alerts.apply(conn, policy.decide(standing, [finding], at), at)
        return self.one(
            "select max(id) from alert where patient_id = %s and rule = %s", self.patients[name], f"call:{event}"
        )

    def desaturate(self, name: str, at: datetime) -> int:
        """Oxygen below the red limit, raised as the monitor does it; the alert's id."""
        patient = self.patients[name]
        evidence = Evidence(kind=Kind.SPO2, value=82, limit=88, level=Level.RED_LOW, direction="low", since=at)
        finding = LimitFinding(
            patient=patient,
            kind=Kind.SPO2,
            crossing=Crossing.BEGAN,
            direction="low",
            level=Level.RED_LOW,
            began=at,
            at=at,
            late=False,
            evidence=evidence,
        )
        with self.connection() as conn:
            held = alerts.hold(conn, [patient_subject(patient)])
            alerts.apply(conn, policy.decide(alerts.open_alerts(conn, held.values()), [finding], at), at)
        return self.one("select max(id) from alert where patient_id = %s and rule = 'limit:spo2:low'", patient)

    def gateway_says(self, name: str, state: str, **status: object) -> None:
        now = datetime.now(UTC)
        with self.connection() as conn:
            conn.execute(
                "update gateway set state = %s, state_since = %s, heard_at = %s, status = %s where name = %s",
                (state, now, now, Jsonb({"state": state, **status}), f"gw-{name}"),
            )
            team = conn.execute("select team_id from home where id = %s", (self.homes[name],)).fetchone()
            assert team is not None
            entry = teamlog.Entry(team_id=team[0], type="gateway", body={"gateway": f"gw-{name}"})
            teamlog.append(conn, [entry], now)

    def head(self, team: str) -> int:
        return self.one("select head from team where id = %s", self.teams[team])
