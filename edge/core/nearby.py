"""Which adapters hear a device, how well, and which of them it should be reached through."""

from dataclasses import dataclass, field
from typing import Final

from devices.profiles.base import Reach

FRESH_S: Final = {Reach.SPOT: 5.0, Reach.STREAM: 30.0, Reach.ADVERT: 30.0}  # heard so long ago, it may be there yet
SMOOTHING: Final = 0.2  # of the signal strength: one lucky advertisement does not move a device


@dataclass(slots=True)
class _Heard:
    rssi_dbm: float
    at_s: float


@dataclass(slots=True)
class Nearby:
    """`bonded_at`: the adapter that has the device's key; through another one it would have to be paired anew.
    `refused_at`: those that it did not let in."""

    reach: Reach
    bonded_at: str | None = None
    refused_at: set[str] = field(default_factory=set)
    heard: dict[str, _Heard] = field(default_factory=dict)

    def hear(self, adapter: str, rssi_dbm: int, now_s: float) -> None:
        heard = self.heard.get(adapter)
        if heard is None or now_s - heard.at_s > FRESH_S[self.reach]:
            self.heard[adapter] = _Heard(rssi_dbm=rssi_dbm, at_s=now_s)
            return
        heard.at_s = now_s
        heard.rssi_dbm += (rssi_dbm - heard.rssi_dbm) * SMOOTHING

    def lose(self, adapter: str) -> None:
        self.heard.pop(adapter, None)

    def visited(self, adapter: str, is_bonded: bool | None) -> None:
        """None: not known, or it needs no bond."""
        if is_bonded:
            self.bonded_at = adapter
            self.refused_at.discard(adapter)
        elif is_bonded is False:
            self.refused_at.add(adapter)
            self.bonded_at = None if self.bonded_at == adapter else self.bonded_at

    def heard_by(self, now_s: float) -> tuple[str, ...]:
        """The adapter that has its key first, then the one that hears it best."""
        fresh = [
            (name == self.bonded_at, name not in self.refused_at, heard.rssi_dbm, name)
            for name, heard in self.heard.items()
            if now_s - heard.at_s <= FRESH_S[self.reach]
        ]
        return tuple(name for *_, name in sorted(fresh, reverse=True))
