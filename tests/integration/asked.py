"""Statements by the owner of a test database, on a connection that is kept: to open one costs more than most do."""

from typing import Any

import psycopg
from psycopg.pq import ExecStatus

from server.store import arrays


class Asked:
    """Each statement is a transaction of its own. Let go before the server goes. `with_arrays`: of numpy."""

    def __init__(self, dsn: str, *, with_arrays: bool = False) -> None:
        self.dsn = dsn
        self._with_arrays = with_arrays
        self._kept: psycopg.Connection | None = None

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        if self._kept is None:
            self._kept = psycopg.connect(self.dsn, autocommit=True, prepare_threshold=None)
            if self._with_arrays:
                arrays.register(self._kept)
        cursor = self._kept.execute(statement.encode(), parameters)
        assert cursor.pgresult is not None
        return cursor.fetchall() if cursor.pgresult.status == ExecStatus.TUPLES_OK else []

    def let_go(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
