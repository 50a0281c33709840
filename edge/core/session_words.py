"""What happens to one connectable device, and what is to be done about it: the words between session and shell."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from devices.profiles import racp


class State(Enum):
    """The value is the word in the status."""

    AWAY = "not heard"
    WANTED = "waiting for a connection"
    CONNECTING = "connecting"
    SETTING_UP = "setting up"
    FETCHING = "fetching records"
    LISTENING = "connected"
    LEAVING = "disconnecting"


class Event(Enum):
    """`SEEN`: it advertises. `ADMITTED`: the schedule gives it a place. `DONE`: the last command succeeded; `MISSING`:
    the device has no such characteristic; `REFUSED`: it wants an encrypted link, or does not know our key; `CUT`: it
    ended the link before anything could be said; `FAILED`: anything else. `NOT_KEPT`: our own disk could not take the
    record. `YIELD`: another one needs the place more. `LEFT`: the link is down and cleaned up."""

    SEEN = auto()
    ADMITTED = auto()
    DONE = auto()
    MISSING = auto()
    REFUSED = auto()
    CUT = auto()
    FAILED = auto()
    NOT_KEPT = auto()
    DROPPED = auto()
    YIELD = auto()
    LEFT = auto()
    TICK = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """A measurement; `record` if it has a number in the device's memory."""

    record: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    answer: racp.Answer


@dataclass(frozen=True, slots=True)
class ClockShown:
    """Both local, without a zone. `shows` None: it is not set, or cannot be read. `ours` None: we do not know the time
    ourselves."""

    shows: datetime | None
    ours: datetime | None


Happened = Event | Heard | Answered | ClockShown


@dataclass(frozen=True, slots=True)
class Connect:
    pass


@dataclass(frozen=True, slots=True)
class Pair:
    """Encrypt the link: with the bond that there is, else with a new one."""


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class ReadClock:
    """Answered by ClockShown."""


@dataclass(frozen=True, slots=True)
class SetClock:
    """Write our local time."""


@dataclass(frozen=True, slots=True)
class Read:
    """`is_needed`: what follows is understood by it."""

    uuid: str
    is_needed: bool = False


@dataclass(frozen=True, slots=True)
class Subscribe:
    uuid: str


@dataclass(frozen=True, slots=True)
class Write:
    """What the device waits for before it sends."""

    uuid: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """Write to the record access control point."""

    request: bytes


@dataclass(frozen=True, slots=True)
class Remember:
    """Everything up to this record was heard: commit it, then note the number."""

    record: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    """`forget`: then remove the bond on our side, so that the next visit makes a new one."""

    forget: bool = False


Command = Connect | Pair | Pause | ReadClock | SetClock | Read | Subscribe | Write | Ask | Remember | Disconnect
