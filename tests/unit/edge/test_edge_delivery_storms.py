"""A gateway and a server in a bad world: whatever is accepted is stored once or declared lost with its true reason.

The world loses, doubles and reorders in both directions, cuts the line, kills the gateway, restores the server from
an old backup, thins rows, prunes kept ones and hides rows that the server cannot read. A seed is a world."""

import random
from dataclasses import dataclass, field, replace

import pytest

from devices.wire.messages import Lane, LostWhy, Receipt, Refusal
from edge.core.delivery import LANES, Delivery
from edge.core.delivery_words import (
    Appended,
    Command,
    Connected,
    DeliveryEvent,
    Disconnected,
    Forget,
    HoleMade,
    KeepEpoch,
    Plan,
    Pruned,
    Published,
    PutBack,
    Rebuild,
    Recall,
    ReceiptCame,
    Send,
    SetAside,
    Stock,
    Tick,
)
from edge.core.holes import Hole, Holes

OUTBOX = "00112233445566aa"


@dataclass
class Server:
    """The rule of the contract, written from DESIGN.md: commit only if the watermark has reached `after`."""

    poison: set[tuple[Lane, int]]
    epoch: int = 0
    marks: dict[Lane, int] = field(default_factory=lambda: dict.fromkeys(LANES, 0))
    stored: dict[Lane, list[int]] = field(default_factory=lambda: {lane: [] for lane in LANES})
    lost: dict[Lane, dict[int, LostWhy]] = field(default_factory=lambda: {lane: {} for lane in LANES})

    def backup(self) -> "Server":
        return replace(
            self,
            marks=dict(self.marks),
            stored={lane: list(rows) for lane, rows in self.stored.items()},
            lost={lane: dict(rows) for lane, rows in self.lost.items()},
        )

    def receive(self, batch: "Packet") -> Receipt:
        if any((batch.plan.lane, seq) in self.poison for seq in batch.rows):
            return Receipt(gateway="hv-1", epoch=str(self.epoch), refused=[Refusal(digest=batch.digest, why="?")])
        plan, mark = batch.plan, self.marks[batch.plan.lane]
        if mark >= plan.after:
            self.stored[plan.lane] += [seq for seq in batch.rows if seq > mark]
            for hole in plan.lost:
                for seq in range(max(hole.first, mark + 1), hole.last + 1):
                    self.lost[plan.lane][seq] = hole.why
            self.marks[plan.lane] = max(mark, plan.last)
        return self.receipt()

    def receipt(self) -> Receipt:
        alarm, bulk = self.marks[Lane.ALARM], self.marks[Lane.BULK]
        return Receipt(gateway="hv-1", outbox=OUTBOX, epoch=str(self.epoch), alarm=alarm, bulk=bulk)


@dataclass(frozen=True)
class Packet:
    plan: Plan
    rows: tuple[int, ...]
    digest: str


@dataclass
class Shelf:
    """One lane of an outbox on disk: it survives the gateway's death."""

    newest: int = 0
    oldest: int = 1
    mark: int = 0
    holes: Holes = field(default_factory=Holes)

    def stock(self) -> Stock:
        return Stock(mark=self.mark, oldest=self.oldest, newest=self.newest, holes=tuple(self.holes))

    def rows(self, first: int, last: int) -> tuple[int, ...]:
        return tuple(seq for seq in range(max(first, self.oldest), last + 1) if self.holes.at(seq) is None)


