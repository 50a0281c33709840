"""Many screens ask for their board at once, as after a restart, while the database is slow to answer."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice

import httpx
import psycopg
import pytest

from server.api import board
from server.api.desk import Desk
from server.store.pool import api_pool

pytestmark = pytest.mark.integration
LIMIT_S = 60.0
CROWD = 20
AWAITING_VALUES = """select count(*) from pg_stat_activity
                     where datname = current_database() and wait_event_type = 'Lock' and query like '%%my_latest%%'"""


@contextmanager
def nobody_reads_values(town) -> Iterator[None]:
    with psycopg.connect(town.owner) as conn:
        conn.execute("lock table latest in access exclusive mode")
        yield
        conn.rollback()


def wait_until_stuck(town, boards: int) -> None:
    end = time.monotonic() + LIMIT_S
    while town.one(AWAITING_VALUES) < boards:
        assert time.monotonic() < end, f"only {town.one(AWAITING_VALUES)} boards are being built"
        time.sleep(0.02)


def ask(client: httpx.Client) -> httpx.Response:
    return client.get("/api/v1/board")


def test_only_a_few_boards_are_built_at_once_and_whoever_acknowledges_does_not_wait_for_them(api, town):
    kari, alert = api.signed_in("kari"), town.press("anna")
    with ThreadPoolExecutor(60) as threads:
        with nobody_reads_values(town):
            asked: list[Future[httpx.Response]] = [threads.submit(ask, kari) for _ in range(60)]
            wait_until_stuck(town, board.AT_ONCE)
            answer = kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1})
            assert answer.status_code == 200
            assert town.one(AWAITING_VALUES) == board.AT_ONCE
        pages = [each.result(LIMIT_S) for each in asked]
    assert {page.status_code for page in pages} == {200}
    assert {page.json()["alerts"][0]["state"] for page in pages} <= {"raised", "acknowledged"}


def test_more_than_may_wait_are_told_when_to_come_back(api, town, monkeypatch):
    monkeypatch.setattr(board, "WAITING_MAX", 1)
    kari = api.signed_in("kari")
    with ThreadPoolExecutor(board.AT_ONCE + CROWD) as threads:
        with nobody_reads_values(town):
            built = [threads.submit(ask, kari) for _ in range(board.AT_ONCE)]
            wait_until_stuck(town, board.AT_ONCE)
            more = [threads.submit(ask, kari) for _ in range(CROWD)]
            refused = [each.result() for each in islice(as_completed(more, LIMIT_S), CROWD - 1)]
        answers = [each.result(LIMIT_S).status_code for each in (*built, *more)]
    assert {(each.status_code, each.headers["Retry-After"]) for each in refused} == {(503, "5")}
    assert "try again" in refused[0].json()["detail"]
    assert Counter(answers) == {200: board.AT_ONCE + 1, 503: CROWD - 1}


async def test_the_bound_holds_when_all_ask_at_the_same_moment(database, monkeypatch):
    monkeypatch.setattr(board, "WAITING_MAX", 1)
    boards = board.Boards()
    with api_pool(database.owner) as pool:
        desk = Desk(pool=pool, now=lambda: datetime.now(UTC))
        asked = [boards.build(desk, None) for _ in range(CROWD)]
        refused = await asyncio.gather(*asked, return_exceptions=True)
        (later,) = await asyncio.gather(boards.build(desk, None), return_exceptions=True)
    assert Counter(each.status for each in refused) == {401: board.AT_ONCE + 1, 503: CROWD - board.AT_ONCE - 1}
    assert later.status == 401, "those that were told to come back have left nothing behind"
