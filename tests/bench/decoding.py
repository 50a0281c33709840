"""How long the decoding of one message takes, by sensor, beside the public libraries for the same bytes.

Each row runs over MESSAGES different messages of a living person; the quickest of ROUNDS counts, for the machine has
other work too. The library's rounds are taken between ours, so that both have the same machine. A strap's and a clip's
values were seen before, as after the first minute of a day: a value that is new to the gateway takes about 2 us more.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from random import Random
from time import perf_counter
from typing import Any, Final

from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bluetooth_sig.gatt.characteristics.heart_rate_measurement import HeartRateMeasurementCharacteristic
from bthome_ble.parser import BTHomeBluetoothDeviceData
from habluetooth import BluetoothServiceInfoBleak

from devices.profiles import PROFILES, bthome, heart_rate, oximeter, thermometer
from devices.profiles.base import Sender

LIMIT_US: Final = 3.0
MESSAGES: Final = 500
ROUNDS: Final = 40
SENDER: Final = Sender(address="C0:26:DF:01:23:45")
KEYED: Final = Sender(address=SENDER.address, key=bytes(range(16)))
MORNING: Final = datetime(2026, 11, 22, 7, 5, 30)  # noqa: DTZ001 - a device's local time

Take = Callable[[Any], object]


def rows() -> list[tuple[str, ...]]:
    """Table rows: message, us a decode, the limit, whether it holds, the library, its us, how many times ours."""
    return [("message", "us", "limit us", "holds", "library", "its us", "times ours"), *_rows(Random(7))]


def _rows(chance: Random) -> Iterator[tuple[str, ...]]:
    straps = [_beat(chance) for _ in range(MESSAGES)]
    sig = HeartRateMeasurementCharacteristic()
    theirs = ("bluetooth-sig", sig.parse_value, [bytearray(each) for each in straps])
    yield _row("heart rate, contact, one interval", _gatt("heart_rate", heart_rate.MEASUREMENT), straps, theirs)
    clips = [_second(chance) for _ in range(MESSAGES)]
    yield _row("oximeter, both states, amplitude", _gatt("oximeter", oximeter.CONTINUOUS), clips)
    ears = [_fever(chance, number) for number in range(MESSAGES)]
    yield _row("thermometer, with time", _gatt("thermometer", thermometer.MEASUREMENT), ears)
    doors = [
        bthome.encode_door(opened=bool(number % 2), packet_id=number % 256, battery_percent=chance.randint(1, 100))
        for number in range(MESSAGES)
    ]
    yield _row("BTHome door", _advert("bthome_door", SENDER), doors, _bthome_ble(doors, None))
    buttons = [
        bthome.encode_button(press=bthome.Press.SHORT, packet_id=number % 256, battery_percent=chance.randint(1, 100))
        for number in range(MESSAGES)
    ]
    yield _row("BTHome button", _advert("bthome_sos", SENDER), buttons, _bthome_ble(buttons, None))
    shut = [bthome.sealed(each, sender=KEYED, counter=number) for number, each in enumerate(buttons, start=1)]
    theirs = _bthome_ble(shut, KEYED.key)
    yield _row("BTHome button, encrypted", _advert("bthome_sos", KEYED), shut, theirs, limit_us=None)


def _beat(chance: Random) -> bytes:
    per_min = chance.randint(48, 130)
    return heart_rate.encode_measurement(per_min=per_min, on_body=True, rr_s=(60 / per_min + chance.gauss(0, 0.03),))


def _second(chance: Random) -> bytes:
    return oximeter.encode_continuous(
        spo2_percent=chance.randint(84, 99),
        pulse_per_min=chance.randint(48, 130),
        status=oximeter.Status.ONGOING,
        sensor=oximeter.Sensor(0),
        amplitude_percent=chance.randint(3, 120) / 10,
    )


def _fever(chance: Random, number: int) -> bytes:
    at = MORNING + timedelta(seconds=chance.randint(1, 40_000_000) + number)
    return thermometer.encode_measurement(celsius=chance.randint(354, 405) / 10, at=at, site=thermometer.Site.EAR)


def _gatt(profile: str, uuid: str) -> Take:
    decode = PROFILES[profile].decoder()
    assert decode is not None
    return lambda data: decode(uuid, data)


def _advert(profile: str, sender: Sender) -> Take:
    decode = PROFILES[profile].decode_advert
    assert decode is not None
    return lambda data: decode(data, sender)


Theirs = tuple[str, Take, Sequence[Any]]


def _bthome_ble(frames: Sequence[bytes], key: bytes | None) -> Theirs:
    """Each message five seconds after the one before: what comes sooner with the same number it takes for a repeat."""
    reader = BTHomeBluetoothDeviceData(bindkey=key)
    return "bthome-ble", reader.update, [_heard(frame, 5.0 * number) for number, frame in enumerate(frames)]


def _heard(frame: bytes, time_s: float) -> BluetoothServiceInfoBleak:
    service_data = {bthome.SERVICE: frame}
    advert = AdvertisementData("sensor", {}, service_data, [], None, -60, ())
    return BluetoothServiceInfoBleak(
        name="sensor",
        address=SENDER.address,
        rssi=-60,
        manufacturer_data={},
        service_data=service_data,
        service_uuids=[],
        source="local",
        device=BLEDevice(SENDER.address, "sensor", None),
        advertisement=advert,
        connectable=False,
        time=time_s,
        tx_power=None,
    )


def _row(
    what: str, ours: Take, messages: Sequence[bytes], theirs: Theirs | None = None, limit_us: float | None = LIMIT_US
) -> tuple[str, ...]:
    our_us, their_us = float("inf"), float("inf")
    for _ in range(ROUNDS):
        our_us = min(our_us, _us_each(ours, messages))
        if theirs is not None:
            their_us = min(their_us, _us_each(theirs[1], theirs[2]))
    judged = ("-", "-") if limit_us is None else (f"{limit_us:g}", "yes" if our_us < limit_us else "NO")
    compared = ("-", "-", "-") if theirs is None else (theirs[0], f"{their_us:.1f}", f"{their_us / our_us:.1f}")
    return (what, f"{our_us:.2f}", *judged, *compared)


def _us_each(take: Take, messages: Sequence[Any]) -> float:
    began = perf_counter()
    for each in messages:
        take(each)
    return (perf_counter() - began) / len(messages) * 1_000_000
