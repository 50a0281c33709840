"""When a ring of gateways is asked for something new, when it is well, and when everything has to stop. Pure.

A gateway is well when it has what was asked for and has been online with it for a while. One that does not come back,
or says that it cannot, stops the rollout: nobody else is asked until a person has looked. Gateways that were silent
before they were asked hold nothing up: they are asked when they come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

GIVEN_FOR: Final = timedelta(hours=2)  # as long as the command is said
SETTLES: Final = timedelta(minutes=15)
SILENT_FOR: Final = timedelta(minutes=15)  # after it was there: the watch over silence says so long before
RINGS_MAX: Final = 8


class At(StrEnum):
    WAITS = "waits"
    ASKED = "asked"
    THERE = "there"  # it has it; not for long enough
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """`since`: of `at`. `has_it`: as it says itself. `refusal`: why it will not, in its words; empty: it has not said
    so. `heard_at`: None: never."""

    gateway: int
    name: str
    ring: int
    at: At
    since: datetime
    is_online: bool
    heard_at: datetime | None
    has_it: bool
    refusal: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    gateway: int
    to: At
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """`ask`: who is asked now. `ring`: the one that has begun. `stopped`: why; `is_done`: there is nobody left."""

    steps: Sequence[Step]
    ask: Sequence[int]
    ring: int
    stopped: str = ""
    is_done: bool = False


def rings_of(order: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, int]]:
    """(gateway, ring), from 1 on; `sizes` count from the beginning, and the last ring has all the others."""
    placed = []
    for place, gateway in enumerate(order):
        ring = next((number for number, size in enumerate(sizes, 1) if place < sum(sizes[:number])), len(sizes) + 1)
        placed.append((gateway, ring))
    return placed


def plan(members: Sequence[Member], ring: int, now: datetime) -> Plan:
    steps = [step for each in members if (step := _step(each, now)) is not None]
    to = {step.gateway: step.to for step in steps}
    failed = [(each, step.why) for each in members for step in steps if step.gateway == each.gateway and step.why]
    if failed:
        (first, why), more = failed[0], len(failed) - 1
        also = f", and {more} more" if more else ""
        return Plan(steps=steps, ask=[], ring=ring, stopped=f"{first.name}: {why}{also}")
    standing = {each.gateway: to.get(each.gateway, each.at) for each in members}
    last = max((each.ring for each in members), default=ring)
    while ring < last and _is_well(members, standing, ring):
        ring += 1
    waiting = [each for each in members if standing[each.gateway] is At.WAITS and each.ring <= ring]
    is_done = all(at is At.DONE for at in standing.values())
    return Plan(steps=steps, ask=[each.gateway for each in waiting if each.is_online], ring=ring, is_done=is_done)


def _step(member: Member, now: datetime) -> Step | None:
    match member.at:
        case At.WAITS if member.has_it and member.is_online:
            return Step(gateway=member.gateway, to=At.DONE)  # somebody was here before
        case At.ASKED:
            return _asked(member, now)
        case At.THERE:
            return _there(member, now)
    return None


def _asked(member: Member, now: datetime) -> Step | None:
    if member.has_it and member.is_online:
        return Step(gateway=member.gateway, to=At.THERE)
    if member.refusal:
        return Step(gateway=member.gateway, to=At.FAILED, why=member.refusal)
    if now - member.since > GIVEN_FOR:
        why = "it does not do what it was asked for" if member.is_online else "it has not come back"
        return Step(gateway=member.gateway, to=At.FAILED, why=why)
    return None


def _there(member: Member, now: datetime) -> Step | None:
    if member.is_online and not member.has_it:
        return Step(gateway=member.gateway, to=At.FAILED, why="it has gone back to what it had before")
    if not member.is_online:
        is_gone = member.heard_at is None or now - member.heard_at > SILENT_FOR
        return Step(gateway=member.gateway, to=At.FAILED, why="it fell silent afterwards") if is_gone else None
    return Step(gateway=member.gateway, to=At.DONE) if now - member.since >= SETTLES else None


def _is_well(members: Iterable[Member], standing: dict[int, At], ring: int) -> bool:
    """Nobody up to this ring is under way, and somebody in it shows that it works, unless it is empty."""
    of_ring = [standing[each.gateway] for each in members if each.ring == ring]
    under_way = any(standing[each.gateway] in (At.ASKED, At.THERE) for each in members if each.ring <= ring)
    return not under_way and (At.DONE in of_ring or not of_ring)
