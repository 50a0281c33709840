"""A meter that is on the air for ten seconds is read, whatever else goes on."""

import asyncio

import pytest

from tests.integration.edge_crowd_rig import crowd

pytestmark = pytest.mark.integration


async def test_a_meter_on_the_air_for_ten_seconds_is_read_among_twenty_other_devices() -> None:
    async with crowd(seed=1, meters=3) as (home, rig):
        await asyncio.gather(*(home.measure(rig, meter, tries=2) for meter in home.meters))
        assert len(home.took_s) == home.tried == 6
        await rig.until(lambda: list(rig.radio.states().values()).count("connected") >= 6)  # the streams go on
