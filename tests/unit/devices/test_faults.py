from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from devices.ieee11073 import SFLOAT_NRES
from devices.profiles import oximeter, thermometer
from devices.profiles.base import Reading
from devices.virtual.faults import ClockFault, Fault, Faulty, without_float, without_sfloat, wrong_time
from devices.vocabulary import Quality

PAYLOAD = bytes.fromhex("16 4d 16 03")
NOON = datetime(2025, 7, 1, 12)  # noqa: DTZ001 - a device's local time


def all_sent(seed: int, rate: float = 0.5) -> list[tuple[Fault | None, tuple[bytes, ...]]]:
    faulty = Faulty(seed, rate=rate)
    return [(sent.fault, sent.payloads) for sent in (faulty.send(PAYLOAD) for _ in range(500))]


def test_one_seed_damages_the_same_messages_in_the_same_way() -> None:
    assert all_sent(7) == all_sent(7)
    assert all_sent(7) != all_sent(8)


def test_every_fault_happens_and_a_message_without_one_is_whole() -> None:
    sent = all_sent(7)
    assert {fault for fault, _ in sent} == {None, *Fault}
    assert {payloads for fault, payloads in sent if fault is None} == {(PAYLOAD,)}
    assert 150 < sum(fault is None for fault, _ in sent) < 350


@pytest.mark.parametrize(
    ("fault", "promise"),
    [
        (Fault.TRUNCATED, lambda out: len(out) == 1 and PAYLOAD.startswith(out[0]) and len(out[0]) < len(PAYLOAD)),
        (Fault.SURPLUS, lambda out: len(out) == 1 and out[0].startswith(PAYLOAD) and len(out[0]) > len(PAYLOAD)),
        (Fault.FLIPPED, lambda out: sum((a ^ b).bit_count() for a, b in zip(out[0], PAYLOAD, strict=True)) == 1),
        (Fault.NOISE, lambda out: len(out) == 1 and len(out[0]) <= 20),
        (Fault.TWICE, lambda out: out == (PAYLOAD, PAYLOAD)),
        (Fault.LOST, lambda out: out == ()),
    ],
)
def test_a_fault_is_what_its_name_says(fault: Fault, promise: Callable[[tuple[bytes, ...]], bool]) -> None:
    faulty = Faulty(3, rate=1, faults=(fault,))
    for _ in range(50):
        sent = faulty.send(PAYLOAD)
        assert sent.fault is fault
        assert promise(sent.payloads)


@pytest.mark.parametrize("fault", list(Fault))
def test_an_empty_message_has_its_faults_too(fault: Fault) -> None:
    assert Faulty(1, rate=1, faults=(fault,)).send(b"").fault is fault


def test_no_fault_at_rate_zero() -> None:
    assert {fault for fault, _ in all_sent(7, rate=0)} == {None}


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_a_rate_is_a_part_of_one(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Faulty(1, rate=rate)


@pytest.mark.parametrize(
    ("fault", "shows"),
    [
        (ClockFault.NEVER_SET, datetime(1970, 1, 3)),  # noqa: DTZ001
        (ClockFault.OTHER_ZONE, datetime(2025, 7, 1, 3)),  # noqa: DTZ001
        (ClockFault.SUMMER_MISSED, datetime(2025, 7, 1, 11)),  # noqa: DTZ001
        (ClockFault.YEAR_AHEAD, datetime(2026, 7, 1, 12)),  # noqa: DTZ001
    ],
)
def test_wrong_clocks(fault: ClockFault, shows: datetime) -> None:
    assert wrong_time(fault, NOON, since_battery=timedelta(days=2)) == shows


@pytest.mark.parametrize("word", [0x07FF, SFLOAT_NRES])
def test_a_reading_can_be_taken_out_of_a_message(word: int) -> None:
    spo2, pulse = oximeter.decode_continuous(without_sfloat(bytes.fromhex("00 5b 00 58 00"), 1, word=word))
    assert isinstance(spo2, Reading) and isinstance(pulse, Reading)
    assert (spo2.quality, pulse.value) == (Quality.NO_READING, 88)
    (temperature,) = thermometer.decode_measurement(without_float(bytes.fromhex("00 68 01 00 ff"), 1))
    assert isinstance(temperature, Reading)
    assert temperature.quality is Quality.NO_READING
