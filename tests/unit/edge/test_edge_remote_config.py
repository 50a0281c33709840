"""The server's configuration at the gateway: used whole or not at all, kept, and never older than the one in use."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from devices.limits import Limit
from devices.vocabulary import Kind
from devices.wire import codec
from devices.wire.messages import DeviceSetup, GatewayConfig, KindLimit, SlotSetup
from edge.config import DeviceConfig
from edge.core.health import Troubles
from edge.errors import ConfigError
from edge.files import write_whole
from edge.remote_config import RemoteConfig, merged

GATEWAY, STRAP, METER, BUTTON = "hv-0001", "C0:00:00:00:00:01", "C0:00:00:00:00:02", "C0:00:00:00:00:03"
OWN = (DeviceConfig(address=STRAP, profile="heart_rate", name="belte", key=b"k" * 16, cadence_s=3.0),)


def setup(address: str = STRAP, profile: str = "heart_rate", **words: object) -> DeviceSetup:
    return DeviceSetup(address=address, profile=profile, **words)  # type: ignore[arg-type]


def version(number: int, *devices: DeviceSetup, gateway: str = GATEWAY) -> GatewayConfig:
    return GatewayConfig(gateway=gateway, version=number, devices=list(devices))


def modes(directory: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in directory.iterdir()}


class Gateway:
    """Says what it applied and how often it spoke to the server."""

    def __init__(self, directory: Path) -> None:
        self.troubles = Troubles()
        self.applied: list[tuple[DeviceConfig, ...]] = []
        self.spoke = asyncio.Semaphore(0)
        self.config = RemoteConfig(GATEWAY, directory, OWN, self.troubles, self._apply, self.spoke.release)
        self.config.load()

    async def _apply(self, devices: tuple[DeviceConfig, ...]) -> None:
        self.applied.append(devices)

    async def hears(self, config: GatewayConfig | bytes) -> None:
        """And is done with it: it spoke."""
        running = asyncio.create_task(self.config.run())
        self.config.hear(config if isinstance(config, bytes) else codec.encode(config))
        async with asyncio.timeout(20):
            await self.spoke.acquire()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_the_server_says_the_devices_and_the_file_keeps_their_names_and_keys() -> None:
    limit = KindLimit(kind=Kind.HEART_RATE, yellow_high=110, red_high=130)
    said = [
        setup(name="strap", cadence_s=5, slots=[SlotSetup(slot=0, limits=[limit])]),
        setup(METER, "glucose", name="meter"),
    ]
    assert merged(said, OWN) == (
        DeviceConfig(
            address=STRAP,
            profile="heart_rate",
            name="belte",
            key=b"k" * 16,
            cadence_s=5,
            limits={0: {Kind.HEART_RATE: Limit(yellow_high=110, red_high=130)}},
        ),
        DeviceConfig(address=METER, profile="glucose", name="meter"),
    )


@pytest.mark.parametrize(
    ("devices", "says"),
    [
        ([setup(), setup()], f"device {STRAP} is there twice"),
        ([setup(profile="teleport")], f"device {STRAP}: this gateway has no profile 'teleport', only "),
        ([setup(slots=[SlotSetup(slot=1), SlotSetup(slot=1)])], f"device {STRAP}: slot 1 is there twice"),
        (
            [setup(slots=[SlotSetup(limits=[KindLimit(kind=Kind.SPO2), KindLimit(kind=Kind.SPO2)])])],
            f"device {STRAP}, slot 0: the limits of spo2 are there twice",
        ),
        (
            [setup(slots=[SlotSetup(limits=[KindLimit(kind=Kind.SPO2, red_low=90, yellow_low=88)])])],
            f"device {STRAP}, slot 0: the limits of spo2 do not ascend",
        ),
    ],
)
def test_what_cannot_be_is_refused_whole_with_a_sentence(devices: list[DeviceSetup], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        merged([setup(METER, "glucose"), *devices], OWN)


async def test_a_configuration_is_used_kept_and_used_again_without_a_network(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    assert (gateway.config.version, gateway.config.devices) == (0, OWN)
    await gateway.hears(version(7, setup(METER, "glucose")))
    devices = (DeviceConfig(address=METER, profile="glucose"),)
    assert gateway.applied == [devices]
    again = Gateway(tmp_path)
    assert (again.config.version, again.config.devices) == (7, devices)
    assert modes(tmp_path) == {"config.json": 0o600}  # limits are somebody's health


@pytest.mark.parametrize("idle", [version(7, setup(METER, "glucose")), version(6, setup())])
async def test_the_same_and_older_versions_change_nothing(tmp_path: Path, idle: GatewayConfig) -> None:
    gateway = Gateway(tmp_path)
    await gateway.hears(version(7, setup(METER, "glucose")))
    await gateway.hears(b"nonsense")  # so that there is something to say about what comes next
    await gateway.hears(idle)
    assert gateway.config.refused == ""
    assert gateway.config.version == 7 and len(gateway.applied) == 1


async def test_the_same_version_with_other_content_is_the_newer_word(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    await gateway.hears(version(7, setup(METER, "glucose")))
    await gateway.hears(version(7, setup()))
    assert gateway.config.devices[0].address == STRAP


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (version(8, setup(METER, "teleport")), "no profile 'teleport'"),
        (version(8, setup(), gateway="hv-0002"), "it is for the gateway hv-0002"),
        (b"{", "truncated"),
        (msgspec.json.encode({"v": 2, "gateway": GATEWAY, "version": 8}), "version 2: this side speaks 1"),
    ],
)
async def test_a_bad_configuration_is_answered_and_the_good_one_stays(
    tmp_path: Path, bad: GatewayConfig | bytes, says: str
) -> None:
    gateway = Gateway(tmp_path)
    await gateway.hears(version(7, setup(METER, "glucose")))
    await gateway.hears(bad)
    assert says in gateway.config.refused
    assert gateway.config.version == 7 and len(gateway.applied) == 1
    assert Gateway(tmp_path).config.version == 7
    await gateway.hears(version(9, setup()))
    assert (gateway.config.refused, gateway.config.version) == ("", 9)


async def test_a_configuration_without_devices_gives_the_file_its_word_back(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path)
    await gateway.hears(version(7, setup(METER, "glucose")))
    await gateway.hears(GatewayConfig(gateway=GATEWAY, version=8))
    assert gateway.config.devices == OWN
    await gateway.hears(version(9))
    assert not gateway.config.devices


def _break(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def _age(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"glucose", b"telepor"))


@pytest.mark.parametrize("damage", [_break, _age])
async def test_a_kept_file_that_cannot_be_used_is_said_so_and_set_aside(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    await Gateway(tmp_path).hears(version(7, setup(METER, "glucose")))
    damage(tmp_path / "config.json")
    gateway = Gateway(tmp_path)
    assert (gateway.config.version, gateway.config.devices) == (0, OWN)
    (sentence,) = gateway.troubles.sentences()
    assert sentence.startswith("the kept configuration cannot be used, so the gateway's own file is: ")
    assert (tmp_path / "config.damaged").exists()


async def test_what_cannot_be_kept_is_used_and_said(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "gone")
    await gateway.hears(version(7, setup(METER, "glucose")))
    assert gateway.config.version == 7
    assert gateway.troubles.sentences() == [
        "the server's configuration cannot be kept (No such file or directory): is the disk full or read-only?"
    ]


def test_half_a_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    write_whole(path, b"old")
    (tmp_path / "config.new").mkdir()  # so that the draft cannot be written
    with pytest.raises(IsADirectoryError):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"


async def test_a_word_comes_as_often_as_the_server_says_and_never_more_seldom_than_in_the_own_file(
    tmp_path: Path,
) -> None:
    gateway = Gateway(tmp_path)
    assert gateway.config.heartbeat_s(30) == 30
    await gateway.hears(GatewayConfig(gateway=GATEWAY, version=7, heartbeat_s=10))
    assert (gateway.config.heartbeat_s(30), gateway.config.heartbeat_s(5)) == (10, 5)
    assert Gateway(tmp_path).config.heartbeat_s(30) == 10, "after a restart, too"
    await gateway.hears(GatewayConfig(gateway=GATEWAY, version=8))
    assert gateway.config.heartbeat_s(30) == 30
