"""What the heartbeat says about the gateway and its devices, and in which words a person reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from devices.wire.columns import to_millis
from devices.wire.messages import Answer, DeviceHealth, Lane, LinkState, NearbyDevice, Status, Upgrade

LONGEST_TROUBLE: Final = 200
MOST_TROUBLES: Final = 20
LONGEST_MODEL: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceReport:
    """`refused`: how many times its bytes broke the specification. `model`: as the device says it."""

    device: str
    state: str
    seen_at: datetime | None = None
    rssi_dbm: int | None = None
    battery_percent: int | None = None
    refused: int = 0
    model: str = ""
    bonded: bool | None = None


class Troubles:
    """What is wrong now, one sentence for each subject; a subject's new sentence replaces its old one."""

    def __init__(self) -> None:
        self._sentences: dict[str, str] = {}

    def begin(self, subject: str, sentence: str) -> bool:
        """True if this is news, and worth a line in the log."""
        is_news = self._sentences.get(subject) != sentence
        self._sentences[subject] = sentence
        return is_news

    def end(self, subject: str) -> bool:
        return self._sentences.pop(subject, None) is not None

    def __contains__(self, subject: str) -> bool:
        return subject in self._sentences

    def sentences(self) -> list[str]:
        return list(self._sentences.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Self:
    """Who speaks. `run` is a random id of this run of the agent."""

    gateway: str
    outbox: str
    run: str
    version: str
    every_s: float


def status(
    me: Self,
    state: LinkState,
    *,
    at: datetime,
    waiting: Mapping[Lane, int],
    set_aside: int,
    devices: Iterable[DeviceReport],
    troubles: Iterable[str],
    hello: bool,
    config: int = 0,
    config_refused: str = "",
    done: Iterable[str] = (),
    answers: Iterable[Answer] = (),
    orders: bool = False,
    upgrade: Upgrade | None = None,
    certificate: str = "",
    listening_until: datetime | None = None,
    nearby: Iterable[NearbyDevice] = (),
) -> Status:
    """`config` and what follows: as in Status."""
    return Status(
        gateway=me.gateway,
        state=state,
        outbox=me.outbox,
        started=me.run,
        at=to_millis(at),
        hello=hello,
        every_s=me.every_s,
        version=me.version,
        waiting_alarm=waiting.get(Lane.ALARM, 0),
        waiting_bulk=waiting.get(Lane.BULK, 0),
        set_aside=set_aside,
        devices=[_health(device) for device in devices],
        troubles=[trouble[:LONGEST_TROUBLE] for trouble in troubles][:MOST_TROUBLES],
        config=config,
        config_refused=config_refused,
        done=list(done),
        answers=list(answers),
        orders=orders,
        upgrade=upgrade,
        certificate=certificate,
        listening_until=None if listening_until is None else to_millis(listening_until),
        nearby=list(nearby),
    )


def last_will(me: Self) -> Status:
    return Status(gateway=me.gateway, state=LinkState.LOST, outbox=me.outbox, started=me.run, every_s=me.every_s)


def _health(device: DeviceReport) -> DeviceHealth:
    return DeviceHealth(
        device=device.device,
        state=device.state,
        seen_at=None if device.seen_at is None else to_millis(device.seen_at),
        rssi_dbm=None if device.rssi_dbm is None else max(-127, min(20, device.rssi_dbm)),
        battery_percent=device.battery_percent,
        refused=device.refused,
        model=device.model[:LONGEST_MODEL],
        bonded=device.bonded,
    )
