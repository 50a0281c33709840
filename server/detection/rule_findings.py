"""What a slow rule saw, with its evidence. Times are aware UTC; a finding never says what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from devices.limits import Level
from devices.vocabulary import KIND_BY_NUMBER, Kind
from server.clinical.references import Reference
from server.detection.findings import Direction
from server.detection.rows import stream_of
from server.detection.rules import Rule

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MS: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """Why. `numbers`: what the rule compared, by name, units as in the rule; `readings`: how many they rest on, days,
    points or windows; `proposal`: no clinical owner has signed the rule."""

    numbers: Mapping[str, float]
    from_at: datetime
    to_at: datetime
    readings: int
    references: tuple[Reference, ...]
    proposal: bool

    @property
    def reference(self) -> str:
        """One line for a nurse."""
        return "; ".join(str(reference) for reference in self.references)


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleFinding:
    patient: int
    kind: Kind
    name: str
    version: int
    level: Level
    direction: Direction
    at: datetime
    grounds: Grounds

    @property
    def rule(self) -> str:
        return f"{self.name}:{self.kind}:{self.direction}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """As of `at`, these rules knew enough of this stream, and said it if there was anything. `kind` None: of the
    patient."""

    patient: int
    kind: Kind | None
    rules: frozenset[str]
    at: datetime


def rule_finding(
    rule: Rule,
    key: int,
    direction: Direction,
    *,
    window_ms: tuple[int, int],
    readings: int,
    **numbers: float,
) -> RuleFinding:
    """`key` of the stream (rows.stream_keys); the window ends with what made the finding certain."""
    patient, kind = stream_of(key)
    steps = 2 if rule.colour == "red" else 1
    return RuleFinding(
        patient=patient,
        kind=KIND_BY_NUMBER[kind],
        name=rule.name,
        version=rule.version,
        level=Level(-steps if direction == "low" else steps),
        direction=direction,
        at=_instant(window_ms[1]),
        grounds=Grounds(
            numbers=MappingProxyType({name: float(number) for name, number in numbers.items()}),
            from_at=_instant(window_ms[0]),
            to_at=_instant(window_ms[1]),
            readings=readings,
            references=rule.references,
            proposal=rule.proposal,
        ),
    )


@lru_cache(maxsize=64)  # the findings of one run share their windows
def _instant(ms: int) -> datetime:
    return EPOCH + ms * MS
