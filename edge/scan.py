"""What is on the air: for the person who writes the configuration."""

import asyncio

from bleak import BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.profiles import PROFILES
from edge.ble import RADIO_FAULTS, no_bluetooth, radio_of
from edge.errors import RadioError


async def scan(virtual: str | None, seconds: float) -> list[str]:
    heard: dict[str, tuple[AdvertisementData, str]] = {}

    def detected(device: BLEDevice, advert: AdvertisementData) -> None:
        heard[device.address.upper()] = (advert, advert.local_name or device.name or "")

    async with radio_of(virtual):
        try:
            async with BleakScanner(detected):
                await asyncio.sleep(seconds)
        except RADIO_FAULTS as error:
            raise RadioError(no_bluetooth(error)) from error
    lines = [
        f"{address}  {advert.rssi:4d} dBm  {name or '-'}  {profiles_of(advert)}"
        for address, (advert, name) in sorted(heard.items(), key=lambda item: -item[1][0].rssi)
    ]
    return lines or [f"nothing was heard in {seconds:g} s"]


def profiles_of(advert: AdvertisementData) -> str:
    services = {*advert.service_uuids, *advert.service_data}
    fitting = [profile.name for profile in PROFILES.values() if profile.service in services]
    return f"profile: {' or '.join(fitting)}" if fitting else "no profile knows it"
