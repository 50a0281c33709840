"""Who is called outside of the screens, as rows: each person once on each way, and the next way later."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from server.store import arrays, notices, sessions
from server.store.notices import Call
from tests.conftest import Database

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 2, 2, 10, tzinfo=UTC)


def add_way(town: Any, login: str, way: str, address: str, **more: object) -> int:
    """As its owner added and confirmed it."""
    row = {"lane": way, "keys": '{"p256dh": "x", "auth": "y"}' if way == "push" else None, "confirmed_at": NOW} | more
    columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
    insert = f"insert into staff_way (staff_id, way, address, added_at, {columns}) values (%s, %s, %s, %s, {marks})"  # noqa: S608
    return town.one(f"{insert} returning id", town.staff[login], way, address, NOW, *row.values())


def call(town: Any, *calls: Call, now: datetime = NOW) -> int:
    with town.connection() as conn:
        return notices.call(conn, calls, now)


def made(town: Any) -> list[tuple[Any, ...]]:
    return town.sql("select staff_id, phone, way, due_at - made_at from notice order by id")


def test_a_person_is_called_on_the_first_way_at_once_and_on_the_next_a_minute_later(town: Any) -> None:
    kari = town.staff["kari"]
    for way, address in (("email", "kari@example.org"), ("sms", "+4790000001"), ("push", "https://push.example/1")):
        add_way(town, "kari", way, address)
    add_way(town, "kari", "push", "https://push.example/2")
    alert = town.press("anna", at=NOW)
    assert call(town, Call(alert=alert, rev=1, step=0, staff=kari)) == 4
    assert made(town) == [
        (kari, None, "push", timedelta(0)),
        (kari, None, "push", timedelta(0)),
        (kari, None, "sms", timedelta(seconds=60)),
        (kari, None, "email", timedelta(seconds=120)),
    ]


def test_the_same_step_calls_nobody_twice_and_the_next_step_calls_again(town: Any) -> None:
    add_way(town, "kari", "sms", "+4790000001")
    alert = town.press("anna", at=NOW)
    first = Call(alert=alert, rev=1, step=0, staff=town.staff["kari"])
    number = Call(alert=alert, rev=1, step=3, phone="+4790000009")
    assert [call(town, first, number), call(town, first, number)] == [2, 0]
    assert call(town, Call(alert=alert, rev=1, step=4, staff=town.staff["kari"])) == 1


@pytest.mark.parametrize(
    "column", ["enabled = false", "confirmed_at = null", "broken_since = now()", "removed_at = now()"]
)
def test_nobody_is_called_on_a_way_that_does_not_hold(town: Any, column: str) -> None:
    add_way(town, "kari", "sms", "+4790000001")
    town.sql(f"update staff_way set {column}")  # noqa: S608
    assert call(town, Call(alert=town.press("anna", at=NOW), rev=1, step=0, staff=town.staff["kari"])) == 0


def test_a_nurse_who_releases_an_alert_calls_a_colleague_without_seeing_the_number(
    town: Any, database: Database
) -> None:
    add_way(town, "ola", "sms", "+4790000002")
    alert = town.press("anna", at=NOW)
    with psycopg.connect(database.api) as conn:
        arrays.register(conn)
        sessions.identify(conn, town.staff["kari"])
        assert notices.call(conn, [Call(alert=alert, rev=1, step=1, staff=town.staff["ola"])], NOW) == 1
        assert conn.execute("select count(*) from staff_way").fetchone() == (0,)
        assert conn.execute("select count(*) from notice").fetchone() == (0,), "the call is its receiver's"


def test_what_one_sender_is_taking_does_not_hold_up_another(town: Any) -> None:
    """Whoever waited for its locks would fail here after a second."""
    add_way(town, "kari", "sms", "+4790000001")
    add_way(town, "ola", "sms", "+4790000002")
    alert, later = town.press("anna", at=NOW), NOW + timedelta(minutes=1)
    call(town, *(Call(alert=alert, rev=1, step=0, staff=town.staff[login]) for login in ("kari", "ola")))

    def claims(conn: psycopg.Connection, most: int) -> list[int | None]:
        conn.execute("set local lock_timeout = '1s'")
        return [each.staff_id for each in notices.claim(conn, "sms", NOW, until=later, most=most)]

    with town.connection() as first, town.connection() as second:
        taken = claims(first, 1)
        assert len(taken) == 1
        assert sorted([*taken, *claims(second, 9)]) == sorted(town.staff[login] for login in ("kari", "ola"))
    with town.connection() as third:
        assert claims(third, 9) == []


def test_nobody_is_called_about_a_patient_of_another_team(town: Any, database: Database) -> None:
    add_way(town, "kari", "sms", "+4790000001")
    alert = town.press("berta", at=NOW)
    with psycopg.connect(database.api) as conn:
        arrays.register(conn)
        sessions.identify(conn, town.staff["kari"])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            notices.call(conn, [Call(alert=alert, rev=1, step=0, staff=town.staff["kari"])], NOW)
