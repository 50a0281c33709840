"""What is on the air: for the person who writes the configuration."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Final

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.profiles import PROFILES
from edge.adapters import doors_of
from edge.config import Config, RadioConfig
from edge.doors import RADIO_FAULTS, no_bluetooth
from edge.errors import RadioError

MOST: Final = 500  # devices: a busy street
NO_RSSI_DBM: Final = -127


@dataclass(slots=True)
class _Found:
    advert: AdvertisementData
    name: str
    at_s: float


async def scan(config: Config | None, seconds: float) -> list[str]:
    """One line for each device, the loudest first. None: no configuration, so the machine's first adapter."""
    heard: dict[str, _Found] = {}

    def detected(device: BLEDevice, advert: AdvertisementData) -> None:
        address = device.address.upper()
        if address in heard or len(heard) < MOST:
            name = advert.local_name or device.name or ""
            heard[address] = _Found(advert=advert, name=name, at_s=time.monotonic())

    try:
        async with contextlib.AsyncExitStack() as stack:
            for door in doors_of(config.radio if config else RadioConfig(), None, pairs=False):
                stack.push_async_callback(door.close)
                await door.open()
                await stack.enter_async_context(door.scanner(detected))
            await asyncio.sleep(seconds)
    except RADIO_FAULTS as error:
        raise RadioError(no_bluetooth(error)) from error
    names = {device.address: device.name or device.profile for device in config.devices} if config else {}
    return _lines(heard, names, time.monotonic()) or [f"nothing was heard in {seconds:g} s"]


def _lines(heard: dict[str, _Found], ours: dict[str, str], now_s: float) -> list[str]:
    return [
        f"{address}  {_strength(found.advert)}  {now_s - found.at_s:3.0f} s ago  "
        f"{found.name or '-'}  {_profiles(found.advert)}"
        + (f", in the configuration as {ours[address]}" if address in ours else "")
        for address, found in sorted(heard.items(), key=lambda item: -item[1].advert.rssi)
    ]


def _strength(advert: AdvertisementData) -> str:
    return "  ?  dBm" if advert.rssi <= NO_RSSI_DBM else f"{advert.rssi:4d} dBm"


def _profiles(advert: AdvertisementData) -> str:
    fitting = profiles_of(advert)
    return f"profile: {' or '.join(fitting)}" if fitting else "no profile knows it"


def profiles_of(advert: AdvertisementData) -> list[str]:
    """A guess by the services that it names; names of devices.profiles.PROFILES."""
    services = {*advert.service_uuids, *advert.service_data}
    return [profile.name for profile in PROFILES.values() if profile.service in services]
