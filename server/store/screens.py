"""The teams' logs as the live screens read them, and the receipts that they give. After `sessions.identify`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries

SQL: Final = queries.load("screens")
SEEN: Final = "hjemvakt_seen"
ALERTS_PER_NOTIFY: Final = 100  # a payload has at most 8000 bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRow:
    seq: int
    type: str
    alert_id: int | None
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenAlerts:
    """What a notification on SEEN says: these alerts of the team were on one more screen."""

    team: int
    alerts: Sequence[int]

    def payload(self) -> str:
        return f"{self.team}:{','.join(map(str, self.alerts))}"

    @classmethod
    def parse(cls, payload: str) -> "SeenAlerts":
        team, _, alerts = payload.partition(":")
        return cls(team=int(team), alerts=[int(each) for each in alerts.split(",")])


def after(conn: Connection, team: int, seq: int, *, limit: int) -> list[LogRow]:
    with conn.cursor(row_factory=class_row(LogRow)) as cursor:
        return cursor.execute(SQL["after"], {"team": team, "after": seq, "limit": limit}).fetchall()


def see(conn: Connection, alerts: Collection[int], *, screen: str, now: datetime) -> list[SeenAlerts]:
    """What was told to every api process; the alerts that this screen had shown before are not in it."""
    given = {"alerts": sorted(alerts), "screen": screen, "now": now}
    fresh: dict[int, list[int]] = {}
    for alert, team in conn.execute(SQL["see"], given):
        fresh.setdefault(team, []).append(alert)
    told = [
        SeenAlerts(team=team, alerts=seen[start : start + ALERTS_PER_NOTIFY])
        for team, seen in fresh.items()
        for start in range(0, len(seen), ALERTS_PER_NOTIFY)
    ]
    for some in told:
        conn.execute(SQL["tell_seen"], {"payload": some.payload()})
    return told


def seen_on(conn: Connection, alerts: Collection[int]) -> dict[int, int]:
    return dict(conn.execute(SQL["seen_on"], {"alerts": list(alerts)}).fetchall())
