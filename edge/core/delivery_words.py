"""What delivery is told, what it orders, and the plans it makes. `seq` numbers the rows of one lane from 1."""

from dataclasses import dataclass

from devices.wire.messages import Lane, Receipt
from edge.core.holes import Hole


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How much and how often. `window`: batches in flight over both lanes; one place is kept free for alarms."""

    window: int = 8
    live_rows: int = 20
    backlog_rows: int = 500
    holes_in_a_batch: int = 50
    quick_s: float = 0.25  # a receipt within this time (over the line's own delay): larger backlog batches
    slow_s: float = 0.5  # later than this: smaller ones, for an alarm waits behind what is under way
    retry_first_s: float = 3.0
    retry_cap_s: float = 15.0
    doubt_s: float = 0.5
    hold_s: float = 1.0  # after a batch that could not be handed over
    blocked_s: float = 60.0
    clock_alarm_s: float = 2.0  # while the line is up: alarms wait so long for our own clock to be set,
    clock_bulk_s: float = 120.0  # and readings so long
    rebuild_first_s: float = 75.0
    rebuild_cap_s: float = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stock:
    """What the outbox holds of one lane: rows `oldest`..`newest` but for holes. The server has those up to `mark`."""

    mark: int = 0
    oldest: int = 1
    newest: int = 0
    holes: tuple[Hole, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A batch to be: rows of `lane` in `first`..`last` that are not in `lost`. `rows`: how many (0: only `lost`)."""

    number: int
    lane: Lane
    after: int
    first: int
    last: int
    rows: int
    lost: tuple[Hole, ...] = ()


@dataclass(frozen=True, slots=True)
class Connected:
    pass


@dataclass(frozen=True, slots=True)
class Disconnected:
    pass


@dataclass(frozen=True, slots=True)
class Appended:
    """Rows up to `newest` are committed to the outbox."""

    lane: Lane
    newest: int


@dataclass(frozen=True, slots=True)
class Published:
    """The batch of this plan was handed to the line; a refusal will name it by `digest`."""

    number: int
    digest: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """The batch could not be handed over now (disk trouble, line gone)."""

    number: int


@dataclass(frozen=True, slots=True)
class HoleMade:
    """Rows that will never come: thinned, or damaged in the outbox."""

    lane: Lane
    hole: Hole


@dataclass(frozen=True, slots=True)
class Pruned:
    """The outbox no longer holds rows of the lane before `oldest`."""

    lane: Lane
    oldest: int


@dataclass(frozen=True, slots=True)
class ReceiptCame:
    receipt: Receipt


@dataclass(frozen=True, slots=True)
class ClockSet:
    """The times in the rows are right as they are."""


@dataclass(frozen=True, slots=True)
class Tick:
    """`due_s` has come."""


DeliveryEvent = (
    Connected | Disconnected | Appended | Published | Unsent | HoleMade | Pruned | ReceiptCame | ClockSet | Tick
)


@dataclass(frozen=True, slots=True)
class Send:
    plan: Plan


@dataclass(frozen=True, slots=True)
class Forget:
    """The server has the rows up to `mark`."""

    lane: Lane
    mark: int


@dataclass(frozen=True, slots=True)
class Recall:
    """The server's mark went back: rows after `mark` wait again."""

    lane: Lane
    mark: int


@dataclass(frozen=True, slots=True)
class SetAside:
    """The server could not read this row: keep it apart, its place becomes a hole."""

    lane: Lane
    seq: int


@dataclass(frozen=True, slots=True)
class PutBack:
    """It was not that row's fault after all."""

    lane: Lane
    seq: int


@dataclass(frozen=True, slots=True)
class KeepEpoch:
    epoch: str


@dataclass(frozen=True, slots=True)
class Hello:
    """Ask the server for a receipt."""


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Connected, yet no receipt for `silent_s`: throw the client away and make a new one."""

    silent_s: float


@dataclass(frozen=True, slots=True)
class Renew:
    """The server has rows that this outbox never made: the file is an old copy. Go on under a new outbox id."""


Command = Send | Forget | Recall | SetAside | PutBack | KeepEpoch | Hello | Rebuild | Renew
