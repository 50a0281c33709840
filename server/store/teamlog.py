"""What the screens of a team are told, in a log without gaps: the counter is taken under the team's lock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import msgspec
import numpy as np
import psycopg

from server.store import queries, signals

SQL: Final = queries.load("alerts")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """`body` of an alert: {"ring": bool, "action": text, "rev": its own then}; of a gateway: {"gateway": its name}; of
    a patient who left the team or joined it: {"patient": id}; of a trial of the alarm path: {"proof": its number}."""

    team_id: int
    type: Literal["alert", "gateway", "duty", "left", "joined", "proof"]
    alert_id: int | None = None
    body: Mapping[str, object] = field(default_factory=dict)


def append(conn: psycopg.Connection, entries: Sequence[Entry], at: datetime) -> None:
    """The last thing that a transaction does: from here to its commit nobody else can write to these teams' logs."""
    if not entries:
        return
    ids = np.array(sorted({entry.team_id for entry in entries}), np.int32)
    heads: Counter[int] = Counter(dict(conn.execute(SQL["hold_teams"], {"ids": ids}).fetchall()))
    seqs = []
    for entry in entries:
        heads[entry.team_id] += 1
        seqs.append(heads[entry.team_id])
    parameters = {
        "at": at,
        "teams": np.array([entry.team_id for entry in entries], np.int32),
        "seqs": np.array(seqs, np.int64),
        "types": [entry.type for entry in entries],
        "alerts": np.array([entry.alert_id or 0 for entry in entries], np.int64),
        "bodies": [msgspec.json.encode(entry.body).decode() for entry in entries],
    }
    conn.execute(SQL["log"], parameters)
    conn.execute(SQL["move_heads"], {"ids": ids, "heads": np.array([heads[team] for team in ids.tolist()], np.int64)})
    for team in ids.tolist():
        signals.send(conn, signals.Channel.TEAM, team)
