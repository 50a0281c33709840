"""What the radio overhears while a technician listens: advertisements of anybody, told to `edge.core.around`."""

from collections.abc import Callable, Mapping
from typing import Final

from bleak.backends.scanner import AdvertisementData

from devices.profiles import bthome
from devices.profiles.base import Sender
from edge.config import DeviceConfig
from edge.core.around import Around, sort_of
from edge.ports import Clock

NO_RSSI_DBM: Final = -127  # what bleak says when BlueZ does not know it


class Overhearing:
    """`configured`: what this gateway reads already, by address."""

    def __init__(self, around: Around, clock: Clock, configured: Callable[[], Mapping[str, DeviceConfig]]) -> None:
        self._around, self._clock, self._configured = around, clock, configured

    def __call__(self, address: str, advert: AdvertisementData) -> None:
        now_s = self._clock.monotonic_s()
        if self._around.until(now_s) is None:
            return
        config = self._configured().get(address)
        data = advert.service_data.get(bthome.SERVICE)
        sort = sort_of(
            [*advert.service_uuids, *advert.service_data],
            None if data is None else bytes(data),
            Sender(address=address, key=None if config is None else config.key),
            None if config is None else config.profile,
        )
        rssi_dbm = advert.rssi if advert.rssi > NO_RSSI_DBM else None
        self._around.hear(address, sort, rssi_dbm, self._clock.now(), now_s)
