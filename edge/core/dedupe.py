"""The same thing said twice is one thing: repeated adverts, and a record that comes as notification and from memory."""

from collections import OrderedDict
from datetime import datetime
from typing import Final

from devices.profiles.base import Advert, Reading, Said
from devices.vocabulary import Kind

REPEATED_FOR_S: Final = 60.0  # a packet id heard again after a longer silence is a new packet (they are one byte long)
UNNUMBERED_FOR_S: Final = 2.0  # an advertiser without packet ids: the same content within this time is a repeat
PACKETS: Final = 16
RECORDS: Final = 512


class Adverts:
    """One advertiser."""

    def __init__(self) -> None:
        self._heard: OrderedDict[object, float] = OrderedDict()

    def is_new(self, advert: Advert, now_s: float) -> bool:
        key: tuple[Said, ...] | int = advert.said if advert.packet_id is None else advert.packet_id
        limit_s = UNNUMBERED_FOR_S if advert.packet_id is None else REPEATED_FOR_S
        before_s = self._heard.pop(key, None)
        self._heard[key] = now_s
        if len(self._heard) > PACKETS:
            self._heard.popitem(last=False)
        return before_s is None or now_s - before_s > limit_s


class Records:
    """One device's stored records. A meter whose memory was emptied counts from 1 again: its time tells them apart."""

    def __init__(self) -> None:
        self._had: OrderedDict[tuple[int, Kind, int, datetime | None], None] = OrderedDict()

    def is_new(self, reading: Reading) -> bool:
        if reading.record is None:
            return True
        key = (reading.slot, reading.kind, reading.record, reading.device_time)
        is_new = key not in self._had
        self._had[key] = None
        if len(self._had) > RECORDS:
            self._had.popitem(last=False)
        return is_new
