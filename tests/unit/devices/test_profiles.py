"""What every profile promises to the gateway."""

import pytest

from devices.profiles import PROFILES, battery, device_information
from devices.profiles.base import Profile, Reach, SetsClock
from devices.profiles.current_time import CURRENT_TIME

CONNECTED = [each for each in PROFILES.values() if each.reach is not Reach.ADVERT]
ADVERTISERS = [each for each in PROFILES.values() if each.reach is Reach.ADVERT]


def name(profile: Profile) -> str:
    return profile.name


@pytest.mark.parametrize("profile", PROFILES.values(), ids=name)
def test_every_quirk_is_a_sentence_with_a_source(profile: Profile) -> None:
    for quirk in profile.quirks:
        assert quirk.what.endswith(".") and len(quirk.what) > 20
        assert quirk.source


@pytest.mark.parametrize("profile", CONNECTED, ids=name)
def test_a_connectable_device_is_asked_who_it_is_and_how_full_its_battery_is(profile: Profile) -> None:
    assert {battery.LEVEL, *device_information.READ} <= set(profile.read)
    decode = profile.decoder()
    assert decode is not None
    for uuid in device_information.READ:
        assert decode(uuid, b"X")


@pytest.mark.parametrize("profile", [each for each in CONNECTED if each.clock is not SetsClock.NO], ids=name)
def test_a_device_whose_clock_is_checked_can_be_understood(profile: Profile) -> None:
    decode = profile.decoder()
    assert decode is not None
    assert decode(CURRENT_TIME, bytes.fromhex("ea 07 0b 16 0e 1e 05 07 80 01"))


@pytest.mark.parametrize("profile", ADVERTISERS, ids=name)
def test_an_advertiser_is_only_listened_to(profile: Profile) -> None:
    assert profile.decode_advert is not None
    assert profile.decoder() is None
    assert (profile.read, profile.subscribe, profile.racp, profile.clock) == ((), (), None, SetsClock.NO)


def test_streams_that_come_every_second_are_thinned_and_no_other() -> None:
    assert {each.name: each.thin_s for each in PROFILES.values() if each.thin_s} == {"heart_rate": 15, "oximeter": 15}
