"""One lane's way to the server: how far the server is, what is under way, and how the next batch is cut."""

from dataclasses import dataclass, field

from devices.wire.messages import Lane, LostWhy
from edge.core.delivery_words import Plan, Stock
from edge.core.holes import Hole, Holes


@dataclass(slots=True)
class Flight:
    plan: Plan
    sent_s: float
    digest: str | None = None  # None: not handed to the line yet


@dataclass(slots=True)
class Road:
    """`mark`: the server has everything up to here. `cursor`: handed over up to here.

    `limit`: rows in a batch while a refused row is looked for, until `suspect_to` is passed. `proof`: a row just set
    aside; a batch with nothing but its absence shows whether the row was at fault. `doubt`: a lower mark, perhaps from
    an old receipt."""

    lane: Lane
    mark: int
    oldest: int
    newest: int
    holes: Holes
    cursor: int
    flights: list[Flight] = field(default_factory=list)
    probing: bool = True  # no receipt since we connected or last waited in vain: one batch at a time
    attempt: int = 0
    due_s: float | None = None
    hold_until_s: float | None = None
    doubt: int | None = None
    limit: int | None = None
    suspect_to: int = 0
    proof: int | None = None
    blocked: bool = False
    clock_s: float | None = None  # until then our own clock may still be set

    @classmethod
    def of(cls, lane: Lane, stock: Stock) -> "Road":
        holes = Holes(stock.holes)
        return cls(lane=lane, mark=stock.mark, oldest=stock.oldest, newest=stock.newest, holes=holes, cursor=stock.mark)

    def open(self) -> bool:
        """May another batch of this lane be handed over now?"""
        alone = self.probing or self.limit is not None or self.proof is not None
        return self.hold_until_s is None and self.clock_s is None and not (alone and self.flights)

    def waits_for_receipt(self) -> bool:
        """One batch is under way, and only its receipt would let the next go. No row is suspected of being at fault."""
        return self.probing and bool(self.flights) and self.limit is None and self.proof is None

    def rewind(self) -> None:
        """Everything after the mark is to be sent again."""
        self.cursor = self.mark
        self.flights.clear()
        self.due_s = None

    def disconnect(self) -> None:
        self.rewind()
        self.probing, self.attempt, self.hold_until_s, self.doubt = True, 0, None, None

    def advance(self, mark: int) -> list[Flight]:
        """The flights that arrived."""
        arrived = [flight for flight in self.flights if flight.plan.last <= mark]
        self.flights = [flight for flight in self.flights if flight.plan.last > mark]
        self.mark, self.cursor = mark, max(self.cursor, mark)
        self.attempt, self.doubt, self.hold_until_s, self.blocked = 0, None, None, False
        if self.proof is not None and mark >= self.proof:
            self.proof = None
        if mark >= self.suspect_to:
            self.limit = None
        elif self.limit is not None:
            self.limit *= 2
        return arrived

    def cut(self, number: int, rows: int, holes: int) -> Plan | None:
        """The next batch, of at most so many rows and holes; None: nothing waits."""
        limit = 0 if self._proof_is_next() else min(rows, self.limit or rows)
        lost: list[Hole] = []
        at, count, first, last = self.cursor + 1, 0, 0, 0
        while at <= self.newest and len(lost) < holes:
            if hole := self._hole_at(at):
                lost.append(hole)
                at = hole.last + 1
            elif count < limit:
                first = first or at
                last = min(self.holes.next_after(at) - 1, at + limit - count - 1, self.newest)
                count, at = count + last - at + 1, last + 1
            else:
                break
        if count:
            lost = [hole for hole in lost if hole.last < last]
        elif lost:
            first, last = lost[0].first, lost[-1].last
        else:
            return None
        return Plan(
            number=number, lane=self.lane, after=self.cursor, first=first, last=last, rows=count, lost=tuple(lost)
        )

    def _proof_is_next(self) -> bool:
        """Only holes between the cursor and the row set aside (after a restore there may be rows again)."""
        if self.proof is None:
            return False
        at = self.cursor + 1
        while at <= self.proof and (hole := self._hole_at(at)):
            at = hole.last + 1
        return at > self.proof

    def _hole_at(self, seq: int) -> Hole | None:
        """The hole at `seq`, from `seq` on. Rows that are no longer held are one too: the server had them once."""
        known = self.holes.at(seq)
        if known is not None:
            return Hole(first=seq, last=known.last, why=known.why)
        if seq < self.oldest:
            last = min(self.oldest, self.holes.next_after(seq)) - 1
            return Hole(first=seq, last=last, why=LostWhy.RESTORED)
        return None
