"""Duty that is planned: when nobody is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    from_at: datetime
    to_at: datetime


def gaps(planned: Iterable[Span], within: Span) -> list[Span]:
    """The times in which no span of `planned` lies."""
    found, at = [], within.from_at
    for each in sorted(planned, key=lambda span: span.from_at):
        if each.from_at > at and at < within.to_at:
            found.append(Span(from_at=at, to_at=min(each.from_at, within.to_at)))
        at = max(at, each.to_at)
    if at < within.to_at:
        found.append(Span(from_at=at, to_at=within.to_at))
    return found
