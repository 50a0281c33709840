"""What is new comes to gateways in rings, and stops by itself."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.rollouts import GIVEN_FOR, SETTLES, SILENT_FOR, At, Member, Step, plan, rings_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
S = timedelta(seconds=1)


def member(gateway: int, ring: int, at: At = At.WAITS, *, since: timedelta = S, **other: Any) -> Member:
    given: dict[str, Any] = {"is_online": True, "heard_at": NOW, "has_it": at in (At.THERE, At.DONE)} | other
    return Member(gateway=gateway, name=f"gw-{gateway}", ring=ring, at=at, since=NOW - since, **given)


def test_rings_have_their_sizes_and_the_last_one_has_the_rest() -> None:
    placed = rings_of(range(13), (1, 10))
    assert [ring for _, ring in placed] == [1] + [2] * 10 + [3] * 2
    assert [ring for _, ring in rings_of([7, 8], ())] == [1, 1]


def test_the_first_ring_alone_is_asked() -> None:
    asked = plan([member(1, 1), member(2, 2), member(3, 2)], 1, NOW)
    assert (asked.ask, asked.ring, asked.stopped, asked.is_done) == ([1], 1, "", False)


def test_the_next_ring_is_asked_when_the_one_before_has_been_well_for_a_while() -> None:
    there = [member(1, 1, At.THERE, since=SETTLES - S), member(2, 2)]
    assert plan(there, 1, NOW).ask == []
    well = plan([member(1, 1, At.THERE, since=SETTLES), member(2, 2)], 1, NOW)
    assert (well.steps, well.ask, well.ring) == ([Step(gateway=1, to=At.DONE)], [2], 2)


def test_one_that_has_it_is_watched_before_it_counts() -> None:
    assert plan([member(1, 1, At.ASKED, has_it=True)], 1, NOW).steps == [Step(gateway=1, to=At.THERE)]


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (member(1, 1, At.ASKED, since=GIVEN_FOR + S, is_online=False), "gw-1: it has not come back"),
        (member(1, 1, At.ASKED, since=GIVEN_FOR + S), "gw-1: it does not do what it was asked for"),
        (member(1, 1, At.ASKED, refusal="no such version"), "gw-1: no such version"),
        (
            member(1, 1, At.THERE, is_online=False, heard_at=NOW - SILENT_FOR - S),
            "gw-1: it fell silent afterwards",
        ),
        (member(1, 1, At.THERE, has_it=False), "gw-1: it has gone back to what it had before"),
    ],
)
def test_one_that_does_not_come_back_stops_it_for_all_others(who: Member, why: str) -> None:
    stopped = plan([who, member(2, 1), member(3, 2)], 1, NOW)
    assert (stopped.stopped, stopped.ask, stopped.ring) == (why, [], 1)
    assert [step.to for step in stopped.steps] == [At.FAILED]


def test_a_short_silence_after_the_new_program_is_a_restart() -> None:
    silent = member(1, 1, At.THERE, is_online=False, heard_at=NOW - SILENT_FOR + S)
    assert (plan([silent, member(2, 2)], 1, NOW).steps, plan([silent], 1, NOW).stopped) == ([], "")


def test_one_that_was_silent_before_is_asked_when_it_comes_and_holds_nobody_up() -> None:
    away = member(2, 1, is_online=False, heard_at=None)
    done = [member(1, 1, At.DONE), away, member(3, 2)]
    assert (plan(done, 1, NOW).ask, plan(done, 1, NOW).ring) == ([3], 2)
    back = [member(1, 1, At.DONE), member(2, 1), member(3, 2, At.DONE)]
    assert plan(back, 2, NOW).ask == [2]


def test_a_ring_in_which_nobody_could_be_asked_proves_nothing() -> None:
    assert plan([member(1, 1, is_online=False), member(2, 2)], 1, NOW).ask == []


def test_it_is_done_when_everybody_has_it_and_who_had_it_before_is_not_asked() -> None:
    before = plan([member(1, 1, has_it=True), member(2, 1, At.DONE)], 1, NOW)
    assert (before.ask, before.is_done) == ([], True)
