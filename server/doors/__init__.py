"""How a broker is told who may come in: one module for each broker."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from server.store.enrolments import InForce

MONITORS: Final = "hv_monitor_"  # and a session's name; a gateway's name has no underscore
BROKER: Final = "hv_broker"
STREAM: Final = "$MQTT_msgs"  # where NATS keeps what clients of MQTT say with QoS 1
INBOX: Final = "_INBOX.monitor"  # where monitors are answered that pull from it


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """`standing`: certificates in force, by serial. `outsiders`: gateways that had one and have none. `revoked`: the
    signed list, in PEM; None: there is none yet. `is_listed`: everything that is revoked stands in it."""

    standing: Mapping[str, InForce]
    outsiders: Collection[str]
    revoked: str | None
    is_listed: bool


class Door(Protocol):
    """Called from one thread."""

    def open(self) -> None: ...
    def know(self, known: Known) -> None:
        """Whoever is inside and has no right to be is shown out."""
        ...

    def has_new_certificate(self) -> None: ...
    def close(self) -> None: ...
