"""What a gateway sends, sends again and forgets, one promise at a time. The rules are those of DESIGN.md "Delivery"."""

from itertools import pairwise

from devices.wire.messages import Lane, LostWhy, Receipt, Refusal
from edge.core.delivery import Delivery
from edge.core.delivery_words import (
    Appended,
    ClockSet,
    Command,
    Connected,
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

OUTBOX = "00112233445566aa"
PACE = Pace()


def delivery(*, alarm: Stock | None = None, bulk: Stock | None = None, epoch: str | None = "a") -> Delivery:
    stocks = {Lane.ALARM: alarm or Stock(), Lane.BULK: bulk or Stock()}
    return Delivery(outbox=OUTBOX, epoch=epoch, stocks=stocks)


def receipt(*, alarm: int = 0, bulk: int = 0, epoch: str = "a", refused: tuple[str, ...] = ()) -> ReceiptCame:
    refusals = [Refusal(digest=digest, why="not JSON") for digest in refused]
    return ReceiptCame(Receipt(gateway="hv-1", outbox=OUTBOX, epoch=epoch, alarm=alarm, bulk=bulk, refused=refusals))


def plans(commands: list[Command]) -> list[Plan]:
    return [command.plan for command in commands if isinstance(command, Send)]


def spans(commands: list[Command]) -> list[tuple[Lane, int, int, int]]:
    return [(plan.lane, plan.after, plan.first, plan.last) for plan in plans(commands)]


def answered(d: Delivery, *, at_s: float = 0.0, **marks: int) -> list[Command]:
    """Connected, and the hello was answered."""
    return d.on(Connected(), at_s) + d.on(receipt(**marks), at_s + 0.1)


def test_a_connected_gateway_says_hello_and_sends_what_waits_behind_the_mark() -> None:
    d = delivery(bulk=Stock(mark=5, oldest=1, newest=8))
    commands = d.on(Connected(), 0)
    assert commands[0] == Hello()
    assert spans(commands) == [(Lane.BULK, 5, 6, 8)]


def test_nothing_is_sent_without_a_connection() -> None:
    d = delivery(bulk=Stock(newest=3))
    assert d.on(Appended(Lane.BULK, 9), 0) == []
    assert d.due_s() is None


def test_before_the_first_receipt_only_one_batch_of_a_lane_is_under_way() -> None:
    d = delivery(bulk=Stock(newest=100), alarm=Stock(newest=100))
    assert spans(d.on(Connected(), 0)) == [(Lane.ALARM, 0, 1, 20), (Lane.BULK, 0, 1, 20)]


def test_the_window_is_eight_batches_and_one_place_stays_free_for_alarms() -> None:
    d = delivery(bulk=Stock(newest=10_000))
    answered(d)
    assert len(d.in_flight()) == 7
    assert spans(d.on(Appended(Lane.ALARM, 1), 0.2)) == [(Lane.ALARM, 0, 1, 1)]
    assert d.on(Appended(Lane.ALARM, 2), 0.3) == []  # eight in flight: it goes with the next receipt
    assert spans(d.on(receipt(alarm=1), 0.4))[0] == (Lane.ALARM, 1, 2, 2)


def test_when_a_place_becomes_free_the_alarm_takes_it_before_the_backlog() -> None:
    d = delivery(bulk=Stock(newest=10_000))
    answered(d)
    for seq in range(1, 4):
        d.on(Appended(Lane.ALARM, seq), 0.2)
    sent = spans(d.on(receipt(alarm=1, bulk=20), 0.4))
    assert sent[0][0] is Lane.ALARM


def test_batches_of_a_lane_form_a_chain() -> None:
    d = delivery(bulk=Stock(newest=60))
    commands = answered(d)
    assert spans(commands) == [(Lane.BULK, 0, 1, 20), (Lane.BULK, 20, 21, 40), (Lane.BULK, 40, 41, 60)]


def test_a_receipt_forgets_up_to_the_mark_and_not_further() -> None:
    d = delivery(bulk=Stock(newest=60))
    answered(d)
    assert d.on(receipt(bulk=40), 0.2)[0] == Forget(Lane.BULK, 40)
    assert d.waiting(Lane.BULK) == 20


def test_backlog_batches_grow_to_500_rows_while_receipts_come_quickly() -> None:
    d = delivery(bulk=Stock(newest=100_000))
    answered(d)
    now_s = 0.2
    for _ in range(40):
        d.on(receipt(bulk=d.in_flight()[0].last), now_s)
        now_s += 0.05
    assert max(plan.rows for plan in d.in_flight()) == 500


def test_backlog_batches_shrink_to_20_rows_on_a_slow_line() -> None:
    d = delivery(bulk=Stock(newest=100_000))
    answered(d)
    for step in range(40):
        d.on(receipt(bulk=d.in_flight()[0].last), 0.2 + 0.05 * step)
    for step in range(40):
        d.on(receipt(bulk=d.in_flight()[0].last), 10.0 + 2.0 * step)
    assert d.in_flight()[-1].rows == 20


def test_after_a_reconnect_everything_behind_the_mark_is_sent_again() -> None:
    d = delivery(bulk=Stock(newest=10))
    answered(d)
    d.on(Disconnected(), 1)
    assert d.in_flight() == ()
    assert spans(d.on(Connected(), 2)) == [(Lane.BULK, 0, 1, 10)]


def test_a_batch_without_a_receipt_is_sent_again_and_later_each_time() -> None:
    d = delivery(bulk=Stock(newest=10))
    answered(d)
    again_s = []
    for _ in range(5):
        due_s = d.due_s()
        assert due_s is not None
        assert spans(d.on(Tick(), due_s)) == [(Lane.BULK, 0, 1, 10)]
        again_s.append(due_s)
    waits = [later - earlier for earlier, later in pairwise(again_s)]
    assert waits == sorted(waits)
    assert waits[-1] == PACE.retry_cap_s


def test_a_new_alarm_does_not_wait_for_the_receipt_of_the_one_before() -> None:
    d = delivery(alarm=Stock(newest=1))
    assert spans(d.on(Connected(), 0.0)) == [(Lane.ALARM, 0, 1, 1)]
    assert spans(d.on(Appended(Lane.ALARM, 2), 0.2)) == [(Lane.ALARM, 0, 1, 2)]
    assert spans(d.on(receipt(alarm=2), 0.3)) == []


def test_a_lost_batch_is_sent_again_soon_when_the_receipts_stand_still() -> None:
    d = delivery(bulk=Stock(newest=60))
    answered(d)
    d.on(receipt(bulk=20), 0.2)
    d.on(receipt(bulk=20), 0.3)  # the third batch arrived, the second did not
    due_s = d.due_s()
    assert due_s is not None
    assert due_s <= 0.3 + PACE.doubt_s
    assert spans(d.on(Tick(), due_s))[0][1:3] == (20, 21)


def test_a_new_epoch_with_a_lower_mark_sends_the_kept_rows_again() -> None:
    d = delivery(bulk=Stock(mark=100, oldest=1, newest=100))
    d.on(Connected(), 0)
    commands = d.on(receipt(bulk=70, epoch="b"), 0.1)
    assert commands[:2] == [KeepEpoch("b"), Recall(Lane.BULK, 70)]
    assert spans(commands) == [(Lane.BULK, 70, 71, 90), (Lane.BULK, 90, 91, 100)]


def test_rows_no_longer_kept_after_a_restore_are_declared_restored() -> None:
    d = delivery(bulk=Stock(mark=100, oldest=90, newest=100))
    d.on(Connected(), 0)
    (plan,) = plans(d.on(receipt(bulk=70, epoch="b"), 0.1))
    assert (plan.after, plan.first, plan.last) == (70, 90, 100)
    assert plan.lost == (Hole(first=71, last=89, why=LostWhy.RESTORED),)


def test_a_restore_that_finds_nothing_kept_still_declares_the_loss() -> None:
    d = delivery(bulk=Stock(mark=100, oldest=101, newest=100))
    d.on(Connected(), 0)
    (plan,) = plans(d.on(receipt(bulk=70, epoch="b"), 0.1))
    assert (plan.after, plan.first, plan.last, plan.rows) == (70, 71, 100, 0)


def test_a_lower_mark_of_the_same_epoch_is_believed_only_if_no_better_receipt_follows() -> None:
    d = delivery(bulk=Stock(mark=50, newest=50))
    d.on(Connected(), 0)
    d.on(receipt(bulk=30), 0.1)
    d.on(receipt(bulk=50), 0.2)  # the first was an old one, overtaken on the way
    assert d.on(Tick(), 5) == []
    assert d.waiting(Lane.BULK) == 0


def test_a_lower_mark_of_the_same_epoch_that_stays_is_believed() -> None:
    d = delivery(bulk=Stock(mark=50, newest=50))
    d.on(Connected(), 0)
    d.on(receipt(bulk=30), 0.1)
    due_s = d.due_s()
    assert due_s is not None
    commands = d.on(Tick(), due_s)
    assert Recall(Lane.BULK, 30) in commands
    assert spans(commands) == [(Lane.BULK, 30, 31, 50)]


def test_holes_are_declared_in_the_batch_that_passes_them() -> None:
    holes = (Hole(first=3, last=4, why=LostWhy.THINNED), Hole(first=6, last=9, why=LostWhy.DAMAGED))
    (plan,) = plans(delivery(bulk=Stock(newest=12, holes=holes)).on(Connected(), 0))
    assert (plan.first, plan.last, plan.rows, plan.lost) == (1, 12, 6, holes)


def test_holes_at_the_end_travel_in_a_batch_without_rows() -> None:
    hole = Hole(first=1, last=4, why=LostWhy.THINNED)
    (plan,) = plans(delivery(bulk=Stock(newest=4, holes=(hole,))).on(Connected(), 0))
    assert (plan.after, plan.first, plan.last, plan.rows, plan.lost) == (0, 1, 4, 0, (hole,))


def test_a_hole_behind_the_last_row_of_a_full_batch_waits_for_the_next() -> None:
    hole = Hole(first=21, last=25, why=LostWhy.THINNED)
    first, second = plans(answered(delivery(bulk=Stock(newest=30, holes=(hole,)))))
    assert (first.last, first.lost) == (20, ())
    assert (second.after, second.first, second.last, second.lost) == (20, 26, 30, (hole,))


def test_a_hole_made_in_a_batch_that_is_not_on_the_line_yet_is_declared() -> None:
    d = delivery(bulk=Stock(newest=10))
    (plan,) = plans(d.on(Connected(), 0))
    (again,) = plans(d.on(HoleMade(Lane.BULK, Hole(first=4, last=4, why=LostWhy.DAMAGED)), 0))
    assert again.number != plan.number
    assert (again.rows, again.lost[0].first) == (9, 4)


def test_a_refused_batch_is_halved_until_the_row_at_fault_stands_alone() -> None:
    poison = 13
    d = delivery(bulk=Stock(newest=20))
    commands = answered(d)
    asked = 0
    while not any(isinstance(command, SetAside) for command in commands):
        (plan,) = plans(commands)
        asked += 1
        commands = _server_reads(d, plan, poison)
    assert SetAside(Lane.BULK, poison) in commands
    assert asked < 12
    (proof,) = plans(commands)
    assert (proof.rows, proof.lost) == (0, (Hole(first=13, last=13, why=LostWhy.UNDECODABLE),))
    commands = _server_reads(d, proof, poison)
    rest: list[int] = []
    while batch := plans(commands):
        rest += range(batch[0].first, batch[0].last + 1)
        commands = _server_reads(d, batch[0], poison)
    assert rest == list(range(14, 21))
    assert d.waiting(Lane.BULK) == 0


def _server_reads(d: Delivery, plan: Plan, poison: int) -> list[Command]:
    d.on(Published(plan.number, "d" * 16), 1)
    lost = {seq for hole in plan.lost for seq in range(hole.first, hole.last + 1)}
    if plan.first <= poison <= plan.last and poison not in lost:
        return d.on(ReceiptCame(Receipt(gateway="hv-1", epoch="a", refused=[Refusal(digest="d" * 16, why="?")])), 1)
    return d.on(receipt(bulk=plan.last), 1)


def test_a_server_that_reads_nothing_at_all_costs_no_row() -> None:
    d = delivery(bulk=Stock(newest=5))
    aside: set[int] = set()
    commands = answered(d)
    refusals = 0
    while batch := plans(commands):
        refusals += 1
        d.on(Published(batch[0].number, "d" * 16), 1)
        commands = d.on(receipt(refused=("d" * 16,)), 1)
        aside |= {command.seq for command in commands if isinstance(command, SetAside)}
        aside -= {command.seq for command in commands if isinstance(command, PutBack)}
    assert refusals < 10
    assert aside == set()
    assert d.blocked()
    assert d.waiting(Lane.BULK) == 5


def test_a_blocked_lane_tries_again_and_goes_on_when_the_server_can_read() -> None:
    d = delivery(bulk=Stock(newest=5))
    commands = answered(d)
    while batch := plans(commands):
        d.on(Published(batch[0].number, "d" * 16), 1)
        commands = d.on(receipt(refused=("d" * 16,)), 1)
    assert plans(d.on(Tick(), 1 + PACE.blocked_s - 1)) == []
    (plan,) = plans(d.on(Tick(), 1 + PACE.blocked_s))
    assert (plan.first, plan.last) == (1, 1)
    d.on(receipt(bulk=1), 70)
    assert not d.blocked()


def test_a_refusal_without_our_outbox_moves_no_mark() -> None:
    d = delivery(bulk=Stock(mark=50, newest=60))
    d.on(Connected(), 0)
    commands = d.on(ReceiptCame(Receipt(gateway="hv-1", epoch="z", refused=[Refusal(digest="no", why="?")])), 0.1)
    assert commands == []
    assert d.epoch == "a"
    assert d.waiting(Lane.BULK) == 10


def test_a_receipt_for_another_outbox_moves_no_mark() -> None:
    d = delivery(bulk=Stock(newest=10))
    d.on(Connected(), 0)
    other = Receipt(gateway="hv-1", outbox="f" * 16, epoch="a", bulk=10)
    d.on(ReceiptCame(other), 0.1)
    assert d.waiting(Lane.BULK) == 10


def test_an_outbox_whose_server_has_rows_it_never_made_takes_a_new_name() -> None:
    d = delivery(bulk=Stock(newest=10))
    d.on(Connected(), 0)
    assert d.on(receipt(bulk=11), 0.1) == [Renew()]
    assert d.on(Appended(Lane.BULK, 30), 0.2) == []


def test_a_connection_without_receipts_is_rebuilt_and_ever_more_rarely() -> None:
    d = delivery(bulk=Stock(newest=10))
    d.on(Connected(), 0)
    rebuilt_s: list[float] = []
    now_s = 0.0
    while now_s < 2_000:
        now_s += 1
        if any(isinstance(command, Rebuild) for command in d.on(Tick(), now_s)):
            rebuilt_s.append(now_s)
            d.on(Disconnected(), now_s)
            d.on(Connected(), now_s)
    waits = [later - earlier for earlier, later in pairwise([0.0, *rebuilt_s])]
    assert waits == [75, 150, 300, 600, 600]


def test_a_batch_that_could_not_be_handed_over_is_planned_again_a_second_later() -> None:
    d = delivery(bulk=Stock(newest=10))
    (plan,) = plans(answered(d))
    assert d.on(Unsent(plan.number), 1.0) == []
    assert spans(d.on(Tick(), 2.0)) == [(Lane.BULK, 0, 1, 10)]


def test_pruned_rows_are_never_planned() -> None:
    d = delivery(bulk=Stock(mark=50, oldest=1, newest=50))
    d.on(Pruned(Lane.BULK, 41), 0)
    d.on(Connected(), 0)
    (plan,) = plans(d.on(receipt(epoch="b"), 0.1))
    assert (plan.first, plan.last, plan.lost) == (41, 50, (Hole(first=1, last=40, why=LostWhy.RESTORED),))


def unset(*, alarm: Stock | None = None, bulk: Stock | None = None) -> Delivery:
    stocks = {Lane.ALARM: alarm or Stock(), Lane.BULK: bulk or Stock()}
    return Delivery(outbox=OUTBOX, epoch="a", stocks=stocks, is_clock_set=False)


def test_readings_wait_until_our_own_clock_is_set() -> None:
    d = unset(bulk=Stock(newest=5))
    assert plans(answered(d)) == []
    assert spans(d.on(ClockSet(), 1)) == [(Lane.BULK, 0, 1, 5)]


def test_readings_wait_for_the_clock_while_the_line_is_up_for_two_minutes_in_all() -> None:
    d = unset(bulk=Stock(newest=5))
    answered(d)
    for minute_s in (60, 90, 115):
        d.on(Disconnected(), minute_s)
        assert plans(answered(d, at_s=minute_s + 1)) == []
    assert d.due_s() == 123  # the line was down for three seconds of it
    assert spans(d.on(Tick(), 123)) == [(Lane.BULK, 0, 1, 5)]


def test_an_alarm_waits_for_the_first_receipt_which_may_set_the_clock() -> None:
    d = unset(alarm=Stock(newest=1))
    assert plans(d.on(Connected(), 0)) == []
    assert spans(d.on(receipt(), 0.3)) == [(Lane.ALARM, 0, 1, 1)]


def test_an_alarm_waits_two_seconds_for_it_and_no_longer() -> None:
    d = unset(alarm=Stock(newest=1))
    d.on(Connected(), 0)
    assert d.due_s() == 2
    assert spans(d.on(Tick(), 2)) == [(Lane.ALARM, 0, 1, 1)]


def test_an_alarm_of_later_does_not_wait_for_the_clock_again() -> None:
    d = unset()
    answered(d)
    d.on(Disconnected(), 10)
    answered(d, at_s=20)
    assert spans(d.on(Appended(Lane.ALARM, 1), 21)) == [(Lane.ALARM, 0, 1, 1)]
