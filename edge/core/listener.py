"""One device as the gateway listens to it: its bytes become items with their level, and those become rows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.errors import DecodeError
from devices.limits import Level, Limit
from devices.profiles.base import Profile, Said, Sender
from devices.vocabulary import KINDS, Item, Kind, Observation, Quality
from edge.core.hearing import Hearing, Remembered
from edge.core.thin import Thin

Judged = tuple[Item, Level]  # a reading as it was heard, or an event, a gap: INSIDE
Limits = Mapping[int, Mapping[Kind, Limit]]  # by slot

NOT_JUDGED: Final = frozenset({Quality.NO_READING, Quality.DEMONSTRATION})


@dataclass(frozen=True, kw_only=True, slots=True)
class Setup:
    """`cadence_s` None: as the profile says."""

    key: bytes | None = None
    cadence_s: float | None = None
    limits: Limits = field(default_factory=dict)


class Listener:
    def __init__(
        self, address: str, profile: Profile, zone: ZoneInfo, setup: Setup, remembered: Remembered | None = None
    ) -> None:
        self.address, self.profile = address, profile
        self.hearing = Hearing(address, zone, remembered)
        self._decode = profile.decoder()
        self._configure(setup)
        self.seen_at: datetime | None = None
        self.rssi_dbm: int | None = None
        self._garbled = 0

    def _configure(self, setup: Setup) -> None:
        self._sender = Sender(address=self.address, key=setup.key)
        self.setup = setup
        self.thin = Thin(self.profile.thin_s if setup.cadence_s is None else setup.cadence_s)

    def configure(self, setup: Setup) -> list[Item]:
        """At run time: the open interval ends, what was learned stays."""
        rows = self.thin.end()
        self._configure(setup)
        return rows

    @property
    def refused(self) -> int:
        """Bytes that broke the specification, and replays."""
        return self._garbled + self.hearing.replays

    def advert(self, data: bytes, now: datetime, now_s: float, *, is_set: bool) -> list[Judged]:
        if self.profile.decode_advert is None:
            return []
        try:
            advert = self.profile.decode_advert(data, self._sender)
        except DecodeError:
            self._garbled += 1
            raise
        return self._judged(self.hearing.advert(advert, now, now_s, is_set=is_set))

    def notification(
        self, uuid: str, data: bytes, now: datetime, now_s: float, *, is_set: bool
    ) -> tuple[tuple[Said, ...], list[Judged]]:
        if self._decode is None:
            return (), []
        try:
            said = self._decode(uuid, data)
        except DecodeError:
            self._garbled += 1
            raise
        return said, self._judged(self.hearing.heard(said, now, now_s, is_set=is_set))

    def settle(self, now_s: float) -> list[Judged]:
        """What only time says."""
        return self._judged(self.hearing.settle(now_s))

    def due_s(self) -> float | None:
        dues = (self.hearing.due_s(), self.thin.due_s())
        return min((due for due in dues if due is not None), default=None)

    def jumped(self, by: timedelta, since: datetime) -> None:
        self.hearing.jumped(by)
        self.thin.jumped(by, since)

    def _judged(self, items: Iterable[Item]) -> list[Judged]:
        return [(item, self._level(item)) for item in items]

    def _level(self, item: Item) -> Level:
        if not self.setup.limits or not isinstance(item, Observation):
            return Level.INSIDE
        limit = self.setup.limits.get(item.slot, {}).get(item.kind)
        if limit is None or item.value is None or item.quality in NOT_JUDGED:
            return Level.INSIDE
        return limit.level_of(item.value, item.sign, decimals=KINDS[item.kind].decimals)
