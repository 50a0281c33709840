"""Pairing, with the proof that it holds: read once, switched off and on, read again without the pairing mode.

A device that was read once is not paired: some forget the bond with the link, or were only open in pairing mode.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData

from devices.errors import DecodeError
from devices.profiles import PROFILES, racp
from devices.profiles.base import Identity, Profile, Reach, Reading, Said
from devices.vocabulary import KINDS
from edge.adapters import doors_of
from edge.config import Config
from edge.doors import RADIO_FAULTS, Detected, Door, is_refusal, no_bluetooth
from edge.errors import RadioError
from edge.scan import profiles_of

CONNECT_S: Final = 15.0
VISIT_S: Final = 45.0
ANSWER_S: Final = 5.0
DISCONNECT_S: Final = 3.0
COMPARE_S: Final = 2.0  # how well each adapter hears it
NOT_HEARD_DBM: Final = -200
TRIES: Final = 4  # of one reading
AGAIN_S: Final = 1.0

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class PairPatience:
    """`find_s`: for it to be on the air, in pairing mode. `silent_s`: so long off the air is switched off.
    `power_cycle_s`: for a person to switch it off and on."""

    find_s: float = 60.0
    silent_s: float = 3.0
    power_cycle_s: float = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PairOutcome:
    is_proven: bool
    sentence: str


class _NotDone(Exception):
    """The sentence for the technician."""


async def pair(config: Config, address: str, say: Say, patience: PairPatience | None = None) -> PairOutcome:
    """`say` gets each step as a line. Raises RadioError without Bluetooth. No agent may use the adapter meanwhile."""
    address = address.upper()
    profile = next((PROFILES[each.profile] for each in config.devices if each.address == address), None)
    try:
        _check_pairs(address, profile)
        say(f"Put {address} in pairing mode (its manual says how) and hold it near the gateway.")
        async with contextlib.AsyncExitStack() as stack:
            doors = doors_of(config.radio, config.data_dir / "bonds.json")
            for door in doors:
                stack.push_async_callback(door.close)
                await door.open()
            patience = patience or PairPatience()
            door = await _loudest(doors, address, patience.find_s)
            pairing = _Pairing(door, address, profile, say, patience)
            await stack.enter_async_context(door.scanner(pairing.detected))
            await pairing.prove()
    except _NotDone as error:
        return PairOutcome(is_proven=False, sentence=str(error))
    except RADIO_FAULTS as error:
        raise RadioError(no_bluetooth(error)) from error
    return PairOutcome(is_proven=True, sentence=f"{address} is paired: it was read again without pairing mode")


def _check_pairs(address: str, profile: Profile | None) -> None:
    if profile is not None and profile.reach is Reach.ADVERT:
        raise _NotDone(f"{address} only advertises ({profile.name}): there is nothing to pair")


async def _loudest(doors: Sequence[Door], address: str, limit_s: float) -> Door:
    """A bond belongs to one adapter: to the one that hears the device best."""
    heard_dbm: dict[str, int] = {}
    heard = asyncio.Event()

    def listener(door: Door) -> Detected:
        def detected(device: BLEDevice, advert: AdvertisementData) -> None:
            if device.address.upper() == address:
                heard_dbm[door.name] = max(advert.rssi, heard_dbm.get(door.name, advert.rssi))
                heard.set()

        return detected

    async with contextlib.AsyncExitStack() as stack:
        for door in doors:
            await stack.enter_async_context(door.scanner(listener(door)))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await heard.wait()
        if len(doors) > 1 and heard_dbm:
            await asyncio.sleep(COMPARE_S)
    if not heard_dbm:
        raise _NotDone(f"{address} was not heard: is the address right, and is it in pairing mode?")
    return max(doors, key=lambda door: heard_dbm.get(door.name, NOT_HEARD_DBM))


class _Pairing:
    def __init__(self, door: Door, address: str, profile: Profile | None, say: Say, patience: PairPatience) -> None:
        self._door, self._address, self._profile, self._say = door, address, profile, say
        self._patience = patience
        self._device: BLEDevice | None = None
        self._seen_s = 0.0
        self._seen = asyncio.Event()

    def detected(self, device: BLEDevice, advert: AdvertisementData) -> None:
        if device.address.upper() != self._address:
            return
        if self._profile is None:
            self._profile = next((PROFILES[name] for name in profiles_of(advert)), None)
        self._device, self._seen_s = device, asyncio.get_running_loop().time()
        self._seen.set()

    async def prove(self) -> None:
        await self._on_air(self._patience.find_s, "was heard, but is off the air now: put it in pairing mode again")
        profile = self._profile
        if profile is None:
            raise _NotDone(f"{self._address} is heard, but no profile knows it: write it in the configuration first")
        _check_pairs(self._address, profile)
        assert self._device is not None
        await self._door.forget(self._device)  # an old bond would be tried first, and fail
        await self._on_air(self._patience.find_s, "was heard, but is off the air now: put it in pairing mode again")
        await self._read(profile, "could not be read in pairing mode")
        self._say("Read once. Now turn it off and on, without the pairing mode (or take its battery out and in).")
        await self._off_and_on()
        await self._read(
            profile, "was read in pairing mode but not after it was turned off and on: it did not keep the pairing"
        )

    async def _on_air(self, limit_s: float, or_else: str) -> None:
        self._seen.clear()
        try:
            async with asyncio.timeout(limit_s):
                await self._seen.wait()
        except TimeoutError as error:
            raise _NotDone(f"{self._address} {or_else}") from error

    async def _off_and_on(self) -> None:
        loop, silent_s, limit_s = asyncio.get_running_loop(), self._patience.silent_s, self._patience.power_cycle_s
        deadline_s = loop.time() + limit_s
        self._seen_s = max(self._seen_s, loop.time())
        while loop.time() < self._seen_s + silent_s:
            if loop.time() > deadline_s:
                raise _NotDone(f"{self._address} was not turned off within {limit_s:.0f} s")
            await asyncio.sleep(max(0.05, self._seen_s + silent_s - loop.time()))
        self._say("It is off the air. Turn it on.")
        await self._on_air(deadline_s - loop.time(), f"did not come back within {limit_s:.0f} s")

    async def _read(self, profile: Profile, or_else: str) -> None:
        """Several tries: a link may break for reasons of its own."""
        why = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(AGAIN_S)
            try:
                self._say("Heard: " + (await self._visit(profile) or "it has what the profile needs"))
                return
            except RADIO_FAULTS as error:
                why = "it refused the pairing" if is_refusal(error) else str(error) or type(error).__name__
        raise _NotDone(f"{self._address} {or_else} ({why})")

    async def _visit(self, profile: Profile) -> str:
        """What was read, in words. Nothing is subscribed: a meter would hand its readings out, and to nobody."""
        assert self._device is not None
        client = self._door.client(self._device, lambda _client: None, CONNECT_S)
        try:
            async with asyncio.timeout(VISIT_S):
                await client.connect()
                if profile.bonds:
                    await self._door.pair(client)
                self._check(profile, client)
                said = [await self._read_one(profile, client, uuid) for uuid in (*profile.read_first, *profile.read)]
                said.append(await self._count(profile, client))
            return ", ".join(filter(None, said))
        finally:
            # Also after a drop: see Visit.run
            with contextlib.suppress(*RADIO_FAULTS):
                async with asyncio.timeout(DISCONNECT_S):
                    await client.disconnect()

    def _check(self, profile: Profile, client: BleakClient) -> None:
        if not any(client.services.get_characteristic(uuid) for uuid in profile.subscribe):
            raise _NotDone(f"{self._address} has nothing that a {profile.name} has: is the profile right?")

    async def _read_one(self, profile: Profile, client: BleakClient, uuid: str) -> str:
        characteristic = client.services.get_characteristic(uuid)
        if characteristic is None or profile.decode is None:
            return ""
        data = bytes(await self._encrypted(profile, client, lambda: client.read_gatt_char(characteristic)))
        try:
            return ", ".join(filter(None, map(_in_words, profile.decode(uuid, data))))
        except DecodeError as error:
            return f"{uuid[4:8]} is {data.hex()} ({error})"

    async def _count(self, profile: Profile, client: BleakClient) -> str:
        """How many records it has: the question hands none of them out, but needs the same right."""
        point = client.services.get_characteristic(profile.racp) if profile.racp else None
        if point is None:
            return ""
        answered: asyncio.Queue[bytes] = asyncio.Queue(1)

        def answer(_sender: BleakGATTCharacteristic, data: bytearray) -> None:
            with contextlib.suppress(asyncio.QueueFull):
                answered.put_nowait(bytes(data))

        await client.start_notify(point, answer)
        await self._encrypted(profile, client, lambda: client.write_gatt_char(point, racp.count(), response=True))
        async with asyncio.timeout(ANSWER_S):
            data = await answered.get()
        with contextlib.suppress(DecodeError):
            match racp.decode_answer(data):
                case racp.Count(records=records):
                    return f"{records} records stored"
        return ""  # it does not count, but it answers

    async def _encrypted(self, profile: Profile, client: BleakClient, work: Callable[[], Awaitable[T]]) -> T:
        """Its profile may not say so, but if it wants to be paired, it is."""
        try:
            return await work()
        except RADIO_FAULTS as error:
            if not is_refusal(error) or profile.bonds:
                raise
        await self._door.pair(client)
        return await work()


def _in_words(said: Said) -> str:
    match said:
        case Identity(what=what, text=text):
            return f"{what} {text}"
        case Reading(kind=kind, value=value) if value is not None:
            return f"{kind.value} {value:g} {KINDS[kind].ucum}"
        case _:
            return ""
