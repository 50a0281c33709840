"""The rule of delivery: which batch may be committed when. Pure."""

from collections.abc import Iterator, Sequence
from enum import Enum, auto

from devices.wire.messages import Body, Header


class Verdict(Enum):
    FILE = auto()
    REPEATED = auto()  # it is all committed: say so again
    TOO_EARLY = auto()  # something before it is missing: say again what is committed


def judge(mark: int, header: Header) -> Verdict:
    """`mark`: what of (gateway, outbox, lane) is committed; 0: nothing."""
    if header.last <= mark:
        return Verdict.REPEATED
    return Verdict.FILE if header.after <= mark else Verdict.TOO_EARLY


def missing(mark: int, header: Header, body: Body, strange: Sequence[int] = ()) -> Iterator[tuple[int, int]]:
    """Rows above the mark that were neither sent nor declared lost, as ranges: a fault of the gateway. `strange`: rows
    that were sent and are not in the body."""
    sections = (body.observations, body.events, body.gaps)
    there = [(seq, seq) for section in sections for seq in section.seq] + [(seq, seq) for seq in strange]
    there += [(lost.first, lost.last) for lost in header.lost]
    expected = max(mark, header.after) + 1
    for first, last in sorted(there):
        if first > expected:
            yield expected, first - 1
        expected = max(expected, last + 1)
    if expected <= header.last:
        yield expected, header.last
