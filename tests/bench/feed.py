"""The real agent, with a feed of notifications in the place of its radio: what the gateway costs, the radio subtracted.

`python -m tests.bench.feed CONFIG NOTIFICATIONS_PER_S SECONDS` prints a JSON line. bleak and its BlueZ backend are
loaded as on a real gateway and do nothing; Bumble is not. What the feed itself costs is measured first, with ears that
hear nothing, and subtracted."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import cycle
from pathlib import Path
from typing import Any

from devices.profiles import heart_rate, oximeter
from devices.profiles.base import Profile, Reading, Said
from edge import agent
from edge.config import load
from edge.ports import Ears

TICK_S = 0.01
WARM_S, IDLE_S = 5.0, 2.0
VARIETY = 40  # different messages of each device: nothing to be learned by heart

Notification = tuple[str, str, bytes]
Hear = Callable[[str, str, bytes], tuple[Said, ...]]


def _messages(profile: str) -> list[tuple[str, bytes]]:
    if profile == "oximeter":
        sensor = oximeter.Sensor(0)
        return [
            (
                oximeter.CONTINUOUS,
                oximeter.encode_continuous(spo2_percent=93 + i % 5, pulse_per_min=60 + i, sensor=sensor),
            )
            for i in range(VARIETY)
        ]
    return [
        (heart_rate.MEASUREMENT, heart_rate.encode_measurement(per_min=60 + i, on_body=True, rr_s=(0.7 + i / 100,)))
        for i in range(VARIETY)
    ]


def _notifications(profiles: Mapping[str, Profile]) -> Iterator[Notification]:
    said = {address: cycle(_messages(profile.name)) for address, profile in profiles.items()}
    while True:
        for address, messages in said.items():
            yield address, *next(messages)


class Feed:
    """Stands where BleRadio stands."""

    per_s, for_s = 1000.0, 10.0

    def __init__(self, profiles: Mapping[str, Profile], _records: object, ears: Ears, *_: object, **__: object) -> None:
        self._profiles, self._ears = profiles, ears
        self._values = 0

    def states(self) -> dict[str, str]:
        return dict.fromkeys(self._profiles, "listening")

    def bonds(self) -> dict[str, bool | None]:
        return dict.fromkeys(self._profiles)

    def set_devices(self, profiles: Mapping[str, Profile], _records: object) -> None:
        self._profiles = profiles

    async def run(self) -> None:
        own = await self._pour(lambda *_: (), IDLE_S)
        await self._pour(self._ears.notified, WARM_S)
        whole = await self._pour(self._ears.notified, self.for_s)
        print(json.dumps({"share": whole - own, "rss_mib": _rss_mib(), "values": self._values}), flush=True)
        signal.raise_signal(signal.SIGTERM)

    async def _pour(self, hear: Hear, seconds: float) -> float:
        """The share of a core that this process used meanwhile."""
        source, poured = _notifications(self._profiles), 0
        began_s, cpu_s = time.monotonic(), time.process_time()
        while (passed_s := time.monotonic() - began_s) < seconds:
            while poured < passed_s * self.per_s:
                self._values += sum(isinstance(word, Reading) for word in hear(*next(source)))
                poured += 1
            await asyncio.sleep(TICK_S)
        return (time.process_time() - cpu_s) / (time.monotonic() - began_s)


def _rss_mib() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def main(arguments: list[str]) -> None:
    config, per_s, for_s = arguments
    Feed.per_s, Feed.for_s = float(per_s), float(for_s)
    swapped: Any = agent
    swapped.BleRadio = Feed
    loaded = load(Path(config))
    assert loaded.post is not None, "it names its broker"
    asyncio.run(agent.Agent(loaded, loaded.post).run())


if __name__ == "__main__":
    main(sys.argv[1:])
