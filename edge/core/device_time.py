"""What one device says of its own time, and what that makes of the times of its readings."""

import contextlib
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from devices.profiles.base import DeviceClock, Reading, SessionStarted
from devices.vocabulary import ClockTrust
from edge.core.clock import AGREES, Stamp, stamp, stamp_utc, to_utc

HOLDS: Final = timedelta(hours=1)  # how long a comparison of clocks says something: a visit, and some tries
REMEMBERED_FOR: Final = timedelta(days=60)  # records of an earlier setting of the clock still come within this


class _Compared(msgspec.Struct, frozen=True):
    """The device's clock showed `shows` (local) at our `at`."""

    shows: datetime
    at: datetime
    ahead_s: float


class DeviceTime:
    """One device. `remembered`: what `kept` said before this start."""

    def __init__(self, zone: ZoneInfo, clock: str = "", session: str = "") -> None:
        self._zone = zone
        self._now: _Compared | None = None
        self._before: _Compared | None = None  # how it stood until it was set
        self._is_unset = False
        self._session: SessionStarted | None = None
        with contextlib.suppress(msgspec.MsgspecError):  # nothing, or written by another version: it will be said again
            self._now, self._before = _CLOCK.decode(clock)
        with contextlib.suppress(msgspec.MsgspecError):
            self._session = _SESSION.decode(session)

    def learn_clock(self, clock: DeviceClock, now: datetime, *, is_set: bool) -> None:
        self._is_unset = clock.shows is None
        if clock.shows is None or not is_set:
            return
        ahead = to_utc(clock.shows, self._zone, now) - now
        seen = _Compared(shows=clock.shows, at=now, ahead_s=ahead.total_seconds())
        if self._now is not None and abs(seen.ahead_s - self._now.ahead_s) > AGREES.total_seconds():
            self._before = self._now  # it was set since then: by us, or by a person
        self._now = seen

    def learn_session(self, session: SessionStarted) -> None:
        self._session = session

    def moment(self, reading: Reading) -> datetime | None:
        """By the device's own clock, without a zone."""
        if reading.device_time is not None:
            return reading.device_time
        if reading.into_session is None or self._session is None:
            return None
        return self._session.at + reading.into_session

    def stamp(self, reading: Reading, now: datetime, *, is_set: bool) -> Stamp:
        moment = self.moment(reading)
        if moment is None or (self._is_unset and reading.device_time is not None):
            return Stamp(at=now, trust=ClockTrust.ARRIVAL)
        if reading.device_time is None:
            return self._of_session(moment, now, is_set=is_set)
        return stamp(
            device_time=moment,
            is_stored=reading.record is not None,
            zone=self._zone,
            now=now,
            ahead_by=self._ahead_by(moment, now),
            is_set=is_set,
        )

    def _of_session(self, moment: datetime, now: datetime, *, is_set: bool) -> Stamp:
        """A session start has its own offset from UTC; a sensor that says no other time counts minutes from there."""
        assert self._session is not None
        offset = self._session.utc_offset
        at = to_utc(moment, self._zone, now) if offset is None else (moment - offset).replace(tzinfo=UTC)
        return stamp_utc(at=at, is_stored=True, now=now, is_set=is_set)

    def _ahead_by(self, moment: datetime, now: datetime) -> timedelta | None:
        """By how much the clock that wrote `moment` was wrong. None: nobody compared it."""
        if self._now is None:
            return None
        before = self._before
        if before is not None and now - before.at <= REMEMBERED_FOR and self._is_of(before, moment, now):
            return timedelta(seconds=before.ahead_s)
        return timedelta(seconds=self._now.ahead_s) if now - self._now.at <= HOLDS else None

    def _is_of(self, before: _Compared, moment: datetime, now: datetime) -> bool:
        """Written before the clock was set. Where both settings could have shown this time, the newer one is meant."""
        assert self._now is not None
        newer = timedelta(seconds=self._now.ahead_s)
        began = _local(before.at + newer, self._zone) - AGREES
        return moment < began or moment > _local(now + newer, self._zone) + AGREES

    def kept_clock(self) -> str:
        return _ENCODER.encode((self._now, self._before)).decode()

    def kept_session(self) -> str:
        return _ENCODER.encode(self._session).decode()


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


_ENCODER: Final = msgspec.json.Encoder()
_CLOCK: Final = msgspec.json.Decoder(tuple[_Compared | None, _Compared | None])
_SESSION: Final = msgspec.json.Decoder(SessionStarted | None)
