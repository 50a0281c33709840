"""The gateway's configuration: a TOML file, checked whole at the start. What it cannot mean is said in one sentence."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.limits import Limit
from devices.profiles import PROFILES
from devices.vocabulary import Kind
from devices.wire.topics import BUCKETS, GATEWAY_ID
from edge.errors import ConfigError
from edge.tables import Table

ADDRESS: Final = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
VIRTUAL: Final = re.compile(r"tcp:(?P<host>[^:]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})|unix:.+")
UNIX_PATH_BYTES: Final = 107  # sockaddr_un.sun_path of Linux, less its final zero
ADAPTER: Final = re.compile(r"hci\d{1,2}")
KEY: Final = re.compile(r"[0-9A-Fa-f]{32}")
LIMIT_KEYS: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
NIGHT: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
MOST_DEVICES: Final = 64
KEYS: Final = (
    *("birth", "gateway", "bucket", "mqtt", "insecure", "data_dir", "heartbeat_s", "zone"),
    *("radio", "home", "outbox", "devices"),
)
BIRTH_EXAMPLE: Final = '"/etc/hjemvakt/birth.json"'


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceConfig:
    """`address`: capitals with colons. `profile`: a key of devices.profiles.PROFILES. `key`: of an advertiser that
    encrypts. `cadence_s`: one interval in so many seconds, 0: every value, None: as the profile says. `limits`: by
    slot."""

    address: str
    profile: str
    name: str = ""
    key: bytes | None = None
    cadence_s: float | None = None
    limits: Mapping[int, Mapping[Kind, Limit]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Broker:
    host: str
    port: int
    tls: bool
    user: str | None = None
    password: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RadioConfig:
    """`adapters`: names of BlueZ (hci0); none: the machine's first. `canary`: the address of an advertiser whose
    silence means that the radio is deaf. `virtual`: addresses of virtual homes, one adapter each, instead of Bluetooth.
    """

    adapters: tuple[str, ...] = ()
    canary: str | None = None
    virtual: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """From `begins` until `ends`, local time; over midnight too."""

    begins: time
    ends: time

    def holds(self, at: time) -> bool:
        if self.begins <= self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeConfig:
    """`action`: the command that drives lamp and sound, and its first arguments; none: this home has neither."""

    action: tuple[str, ...] = ()
    timeout_s: float = 20.0
    night: Night = Night(begins=time(22), ends=time(7))


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxConfig:
    """How much it may take of the disk, and how long a row may wait in it."""

    most_mib: int = 256
    days: int = 90


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """Where in the world a gateway stands: in its file, or given by the server when it is enrolled."""

    gateway: str
    bucket: int
    broker: Broker


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """`post` None: the server says it. `birth`: what stands on the box, in a file, for the first start."""

    post: Post | None
    birth: Path | None
    insecure: bool
    data_dir: Path
    heartbeat_s: float
    zone: ZoneInfo
    devices: tuple[DeviceConfig, ...]
    radio: RadioConfig
    home: HomeConfig
    outbox: OutboxConfig


def load(path: Path) -> Config:
    try:
        text = path.read_text(encoding="utf-8")
    except PermissionError as error:
        raise ConfigError(f"{path} may not be read by this user: be root, or the user of the gateway") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): give --config the path of the file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    return parse(text, path)


def parse(text: str, path: Path) -> Config:
    """Relative paths in the file are relative to the file."""
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    top = Table(path, "", said)
    top.knows(*KEYS)
    return Config(
        post=_post(top),
        birth=path.parent / top.text("birth", BIRTH_EXAMPLE) if top.has("birth") else None,
        insecure=top.yes("insecure"),
        data_dir=path.parent / _data_dir(top),
        heartbeat_s=_heartbeat_s(top),
        zone=_zone(top),
        radio=_radio(top),
        home=_home(top),
        outbox=_outbox(top),
        devices=_devices(top),
    )


def _post(top: Table) -> Post | None:
    given = [key for key in ("gateway", "bucket", "mqtt") if top.has(key)]
    if not given:
        return None
    if top.has("birth"):
        raise top.wrong("birth", f"and {given[0]} are both there", "birth alone: the server says gateway, bucket, mqtt")
    return Post(gateway=_gateway(top), bucket=_bucket(top), broker=_broker(top))


def _gateway(top: Table) -> str:
    name = top.text("gateway", '"hv-0001"')
    if not GATEWAY_ID.fullmatch(name):
        raise top.wrong("gateway", f"is {name!r}", "3 to 40 of a-z, 0-9 and -, not beginning with -")
    return name


def _bucket(top: Table) -> int:
    return int(top.number("bucket", 0, BUCKETS - 1, whole=True))


def _data_dir(top: Table) -> str:
    return top.text("data_dir", '"/var/lib/hjemvakt-gateway"')


def _heartbeat_s(top: Table) -> float:
    return top.number("heartbeat_s", 1, 3600, 30)


def _zone(top: Table) -> ZoneInfo:
    name = top.text("zone", '"Europe/Oslo"', "Europe/Oslo")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise top.wrong("zone", f"is {name!r}, which this machine does not know", '"Europe/Oslo"') from error


def _broker(top: Table) -> Broker:
    url = top.text("mqtt", '"mqtts://broker.example:8883"')
    try:
        return broker_at(url, is_insecure_right=top.yes("insecure"))
    except ValueError as error:
        what, write = error.args
        raise top.wrong("mqtt", f"is {url!r}{what}", write) from error


def broker_at(url: str, *, is_insecure_right: bool) -> Broker:
    """ValueError: what is wrong, and what to write."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f" ({error})", '"mqtts://host:8883"') from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError("", '"mqtts://host:8883" or "mqtt://127.0.0.1:1883"')
    tls = parts.scheme == "mqtts"
    if not tls and not is_loopback(parts.hostname) and not is_insecure_right:
        what = ", and everybody on the way could read it and answer"
        raise ValueError(what, '"mqtts://...", or insecure = true if you accept that')
    port = port or (8883 if tls else 1883)
    return Broker(host=parts.hostname, port=port, tls=tls, user=parts.username, password=parts.password)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _radio(top: Table) -> RadioConfig:
    radio = top.table("radio")
    radio.knows("adapters", "canary", "virtual")
    adapters, virtual = radio.texts("adapters", '"hci0"'), radio.texts("virtual", '"tcp:127.0.0.1:4711"')
    for name in adapters:
        if not ADAPTER.fullmatch(name):
            raise radio.wrong("adapters", f"has {name!r}", 'names as hciconfig shows them: adapters = ["hci0", "hci1"]')
    if adapters and virtual:
        raise radio.wrong("virtual", "and adapters are both there", "only one of the two")
    canary = radio.text("canary", '"C0:26:DF:01:23:45"', "").upper()
    if canary and not ADDRESS.fullmatch(canary):
        raise radio.wrong("canary", f"is {canary!r}", "six pairs of hex digits with colons, as the scan shows them")
    for address in virtual:
        _check_virtual(radio, address)
    return RadioConfig(adapters=adapters, canary=canary or None, virtual=virtual)


