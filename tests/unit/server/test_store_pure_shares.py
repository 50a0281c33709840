"""Who has which buckets: always each one's by one plan, and never more moved than has to be."""

from hypothesis import given
from hypothesis import strategies as st

from server.store.shares import plan

NAMES = st.sampled_from("abcdefg")
HOLDERS = st.dictionaries(st.integers(0, 63), st.none() | NAMES, min_size=64, max_size=64)


def settled(holders: dict[int, str | None], living: set[str]) -> dict[int, str | None]:
    """After two looks of everybody: what is let go in the first is taken in the second."""
    for _ in range(2):
        for me in sorted(living):
            planned = plan(holders, living, me)
            holders |= {bucket: None for bucket in planned.leave} | dict.fromkeys(planned.take, me)
    return holders


def test_a_single_one_has_everything() -> None:
    planned = plan(dict.fromkeys(range(64)), {"a"}, "a")
    assert (planned.take, planned.serve, planned.leave) == (frozenset(range(64)), frozenset(), frozenset())


def test_what_a_dead_one_had_is_taken_and_nothing_else_moves() -> None:
    holders: dict[int, str | None] = {bucket: "ab"[bucket % 2] for bucket in range(64)}
    planned = plan(holders, {"a"}, "a")
    assert planned.take == frozenset(range(1, 64, 2))
    assert planned.leave == frozenset()


def test_who_comes_new_gets_its_share_when_the_others_have_let_it_go() -> None:
    holders: dict[int, str | None] = dict.fromkeys(range(64), "a")
    first, second = plan(holders, {"a", "b"}, "a"), plan(holders, {"a", "b"}, "b")
    assert (len(first.serve), len(first.leave), len(second.take)) == (32, 32, 0)


@given(holders=HOLDERS, living=st.sets(NAMES, min_size=1))
def test_soon_everything_is_somebodys_and_nobody_has_more_than_one_more(
    holders: dict[int, str | None], living: set[str]
) -> None:
    after = settled(dict(holders), living)
    many = [sum(holder == name for holder in after.values()) for name in living]
    assert sum(many) == 64
    assert max(many) - min(many) <= 1


@given(holders=HOLDERS, living=st.sets(NAMES, min_size=1), me=NAMES)
def test_nobody_takes_what_is_a_living_ones(holders: dict[int, str | None], living: set[str], me: str) -> None:
    planned = plan(holders, living, me)
    assert not {holders[bucket] for bucket in planned.take} & living
    assert {holders[bucket] for bucket in planned.serve | planned.leave} <= {me}
