"""The server's configuration: checked whole, merged with the gateway's own file, kept, and used without a network.

Its version only grows. An older one is left alone: after a restore the server hears in our status which one is in use,
and goes on from there. The same version with other content is the newer word."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from devices.errors import WireError
from devices.limits import Limit
from devices.profiles import PROFILES
from devices.vocabulary import Kind
from devices.wire import codec
from devices.wire.messages import DeviceSetup, GatewayConfig, SlotSetup
from edge.config import Config, DeviceConfig
from edge.core.health import Troubles
from edge.errors import ConfigError
from edge.files import write_whole

NAME: Final = "config.json"
LONGEST_REASON: Final = 400  # characters of Status.config_refused

log = logging.getLogger(__name__)

Apply = Callable[[tuple[DeviceConfig, ...]], Awaitable[None]]


class RemoteConfig:
    """`own`: the devices of the gateway's file. `apply` is called with the devices to use, `say` when the server should
    hear what became of a configuration."""

    def __init__(
        self,
        gateway: str,
        directory: Path,
        own: Sequence[DeviceConfig],
        troubles: Troubles,
        apply: Apply,
        say: Callable[[], None],
    ) -> None:
        self._gateway, self._directory, self._own = gateway, directory, tuple(own)
        self._troubles, self._apply, self._say = troubles, apply, say
        self._kept: GatewayConfig | None = None
        self._came: bytes | None = None  # the newest; it is all of the configuration, so earlier ones are nothing
        self._something = asyncio.Event()
        self.devices = self._own
        self.refused = ""

    @property
    def version(self) -> int:
        return 0 if self._kept is None else self._kept.version

    def heartbeat_s(self, own_s: float) -> float:
        """Never more seldom than in the gateway's own file: how long silence may be follows from that."""
        said_s = None if self._kept is None else self._kept.heartbeat_s
        return own_s if said_s is None else min(own_s, said_s)

    def load(self) -> None:
        """What was kept; before anything else runs. A file that cannot be used is set aside."""
        path = self._directory / NAME
        try:
            kept = codec.decode_config(path.read_bytes())
            self.devices, self._kept = self._checked(kept), kept
        except FileNotFoundError:
            return
        except (OSError, WireError, ConfigError) as error:
            sentence = f"the kept configuration cannot be used, so the gateway's own file is: {error}"
            self._troubles.begin("configuration", sentence)
            log.error("%s", sentence)
            with contextlib.suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
        else:
            log.info("configuration %d of the server is used, %d devices", self.version, len(self.devices))

    def hear(self, payload: bytes) -> None:
        if payload:  # nothing: the broker was told to forget it, and it stays as it is
            self._came = payload
            self._something.set()

    async def run(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            payload, self._came = self._came, None
            if payload is not None and await self._take(payload):
                self._say()

    async def _take(self, payload: bytes) -> bool:
        """True: something changed."""
        try:
            config = codec.decode_config(payload)
            if config.version < self.version or config == self._kept:
                return self._refuse("")
            devices = self._checked(config)
        except (WireError, ConfigError) as error:
            return self._refuse(str(error))
        await self._keep(payload)
        self.refused = ""
        self._kept, self.devices = config, devices
        await self._apply(devices)
        log.info("configuration %d of the server is used now, %d devices", config.version, len(devices))
        return True

    def _refuse(self, why: str) -> bool:
        why = why[:LONGEST_REASON]
        is_news = why != self.refused
        self.refused = why
        if is_news and why:
            log.error("the server's configuration is refused, and %d stays: %s", self.version, why)
        return is_news

    def _checked(self, config: GatewayConfig) -> tuple[DeviceConfig, ...]:
        if config.gateway != self._gateway:
            raise ConfigError(f"it is for the gateway {config.gateway}")
        return self._own if config.devices is None else merged(config.devices, self._own)

    async def _keep(self, payload: bytes) -> None:
        """What cannot be kept is used all the same: the broker has it, and says it again at the next start."""
        try:
            await asyncio.to_thread(write_whole, self._directory / NAME, payload)
        except OSError as error:
            sentence = f"the server's configuration cannot be kept ({error.strerror}): is the disk full or read-only?"
            if self._troubles.begin("configuration", sentence):
                log.error("%s", sentence)
        else:
            self._troubles.end("configuration")


def with_kept(config: Config, gateway: str) -> Config:
    """With the devices that the agent would use."""
    setup = RemoteConfig(gateway, config.data_dir, config.devices, Troubles(), _nothing_to_apply, lambda: None)
    setup.load()
    return replace(config, devices=setup.devices)


async def _nothing_to_apply(_: tuple[DeviceConfig, ...]) -> None:
    pass


def merged(said: Sequence[DeviceSetup], own: Sequence[DeviceConfig]) -> tuple[DeviceConfig, ...]:
    """The server's devices; what it does not say of their keys, and their names, is as in the gateway's own file.
    ConfigError: not one of them is used."""
    mine = {device.address: device for device in own}
    devices: dict[str, DeviceConfig] = {}
    for setup in said:
        if setup.address in devices:
            raise ConfigError(f"device {setup.address} is there twice")
        device = _device(setup)
        if (known := mine.get(setup.address)) is not None:
            device = replace(device, key=device.key or known.key, name=known.name or device.name)
        devices[setup.address] = device
    return tuple(devices.values())


def _device(setup: DeviceSetup) -> DeviceConfig:
    if setup.profile not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise ConfigError(f"device {setup.address}: this gateway has no profile {setup.profile!r}, only {known}")
    limits: dict[int, Mapping[Kind, Limit]] = {}
    for slot in setup.slots:
        if slot.slot in limits:
            raise ConfigError(f"device {setup.address}: slot {slot.slot} is there twice")
        limits[slot.slot] = _limits(setup.address, slot)
    return DeviceConfig(
        address=setup.address,
        profile=setup.profile,
        name=setup.name,
        key=None if setup.key is None else bytes.fromhex(setup.key),
        cadence_s=setup.cadence_s,
        limits=limits,
    )


def _limits(address: str, slot: SlotSetup) -> dict[Kind, Limit]:
    limits: dict[Kind, Limit] = {}
    for each in slot.limits:
        where = f"device {address}, slot {slot.slot}: the limits of {each.kind}"
        if each.kind in limits:
            raise ConfigError(f"{where} are there twice")
        try:
            limits[each.kind] = Limit(
                red_low=each.red_low,
                yellow_low=each.yellow_low,
                yellow_high=each.yellow_high,
                red_high=each.red_high,
            )
        except ValueError as error:
            raise ConfigError(f"{where} do not ascend") from error
    return limits