class World:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now_s = 0.0
        self.badness = self.dice.choice((0.0, 0.02, 0.1, 0.3))
        self.poison = {(lane, self.dice.randrange(1, 400)) for lane in LANES for _ in range(self.dice.randrange(4))}
        self.server = Server(self.poison)
        self.backup = self.server.backup()
        self.shelves = {lane: Shelf() for lane in LANES}
        self.epoch: str | None = None
        self.up: list[Packet] = []
        self.down: list[Receipt] = []
        self.hello = False
        self.connected = False
        self.digests = 0
        self.thinned: set[tuple[Lane, int]] = set()
        self.pruned: set[tuple[Lane, int]] = set()
        self.late_alarms: list[str] = []
        self.delivery = self.new_delivery()

    def new_delivery(self) -> Delivery:
        stocks = {lane: shelf.stock() for lane, shelf in self.shelves.items()}
        return Delivery(outbox=OUTBOX, epoch=self.epoch, stocks=stocks)

    def tell(self, event: DeliveryEvent) -> None:
        for command in self.delivery.on(event, self.now_s):
            self.obey(command)
        in_flight = self.delivery.in_flight()
        assert len(in_flight) <= 8
        assert sum(plan.lane is Lane.BULK for plan in in_flight) <= 7

    def obey(self, command: Command) -> None:
        match command:
            case Send(plan):
                self.send(plan)
            case Forget(lane, mark) | Recall(lane, mark):
                self.shelves[lane].mark = mark
            case SetAside(lane, seq):
                self.shelves[lane].holes.add(Hole(first=seq, last=seq, why=LostWhy.UNDECODABLE))
            case PutBack(lane, seq):
                self.shelves[lane].holes.remove(seq)
            case KeepEpoch(epoch):
                self.epoch = epoch
            case Rebuild():
                self.connected = False
            case _:
                self.hello = True

    def send(self, plan: Plan) -> None:
        lost = {seq for hole in plan.lost for seq in range(hole.first, hole.last + 1)}
        rows = tuple(seq for seq in self.shelves[plan.lane].rows(plan.first, plan.last) if seq not in lost)
        assert len(rows) == plan.rows, "the plan and the outbox agree on the rows"
        accounted = set(rows) | lost
        assert accounted >= set(range(plan.after + 1, plan.last + 1)), "every number after `after` is a row or lost"
        self.digests += 1
        self.up.append(Packet(plan, rows, str(self.digests)))
        for command in self.delivery.on(Published(plan.number, str(self.digests)), self.now_s):
            self.obey(command)

    def append(self, lane: Lane, rows: int) -> None:
        self.shelves[lane].newest += rows
        self.tell(Appended(lane, self.shelves[lane].newest))

    def thin(self, lane: Lane) -> None:
        shelf = self.shelves[lane]
        if shelf.newest <= shelf.mark + 2:
            return
        first = self.dice.randrange(shelf.mark + 1, shelf.newest)
        hole = Hole(first=first, last=min(first + self.dice.randrange(6), shelf.newest), why=LostWhy.THINNED)
        self.thinned |= {(lane, seq) for seq in range(hole.first, hole.last + 1)}
        shelf.holes.add(hole)
        self.tell(HoleMade(lane, hole))

    def prune(self, lane: Lane) -> None:
        shelf = self.shelves[lane]
        oldest = max(shelf.oldest, shelf.mark - self.dice.randrange(100))
        self.pruned |= {(lane, seq) for seq in range(shelf.oldest, oldest)}
        shelf.oldest = oldest
        self.tell(Pruned(lane, oldest))

    def reconnect(self) -> None:
        self.up, self.down = [packet for packet in self.up if self.dice.random() < 0.5], []
        self.connected = True
        self.tell(Connected())

    def cut(self) -> None:
        self.connected = False
        self.tell(Disconnected())

    def kill_gateway(self) -> None:
        """The last marks may not have reached the disk."""
        for shelf in self.shelves.values():
            shelf.mark = max(shelf.mark - self.dice.randrange(30), shelf.oldest - 1)
        self.connected = False
        self.delivery = self.new_delivery()

    def restore_server(self) -> None:
        """Only gateways see the epoch; the new one is unlike every earlier one."""
        epoch = self.server.epoch + 1
        self.server = self.backup.backup()
        self.server.epoch = epoch

    def move(self) -> None:
        """Some packets arrive: in any order, some twice, some never."""
        if self.connected and self.hello:
            self.hello = False
            self.down.append(self.server.receipt())
        for packet in self.shuffled(self.up):
            self.down.append(self.server.receive(packet))
        self.up.clear()
        receipts, self.down = self.shuffled(self.down), []
        for receipt in receipts:
            if self.connected:
                self.tell(ReceiptCame(receipt))

    def shuffled(self, things: list) -> list:  # type: ignore[type-arg]
        kept = [thing for thing in things if self.dice.random() >= self.badness]
        kept += [thing for thing in kept if self.dice.random() < self.badness]
        if self.dice.random() < self.badness:
            self.dice.shuffle(kept)
        return kept

    def tick(self) -> None:
        due_s = self.delivery.due_s()
        if due_s is not None and due_s <= self.now_s:
            self.tell(Tick())

    def step(self) -> None:
        self.now_s += self.dice.random()
        chance = self.dice.random()
        lane = self.dice.choice(LANES)
        if not self.connected and chance < 0.3:
            self.reconnect()
        for limit, act in (
            (0.01, self.cut),
            (0.02, self.kill_gateway),
            (0.03, self.restore_server),
            (0.05, lambda: setattr(self, "backup", self.server.backup())),
            (0.10, lambda: self.thin(lane)),
            (0.15, lambda: self.prune(lane)),
            (0.60, lambda: self.append(lane, self.dice.randrange(1, 40))),
        ):
            if chance < limit:
                act()
                break
        self.move()
        self.tick()

    def calm_down(self) -> None:
        """The world becomes good; how long until everything is where it belongs?"""
        self.badness = 0.0
        for _ in range(3_000):
            self.now_s += 0.3
            if not self.connected:
                self.reconnect()
            if self.dice.random() < 0.02:
                self.hello = True  # the heartbeat asks for a receipt, too
            self.move()
            self.tick()
            if not any(self.delivery.waiting(lane) for lane in LANES) and self.settled():
                return
        raise AssertionError(f"not delivered: {self.server.marks}, {self.shelves}")

    def settled(self) -> bool:
        return all(self.server.marks[lane] == self.shelves[lane].newest for lane in LANES)


@pytest.mark.parametrize("seed", range(300))
def test_everything_accepted_is_stored_once_or_truly_declared_lost(seed: int) -> None:
    world = World(seed)
    for _ in range(250):
        world.step()
    world.calm_down()
    for lane in LANES:
        stored, lost = world.server.stored[lane], world.server.lost[lane]
        assert len(stored) == len(set(stored)), "doubled"
        assert not set(stored) & set(lost), "stored and declared lost"
        assert set(stored) | set(lost) == set(range(1, world.shelves[lane].newest + 1)), "lost in silence"
        for seq, why in lost.items():
            truth = {
                LostWhy.THINNED: world.thinned,
                LostWhy.RESTORED: world.pruned,
                LostWhy.UNDECODABLE: world.poison,
            }[why]
            assert (lane, seq) in truth, f"{seq} is said to be {why}"


def test_an_alarm_is_on_the_line_at_once_whatever_the_backlog() -> None:
    for seed in range(50):
        world = World(seed)
        world.badness, world.server.poison = 0.0, set()
        world.append(Lane.BULK, 50_000)
        world.reconnect()
        for _ in range(world.dice.randrange(1, 40)):
            world.now_s += 0.1
            world.move()
        world.append(Lane.ALARM, 1)
        assert world.up[-1].plan.lane is Lane.ALARM
