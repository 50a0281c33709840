"""TimescaleDB compresses old days by a job of its own. Where that job does not come to it, the clock role asks for it.

TimescaleDB 2.28.3 on PostgreSQL 15.20 ends each of its jobs with 'cannot drop portal "" while it is being set up',
though the same work is done for whoever calls it. Nothing but the growing disk would tell.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

import psycopg

from server.store import queries

SQL: Final = queries.load("columnstore")
OVERDUE: Final = timedelta(days=8)  # a day after the job has them compressed (migration 0006)

log = logging.getLogger(__name__)


def compress_overdue(conn: psycopg.Connection, now: datetime) -> bool:
    """Whether there was something. `conn` is in autocommit mode: the job commits day by day."""
    if conn.execute(SQL["is_here"]).fetchone() != (True,):
        return False
    jobs = conn.execute(SQL["overdue"], {"before": now - OVERDUE}).fetchall()
    for (job,) in jobs:
        log.warning("TimescaleDB's job %d has not compressed days that are due: it is run by us", job)
        try:
            conn.execute(SQL["run"], {"job": job})
        except psycopg.Error as error:
            if conn.closed:
                raise
            log.warning("TimescaleDB's job %d fails: %s", job, " ".join(str(error).split()))
    return bool(jobs)
