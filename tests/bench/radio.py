"""How surely a meter is read that is on the air for ten seconds: a hundred tries among twenty other devices.

Eight of the twenty are streams for six places, nine advertise, two meters are always on the air, one cannot be reached.
Adverts come every 400 ms, as of a usual meter. The air is a virtual one: it loses nothing.
"""

import asyncio
import statistics

from tests.integration.edge_crowd_rig import Crowd, crowd

METERS, TRIES_EACH = 5, 20


def rows() -> list[tuple[str, ...]]:
    home = asyncio.run(_tries())
    slowest_s = max(home.took_s, default=0.0)
    return [
        ("a meter on the air for 10 s, 20 others around", "measured", "target"),
        ("read", f"{len(home.took_s)} of {home.tried}", "99 of 100"),
        ("from its first advert to the reading, median", f"{statistics.median(home.took_s):.2f} s", "-"),
        ("slowest", f"{slowest_s:.2f} s", "under 10 s"),
    ]


async def _tries() -> Crowd:
    async with crowd(seed=7, meters=METERS) as (home, rig):
        await asyncio.gather(*(home.measure(rig, meter, TRIES_EACH) for meter in home.meters))
        return home
