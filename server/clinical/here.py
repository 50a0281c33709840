"""Where the people are: their days, nights and midnights."""

from typing import Final
from zoneinfo import ZoneInfo

HERE: Final = ZoneInfo("Europe/Oslo")
