"""Connections: a checked pool for the api's requests; ingest, clock and listeners have connections of their own."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier
from psycopg_pool import ConnectionPool

from server.store import arrays

API_ROLE: Final = "hjemvakt_api"
POOL_MIN: Final = 2
POOL_MAX: Final = 8
WAITING_MAX: Final = 200  # requests that may wait for a connection; more are refused
WAIT_S: Final = 5.0
# Whoever falls asleep in a transaction lets go of its locks after that: every alert of a subject waits for its row.
# The server, too, notices a peer that vanished without a word: a clock on a machine without power must not lead on.
# On TimescaleDB late readings and re-filings change what is compressed, however much that is.
SESSION: Final = (
    "-c timezone=UTC -c idle_in_transaction_session_timeout=30s"
    " -c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=20000"
    " -c timescaledb.max_tuples_decompressed_per_dml_transaction=0"
)
# A peer that vanished without a word is noticed within half a minute.
ALIVE: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "connect_timeout": 5,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    }
)


def connect(dsn: str, *, name: str, autocommit: bool = False) -> psycopg.Connection:
    """A connection of a role's own; numpy columns can be its parameters. Sessions speak UTC."""
    conn = psycopg.connect(
        with_defaults(dsn), autocommit=autocommit, application_name=f"hjemvakt-{name}", options=SESSION
    )
    arrays.register(conn)
    return conn


def with_defaults(dsn: str) -> str:
    given = conninfo_to_dict(dsn)
    return make_conninfo(dsn, **{key: value for key, value in ALIVE.items() if key not in given})


def api_dsn(dsn: str, *, own_url: str | None) -> str:
    """As whom the api connects: its own URL; else the owner's, on which `api_pool` gives up the owner's rights."""
    return own_url or dsn


def api_pool(dsn: str, *, own_url: str | None = None, name: str = "api") -> ConnectionPool[psycopg.Connection]:
    """Closed: open it in the app's start. Every connection acts as the role that owns nothing (row-level security)."""
    return ConnectionPool(
        with_defaults(api_dsn(dsn, own_url=own_url)),
        kwargs={"application_name": f"hjemvakt-{name}", "options": SESSION},
        min_size=POOL_MIN,
        max_size=POOL_MAX,
        max_waiting=WAITING_MAX,
        timeout=WAIT_S,
        configure=act_as_api,
        check=ConnectionPool.check_connection,
        open=False,
        name=name,
    )


def act_as_api(conn: psycopg.Connection) -> None:
    """A session that is already the api's role stays as it is; an owner's session steps down to it."""
    arrays.register(conn)
    conn.execute(SQL("set role {}").format(Identifier(API_ROLE)))
    conn.commit()
