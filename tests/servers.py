"""The database server that tests use: the embedded one, or with `--timescale` one that the environment names."""

import os
from typing import Protocol
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

URL = "HJEMVAKT_TEST_TIMESCALE_URL"
_NAMED = os.environ.pop(URL, "")  # the program refuses settings that it does not know
API_ROLE = "hjemvakt_api"


class Server(Protocol):
    def dsn(self, *, user: str = ..., dbname: str = ...) -> str: ...


class NamedServer:
    """Not ours to start or stop; its user must be a superuser. Only databases made here are touched."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._given = conninfo_to_dict(url)

    def dsn(self, *, user: str = "", dbname: str = "") -> str:
        changed = {name: value for name, value in (("user", user), ("dbname", dbname)) if value}
        return make_conninfo(self._url, **changed)

    def let_the_api_in(self) -> None:
        """With the password of the URL, so that `dsn(user=...)` fits it."""
        with psycopg.connect(self.dsn(), autocommit=True) as conn:
            if conn.execute("select from pg_roles where rolname = %s", [API_ROLE]).fetchone() is None:
                conn.execute(SQL("create role {} login").format(Identifier(API_ROLE)))
            if password := self._given.get("password"):
                conn.execute(SQL("alter role {} password {}").format(Identifier(API_ROLE), Literal(str(password))))


def is_named() -> bool:
    return bool(_NAMED)


def named() -> NamedServer:
    assert _NAMED, f"{URL} has to name the server"
    server = NamedServer(_NAMED)
    server.let_the_api_in()
    return server


def create(server: Server, name: str) -> str:
    """An empty database with what the server needs in it; its DSN."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(SQL("create database {}").format(Identifier(name)))
    if isinstance(server, NamedServer):
        with psycopg.connect(server.dsn(dbname=name), autocommit=True) as conn:
            conn.execute("create extension if not exists timescaledb")
    return server.dsn(dbname=name)


def create_any(server: Server) -> tuple[str, str]:
    """Name and DSN."""
    name = f"empty_{uuid4().hex[:12]}"
    return name, create(server, name)


def make_template(server: Server, name: str) -> None:
    """Nobody may be in it when it is copied, TimescaleDB's own workers neither."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(SQL("alter database {} with allow_connections false").format(Identifier(name)))
        conn.execute("select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = %s", [name])


def copy(server: Server, template: str, name: str) -> None:
    """File by file: half the time of the usual way, which writes every block to the log as well."""
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        statement = SQL("create database {} template {} strategy file_copy")
        conn.execute(statement.format(Identifier(name), Identifier(template)))


def drop(server: Server, name: str) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as conn:
        conn.execute(SQL("drop database if exists {} with (force)").format(Identifier(name)))