def _check_virtual(radio: Table, address: str) -> None:
    found = VIRTUAL.fullmatch(address)
    if address.startswith("unix:") and len(address.removeprefix("unix:").encode()) > UNIX_PATH_BYTES:
        raise radio.wrong("virtual", f"is a path of more than {UNIX_PATH_BYTES} bytes", '"tcp:127.0.0.1:PORT"')
    if found is None or (found["host"] and (not is_loopback(found["host"]) or int(found["port"]) > 65_535)):
        raise radio.wrong("virtual", f"is {address!r}", '"tcp:127.0.0.1:PORT", or leave [radio] out to use Bluetooth')


def _home(top: Table) -> HomeConfig:
    home = top.table("home")
    home.knows("action", "timeout_s", "night")
    night = home.text("night", '"22:00-07:00"', "22:00-07:00")
    if not NIGHT.fullmatch(night):
        raise home.wrong("night", f"is {night!r}", 'two times of day: night = "22:00-07:00"')
    begins, ends = (time.fromisoformat(each) for each in night.split("-"))
    return HomeConfig(
        action=home.command("action", '["/usr/local/bin/hjemvakt-lamp"]'),
        timeout_s=home.number("timeout_s", 1, 60, HomeConfig().timeout_s),
        night=Night(begins=begins, ends=ends),
    )


def _outbox(top: Table) -> OutboxConfig:
    outbox, usual = top.table("outbox"), OutboxConfig()
    outbox.knows("most_mib", "days")
    return OutboxConfig(
        most_mib=int(outbox.number("most_mib", 8, 65_536, usual.most_mib, whole=True)),
        days=int(outbox.number("days", 1, 3660, usual.days, whole=True)),
    )


def _devices(top: Table) -> tuple[DeviceConfig, ...]:
    tables = top.tables("devices")
    if len(tables) > MOST_DEVICES:
        raise top.wrong("devices", f"are {len(tables)}", f"at most {MOST_DEVICES}; use a second gateway for the rest")
    devices: dict[str, DeviceConfig] = {}
    for table in tables:
        device = _device(table)
        if device.address in devices:
            raise table.wrong("address", f"{device.address} is there twice", "each device once")
        devices[device.address] = device
    return tuple(devices.values())


def _device(table: Table) -> DeviceConfig:
    table.knows("address", "profile", "name", "key", "cadence_s", "limits")
    address = table.text("address", '"C0:26:DF:01:23:45"').upper()
    if not ADDRESS.fullmatch(address):
        raise table.wrong("address", f"is {address!r}", "six pairs of hex digits with colons, as the scan shows them")
    profile = table.text("profile", '"heart_rate"')
    if profile not in PROFILES:
        raise table.wrong("profile", f"is {profile!r}", "one of " + ", ".join(sorted(PROFILES)))
    return DeviceConfig(
        address=address,
        profile=profile,
        name=table.text("name", '"chest strap"', ""),
        key=_key(table),
        cadence_s=table.number("cadence_s", 0, 3600) if table.has("cadence_s") else None,
        limits=_limits(table),
    )


def _key(table: Table) -> bytes | None:
    """It is a secret, so the sentence about it does not show it."""
    if not table.has("key"):
        return None
    text = table.text("key", '"32 hex digits"')
    if not KEY.fullmatch(text):
        raise table.wrong("key", "is not 32 hex digits", "the key that the device's app shows")
    return bytes.fromhex(text)


def _limits(device: Table) -> Mapping[int, Mapping[Kind, Limit]]:
    limits: dict[int, dict[Kind, Limit]] = {}
    for table in device.tables("limits"):
        table.knows("kind", "slot", *LIMIT_KEYS)
        word = table.text("kind", '"spo2"')
        if word not in list(Kind):
            raise table.wrong("kind", f"is {word!r}", "one of " + ", ".join(Kind))
        of_slot = limits.setdefault(int(table.number("slot", 0, 255, 0, whole=True)), {})
        if Kind(word) in of_slot:
            raise table.wrong("kind", f"{word} is there twice", "each kind once for each slot")
        of_slot[Kind(word)] = _limit(table)
    return limits


def _limit(table: Table) -> Limit:
    given = {key: table.number(key, -1e6, 1e6) for key in LIMIT_KEYS if table.has(key)}
    try:
        return Limit(**given)
    except ValueError as error:
        raise table.wrong("red_low", "to red_high do not ascend", "them from the lowest to the highest") from error
