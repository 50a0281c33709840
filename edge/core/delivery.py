"""Outbox -> server: what to send, what to send again, and what may be forgotten (DESIGN.md, "Delivery").

Events go in with `now_s` (a monotonic clock), commands come out; nothing here does I/O. Two facts carry the design:
sending a row twice is harmless (the server's watermark drops it), so every doubt ends in sending again; and a row that
the server receipted only falls behind the mark and is not deleted, so a mark that goes back finds it still there.
"""

from collections.abc import Callable, Iterator
from typing import Final

from devices.wire.messages import Lane, LostWhy, Receipt
from edge.core.delivery_words import (
    Appended,
    ClockSet,
    Command,
    Connected,
    DeliveryEvent,
    Disconnected,
    Forget,
    Hello,
    HoleMade,
    KeepEpoch,
    Pace,
    Plan,
    Pruned,
    Published,
    PutBack,
    Rebuild,
    Recall,
    ReceiptCame,
    Renew,
    Send,
    SetAside,
    Stock,
    Tick,
    Unsent,
)
from edge.core.holes import Hole
from edge.core.road import Flight, Road

LANES: Final = (Lane.ALARM, Lane.BULK)  # in the order in which they are served


class Delivery:
    """The way of one outbox to the server. `outbox` is its id; `epoch` the server's, as last heard.

    `is_clock_set` False: the rows' times may have to be put right before they are sent; that wait is bounded."""

    def __init__(
        self,
        *,
        outbox: str,
        epoch: str | None,
        stocks: dict[Lane, Stock],
        pace: Pace | None = None,
        is_clock_set: bool = True,
    ) -> None:
        self.outbox = outbox
        self.epoch = epoch
        self._pace = pace or Pace()
        self._roads = {lane: Road.of(lane, stocks.get(lane, Stock())) for lane in LANES}
        self._connected = False
        self._over = False
        self._silent_since_s = 0.0
        self._rebuild_wait_s = self._pace.rebuild_first_s
        self._stride = self._pace.live_rows
        self._line_s: float | None = None  # the quickest receipt of this connection
        self._number = 0
        waits_s = {Lane.ALARM: self._pace.clock_alarm_s, Lane.BULK: self._pace.clock_bulk_s}
        self._clock_left_s: dict[Lane, float] = {} if is_clock_set else waits_s

    def on(self, event: DeliveryEvent, now_s: float) -> list[Command]:
        if self._over:
            return []
        commands = list(self._take(event, now_s))
        if self._connected and not self._over:
            commands.extend(self._fill(now_s))
        return commands

    def due_s(self) -> float | None:
        """When a Tick is needed next."""
        if not self._connected:
            return None
        times = [self._silent_since_s + self._rebuild_wait_s]
        for road in self._roads.values():
            times += [time_s for time_s in (road.due_s, road.hold_until_s, road.clock_s) if time_s is not None]
        return min(times)

    def waiting(self, lane: Lane) -> int:
        """Rows that the server has not receipted, holes counted."""
        return self._roads[lane].newest - self._roads[lane].mark

    def in_flight(self) -> tuple[Plan, ...]:
        return tuple(flight.plan for road in self._roads.values() for flight in road.flights)

    def blocked(self) -> bool:
        """The server refuses even a batch without rows: nothing more is set aside, one try a minute."""
        return any(road.blocked for road in self._roads.values())

    def _take(self, event: DeliveryEvent, now_s: float) -> Iterator[Command]:
        match event:
            case ReceiptCame(receipt):
                yield from self._receipt(receipt, now_s)
            case Connected():
                self._connected, self._silent_since_s, self._line_s = True, now_s, None
                self._disconnect_roads()
                self._wait_for_clock(now_s)
                yield Hello()
            case Tick():
                yield from self._tick(now_s)
            case ClockSet():
                self._clock_left_s.clear()
                for road in self._roads.values():
                    road.clock_s = None
            case _:
                self._note(event, now_s)

    def _note(self, event: DeliveryEvent, now_s: float) -> None:
        """Events that only change what we know."""
        match event:
            case Disconnected():
                if self._connected:
                    self._stop_clock_wait(now_s)
                self._connected = False
                self._disconnect_roads()
            case Appended(lane, newest):
                self._appended(self._roads[lane], newest)
            case Published(number, digest):
                for _, flight in self._flights(lambda flight: flight.plan.number == number):
                    flight.digest, flight.sent_s = digest, now_s
            case Unsent(number):
                for road, _ in self._flights(lambda flight: flight.plan.number == number):
                    road.rewind()
                    road.hold_until_s = now_s + self._pace.hold_s
            case HoleMade(lane, hole):
                self._hole_made(self._roads[lane], hole)
            case Pruned(lane, oldest):
                self._roads[lane].oldest = max(oldest, self._roads[lane].oldest)
                self._roads[lane].holes.drop_before(oldest)

    @staticmethod
    def _appended(road: Road, newest: int) -> None:
        """A new alarm does not wait for the receipt of the one before: both are sent, now."""
        is_news, road.newest = newest > road.newest, max(newest, road.newest)
        if is_news and road.lane is Lane.ALARM and road.waits_for_receipt():
            road.rewind()

    def _wait_for_clock(self, now_s: float) -> None:
        """While the line is up, for nobody tells us the time without it. A line that comes and goes adds nothing."""
        for lane, left_s in self._clock_left_s.items():
            self._roads[lane].clock_s = now_s + left_s

    def _stop_clock_wait(self, now_s: float) -> None:
        roads = ((lane, road.clock_s) for lane, road in self._roads.items())
        self._clock_left_s = {lane: max(0.0, until_s - now_s) for lane, until_s in roads if until_s is not None}

    def _disconnect_roads(self) -> None:
        self._stride = self._pace.live_rows
        for road in self._roads.values():
            road.disconnect()

    def _flights(self, wanted: Callable[[Flight], bool]) -> list[tuple[Road, Flight]]:
        return [(road, flight) for road in self._roads.values() for flight in road.flights if wanted(flight)]

    @staticmethod
    def _hole_made(road: Road, hole: Hole) -> None:
        """A batch that was cut before, and is not on the line yet, would miss rows: cut again."""
        road.holes.add(hole)
        for flight in road.flights:
            plan = flight.plan
            if flight.digest is None and plan.first <= hole.last and hole.first <= plan.last:
                road.rewind()
                return

    def _receipt(self, receipt: Receipt, now_s: float) -> Iterator[Command]:
        self._silent_since_s = now_s
        self._rebuild_wait_s = self._pace.rebuild_first_s
        self._roads[Lane.ALARM].clock_s = None  # if it told the time, our clock is set by now
        if receipt.outbox == self.outbox:
            marks = {Lane.ALARM: receipt.alarm, Lane.BULK: receipt.bulk}
            if any(marks[lane] > road.newest for lane, road in self._roads.items()):
                self._over = True
                yield Renew()
                return
            yield from self._marks(marks, receipt.epoch, now_s)
        for refusal in receipt.refused:
            yield from self._refused(refusal.digest, now_s)

    def _marks(self, marks: dict[Lane, int], epoch: str, now_s: float) -> Iterator[Command]:
        restored = epoch != self.epoch
        if restored:
            self.epoch = epoch
            yield KeepEpoch(epoch)
        moved = any(marks[lane] > road.mark for lane, road in self._roads.items())
        for lane, road in self._roads.items():
            mark = marks[lane]
            road.probing = False
            if mark > road.mark:
                yield from self._advance(road, mark, now_s)
            elif mark < road.mark and restored:
                yield from self._go_back(road, mark)
            elif mark < road.mark:
                road.doubt = min(mark, mark if road.doubt is None else road.doubt)
                self._hurry(road, now_s)
            else:
                self._stand(road, moved, now_s)

    def _advance(self, road: Road, mark: int, now_s: float) -> Iterator[Command]:
        arrived = road.advance(mark)
        road.due_s = now_s + self._pace.retry_first_s if road.flights else None
        if arrived and road.lane is Lane.BULK:
            self._adapt(now_s - arrived[-1].sent_s)
        yield Forget(road.lane, mark)

    def _adapt(self, took_s: float) -> None:
        """Batches grow while receipts come quickly, so that what is under way never delays an alarm for long."""
        self._line_s = min(took_s, took_s if self._line_s is None else self._line_s)
        if took_s - self._line_s <= self._pace.quick_s:
            self._stride = min(self._stride * 2, self._pace.backlog_rows)
        elif took_s - self._line_s > self._pace.slow_s:
            self._stride = max(self._stride // 2, self._pace.live_rows)

    def _stand(self, road: Road, moved: bool, now_s: float) -> None:
        """A receipt with the mark as it was. If it moved nothing in the other lane either, a batch may be missing."""
        road.doubt = None
        if not road.flights:
            road.due_s = None
        elif not moved:
            self._hurry(road, now_s)

    def _hurry(self, road: Road, now_s: float) -> None:
        """Wait a little for a better receipt, then send again; only once, or two sides would chase each other."""
        if road.attempt == 0:
            soon_s = now_s + max(self._pace.doubt_s, 2 * (self._line_s or 0.0))
            road.due_s = min(soon_s, soon_s if road.due_s is None else road.due_s)

    def _go_back(self, road: Road, mark: int) -> Iterator[Command]:
        lower = mark < road.mark
        road.mark, road.doubt = min(mark, road.mark), None
        road.rewind()
        if lower:
            yield Recall(road.lane, road.mark)

    def _refused(self, digest: str, now_s: float) -> Iterator[Command]:
        for road, flight in self._flights(lambda flight: flight.digest == digest):
            yield from self._halve(road, flight.plan, now_s)

    def _halve(self, road: Road, plan: Plan, now_s: float) -> Iterator[Command]:
        road.rewind()
        road.suspect_to = max(road.suspect_to, plan.last)
        if plan.rows > 1:
            road.limit = plan.rows // 2
        elif plan.rows == 1:
            road.proof = plan.last
            road.holes.add(Hole(first=plan.last, last=plan.last, why=LostWhy.UNDECODABLE))
            yield SetAside(road.lane, plan.last)
        else:
            yield from self._not_the_row(road, now_s)

    def _not_the_row(self, road: Road, now_s: float) -> Iterator[Command]:
        """A batch without rows is refused as well: all we say is unreadable. Lose nothing, try now and then."""
        if road.proof is not None:
            road.holes.remove(road.proof)
            yield PutBack(road.lane, road.proof)
        road.proof, road.limit, road.blocked = None, 1, True
        road.hold_until_s = now_s + self._pace.blocked_s

    def _tick(self, now_s: float) -> Iterator[Command]:
        for road in self._roads.values() if self._connected else ():
            if road.hold_until_s is not None and now_s >= road.hold_until_s:
                road.hold_until_s = None
            if road.clock_s is not None and now_s >= road.clock_s:
                road.clock_s = None
            if road.due_s is not None and now_s >= road.due_s:
                road.probing, road.attempt, self._stride = True, road.attempt + 1, self._pace.live_rows
                yield from self._go_back(road, road.mark if road.doubt is None else road.doubt)
        silent_s = now_s - self._silent_since_s
        if self._connected and silent_s >= self._rebuild_wait_s:
            self._silent_since_s = now_s
            self._rebuild_wait_s = min(2 * self._rebuild_wait_s, self._pace.rebuild_cap_s)
            yield Rebuild(silent_s)

    def _fill(self, now_s: float) -> Iterator[Command]:
        """Alarms first, and one place of the window that only they may take."""
        while plan := self._next_plan():
            road = self._roads[plan.lane]
            road.flights.append(Flight(plan=plan, sent_s=now_s))
            road.cursor = plan.last
            if road.due_s is None:
                road.due_s = now_s + min(self._pace.retry_first_s * 2 ** min(road.attempt, 8), self._pace.retry_cap_s)
            yield Send(plan)

    def _next_plan(self) -> Plan | None:
        under_way = len(self.in_flight())
        for road in self._roads.values():
            places = self._pace.window - (road.lane is Lane.BULK)
            if under_way < places and road.open():
                plan = road.cut(self._number + 1, self._rows_for(road), self._pace.holes_in_a_batch)
                if plan is not None:
                    self._number += 1
                    return plan
        return None

    def _rows_for(self, road: Road) -> int:
        return self._stride if road.lane is Lane.BULK else self._pace.live_rows
