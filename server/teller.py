"""Of several monitors one tells gateways what they have to know, by a session of MQTT of its own: a broker retains
nothing for clients of another protocol."""

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import psycopg

from server.doors import MONITORS
from server.inlet import BrokerAddress, Session
from server.own_certificate import Proof
from server.store.arrival import Arrival
from server.store.publisher import Line, Publisher, Tally
from server.store.standby import Standby

STOP_LIMIT_S: Final = 10.0
LOOK_S: Final = 2.0  # whether it is still our turn: the lock goes with the connection


class Teller(Standby):
    name = "teller"
    lock = 0x686A656D74656C6C  # "hjemtell"

    def __init__(
        self,
        *,
        dsn: str,
        now: Callable[[], datetime],
        addresses: Sequence[BrokerAddress],
        publisher: Callable[[Line], Publisher],
    ) -> None:
        super().__init__(dsn=dsn, now=now)
        self._addresses, self._make = addresses, publisher
        self._client_id = f"{MONITORS}{self.name}"
        self._proof = Proof(dsn=dsn, name=self._client_id, now=now)
        self._publisher: Publisher | None = None
        self._thread = threading.Thread(target=self.run, name=self.name, daemon=True)

    @property
    def tally(self) -> Tally:
        """Since it last was our turn."""
        return Tally() if self._publisher is None else self._publisher.tally

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        super().stop()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)

    def work(self, conn: psycopg.Connection) -> None:
        session = Session(*self._addresses, client_id=self._client_id, channels=(), take=_nothing, tls=self._proof)
        publisher = self._publisher = self._make(session)
        session.start()
        publisher.start()
        try:
            while not self._stopping.wait(LOOK_S):
                conn.execute("select 1")
        finally:
            publisher.stop()
            session.stop()


def _nothing(_: Arrival) -> None:
    """It has asked to hear nothing."""
