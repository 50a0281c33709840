"""When a continuous stream was silent for longer than it usually is: a gap, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import Gap, GapReason

SHORTEST_GAP_S: Final = 2.5
SILENT_INTERVALS: Final = 2.5
USUAL_AT_FIRST_S: Final = 1.0


@dataclass(slots=True)
class _Stream:
    """`last_s` is None until it was heard in this run; from then on our own clock may be set without making a gap."""

    last_at: datetime
    last_s: float | None = None
    usual_s: float = USUAL_AT_FIRST_S


class Silence:
    """One device, by user slot. `last_taken`: the newest on the disk of each stream at this start."""

    def __init__(self, device: str, last_taken: Mapping[int, datetime]) -> None:
        self._device = device
        self._streams = {slot: _Stream(last_at=at) for slot, at in last_taken.items()}

    def spoke(self, slot: int, now: datetime, now_s: float) -> Gap | None:
        stream = self._streams.get(slot)
        if stream is None:
            stream = self._streams[slot] = _Stream(last_at=now)
        gap = self._gap(stream, slot, now, now_s)
        stream.last_at, stream.last_s = now, now_s
        return gap

    def last_taken(self) -> dict[int, datetime]:
        return {slot: stream.last_at for slot, stream in self._streams.items()}

    def _gap(self, stream: _Stream, slot: int, now: datetime, now_s: float) -> Gap | None:
        if stream.last_s is None:
            if stream.last_at < now:  # however short: what was said to a dead agent, nobody can know
                return self._since(stream.last_at, slot, now, GapReason.AGENT_RESTARTED)
            return None
        silent_s = now_s - stream.last_s
        if silent_s > max(SILENT_INTERVALS * stream.usual_s, SHORTEST_GAP_S):
            return self._since(now - timedelta(seconds=silent_s), slot, now, GapReason.NOT_CONNECTED)
        if silent_s > 0:
            stream.usual_s += (silent_s - stream.usual_s) / 8
        return None

    def _since(self, began: datetime, slot: int, now: datetime, why: GapReason) -> Gap:
        return Gap(device=self._device, slot=slot, from_at=began, to_at=now, why=why)
