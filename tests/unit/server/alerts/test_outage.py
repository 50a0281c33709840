"""Which silent gateways have one cause, and that none of them is forgotten."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from server.alerts import escalation, outage
from server.alerts.escalation import SHIPPED, Around, Part, Person, Roster
from server.alerts.hours import SHIPPED as SHIPPED_HOURS
from server.alerts.lifecycle import acknowledge
from server.alerts.model import Action, Priority, State, cause_subject
from server.alerts.outage import TOGETHER, Silent, joins
from server.alerts.policy import decide

T0 = datetime(2026, 2, 3, 1, 0, tzinfo=UTC)
TELENOR = "Telenor"
CAUSE = cause_subject("outage:Telenor@1")


def silent(gateway: int, minute: float = 0, line: str = TELENOR, *, covers: bool = False) -> Silent:
    return Silent(gateway=gateway, line=line, heard_at=T0 + timedelta(minutes=minute), covers=covers)


def names(found: dict[str, tuple[Silent, ...]]) -> dict[str, list[int]]:
    return {line: [each.gateway for each in members] for line, members in found.items()}


def test_five_of_one_line_within_five_minutes_are_one_cause_however_many_it_has() -> None:
    five = [silent(number, number / 2) for number in range(5)]
    assert names(joins(five, [], [], {TELENOR: 400})) == {TELENOR: [0, 1, 2, 3, 4]}
    assert joins(five[:4], [], [], {TELENOR: 400}) == {}


def test_three_are_one_cause_where_they_are_half_of_what_there_is() -> None:
    three = [silent(number) for number in range(3)]
    assert names(joins(three, [], [], {TELENOR: 6})) == {TELENOR: [0, 1, 2]}
    assert joins(three, [], [], {TELENOR: 7}) == {}
    assert joins(three[:2], [], [], {TELENOR: 2}) == {}, "two homes are two homes"


def test_lines_are_judged_each_for_itself() -> None:
    found = [silent(1), silent(2), silent(3), silent(4, line="Ice"), silent(5, line="")]
    assert names(joins(found, [], [], {TELENOR: 3, "Ice": 40, "": 40})) == {TELENOR: [1, 2, 3]}


def test_who_fell_silent_first_goes_with_the_others_and_who_did_so_yesterday_does_not() -> None:
    fresh = [silent(number, 3) for number in (7, 8, 9)]
    assert names(joins(fresh, [silent(1, 0), silent(2, -1440)], [], {TELENOR: 8})) == {TELENOR: [1, 7, 8, 9]}


def test_what_is_silent_minutes_later_belongs_to_the_outage_and_what_is_so_next_week_does_not() -> None:
    standing = [silent(1)]
    assert names(joins([silent(9, 4)], [], standing, {TELENOR: 400})) == {TELENOR: [9]}
    assert joins([silent(9, 7 * 1440)], [], standing, {TELENOR: 400}) == {}


lines = st.sampled_from([TELENOR, "Ice", ""])
moments = st.integers(-30, 30)


@st.composite
def nights(draw: st.DrawFn) -> tuple[list[Silent], list[Silent], list[Silent], dict[str, int]]:
    everybody = [
        silent(number, draw(moments), draw(lines), covers=draw(st.booleans()))
        for number in range(draw(st.integers(0, 14)))
    ]
    cut, end = sorted((draw(st.integers(0, len(everybody))), draw(st.integers(0, len(everybody)))))
    of = {
        line: sum(each.line == line for each in everybody) + draw(st.integers(0, 20)) for line in (TELENOR, "Ice", "")
    }
    return everybody[:cut], everybody[cut:end], everybody[end:], of


@given(nights())
def test_nobody_is_in_two_outages_or_in_one_far_from_all_others_and_who_is_left_out_is_told_alone(night) -> None:
    new, alone, standing, of = night
    found = joins(new, alone, standing, of)
    members = [each for joining in found.values() for each in joining]
    assert len(members) == len({each.gateway for each in members})
    assert {each.gateway for each in members} <= {each.gateway for each in [*new, *alone]}
    for line, joining in found.items():
        assert {each.line for each in joining} == {line}
        for each in joining:
            others = [other for other in [*joining, *standing] if other is not each and other.line == line]
            assert any(abs(other.heard_at - each.heard_at) <= 2 * TOGETHER for other in others)
    for line in of:  # many at the same moment are never told one by one
        same = [each for each in new if each.line == line]
        for each in same:
            together = [other for other in same if abs(other.heard_at - each.heard_at) <= TOGETHER]
            if len(together) >= outage.MANY:
                assert each in found[line]


# ---- the alert about all of them

SHIFT = Roster(on_duty={Part.DUTY: (Person(staff=1, name="Kari"),)})


def around(*, covers: bool) -> Around:
    grey = Priority.GREY
    return Around(chains=SHIPPED[grey], hours=SHIPPED_HOURS[grey], roster=SHIFT, covers=covers)


def told(alert, members: list[Silent], now: datetime, *, lost_cover: bool = False):
    found = outage.told(CAUSE, TELENOR, members, 40, lost_cover=lost_cover)
    (change,) = decide([] if alert is None else [alert], [found], now)
    return change


def test_an_outage_rings_nowhere_and_calls_somebody_when_cover_was_lost() -> None:
    first = told(None, [silent(1), silent(2)], T0)
    assert (first.alert.priority, first.rings, first.alert.evidence.numbers) == (
        Priority.GREY,
        False,
        {"gateways": 2, "of": 40, "covering": 0},
    )
    nothing = escalation.follow(first, escalation.NOTHING, around(covers=False))
    assert nothing.next_at is None
    later = T0 + timedelta(minutes=2)
    more = told(first.alert, [silent(1), silent(2), silent(3, covers=True)], later, lost_cover=True)
    course = escalation.follow(more, nothing, around(covers=True))
    assert course.next_at == later + escalation.COVER_AT_NIGHT, "at 02:02 in Norway"


def test_whoever_has_an_outage_hears_of_those_who_lost_cover_since() -> None:
    first = told(None, [silent(1, covers=True)], T0)
    taken = acknowledge(first.alert, 1, 1, T0)
    more = told(taken.alert, [silent(1, covers=True), silent(2)], T0)
    assert (more.action, more.alert.state) == (Action.REPEATED, State.ACKNOWLEDGED)
    worse = told(more.alert, [silent(1, covers=True), silent(3, covers=True)], T0, lost_cover=True)
    assert (worse.action, worse.alert.state, worse.rings) == (Action.RAISED_AGAIN, State.RAISED, True)
    assert escalation.follow(worse, escalation.NOTHING, around(covers=True)).next_at is not None
