"""The gateway's configuration: a TOML file, checked whole at the start. What it cannot mean is said in one sentence."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.limits import Limit
from devices.profiles import PROFILES
from devices.vocabulary import Kind
from devices.wire.topics import BUCKETS, GATEWAY_ID
from edge.errors import ConfigError

ADDRESS: Final = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){5}")
VIRTUAL: Final = re.compile(r"tcp:(?P<host>[^:]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})|unix:.+")
UNIX_PATH_BYTES: Final = 107  # sockaddr_un.sun_path of Linux, less its final zero
ADAPTER: Final = re.compile(r"hci\d{1,2}")
MOST_DEVICES: Final = 64
MOST_ADAPTERS: Final = 4


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
    """`adapters`: names of BlueZ (hci0); none: the machine's first. `canary`: the address of an advertiser whose silence
    means that the radio is deaf. `virtual`: addresses of virtual homes, one adapter each, instead of Bluetooth."""

    adapters: tuple[str, ...] = ()
    canary: str | None = None
    virtual: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    gateway: str
    bucket: int
    broker: Broker
    data_dir: Path
    heartbeat_s: float
    zone: ZoneInfo
    devices: tuple[DeviceConfig, ...]
    radio: RadioConfig


def load(path: Path) -> Config:
    try:
        text = path.read_text(encoding="utf-8")
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
    top = _Table(path, "", said)
    top.knows("gateway", "bucket", "mqtt", "insecure", "data_dir", "heartbeat_s", "zone", "radio", "devices")
    return Config(
        gateway=_gateway(top),
        bucket=_bucket(top),
        broker=_broker(top),
        data_dir=path.parent / _data_dir(top),
        heartbeat_s=_heartbeat_s(top),
        zone=_zone(top),
        radio=_radio(top),
        devices=_devices(top),
    )


class _Table:
    """One table of the file, and how to complain about a key of it."""

    def __init__(self, path: Path, where: str, said: Mapping[str, Any]) -> None:
        self._path, self._where, self._said = path, where, said

    def wrong(self, key: str, what: str, write: str) -> ConfigError:
        return ConfigError(f"{self._path}: {self._where}{key} {what}: write {write}")

    def knows(self, *keys: str) -> None:
        for key in self._said:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                choice = near[0] if near else "one of " + ", ".join(keys)
                raise self.wrong(key, "is not a key that the gateway knows", f"{choice}, or remove it")

    def text(self, key: str, example: str, default: str | None = None) -> str:
        value: object = self._said.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", f"{key} = {example}")
        if default is not None and key not in self._said:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"is {_shown(value)}, not a text", f"{key} = {example}")
        return value

    def texts(self, key: str, example: str) -> tuple[str, ...]:
        """One text, or a list of different ones; none if the key is missing."""
        value: object = self._said.get(key, [])
        found: list[object] = value if isinstance(value, list) else [value]
        texts = [each for each in found if isinstance(each, str) and each.strip()]
        if len(texts) != len(found) or len(set(texts)) != len(texts):
            raise self.wrong(key, f"is {_shown(value)}", f"{key} = {example} or a list of different ones in [ ]")
        if len(texts) > MOST_ADAPTERS:
            raise self.wrong(key, f"are {len(texts)}", f"at most {MOST_ADAPTERS}")
        return tuple(texts)

    def number(
        self, key: str, least: float, most: float, default: float | None = None, *, whole: bool = False
    ) -> float:
        value = self._said.get(key, default)
        example = f"{key} = a {'whole ' if whole else ''}number from {least:g} to {most:g}"
        if value is None:
            raise self.wrong(key, "is missing", example)
        is_number = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not is_number or not least <= value <= most:
            raise self.wrong(key, f"is {_shown(value)}", example)
        return float(value)

    def yes(self, key: str) -> bool:
        value = self._said.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"is {_shown(value)}", f"{key} = true or {key} = false")
        return value

    def table(self, key: str) -> "_Table":
        value = self._said.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"is {_shown(value)}, not a table", f"[{key}] on a line of its own")
        return _Table(self._path, f"[{key}] ", value)

    def tables(self, key: str) -> "list[_Table]":
        value = self._said.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, f"is {_shown(value)}, not a list of tables", f"[[{key}]] before each of them")
        return [_Table(self._path, f"[[{key}]] number {i}: ", each) for i, each in enumerate(value, 1)]


def _shown(value: object) -> str:
    return {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)


def _gateway(top: _Table) -> str:
    name = top.text("gateway", '"hv-0001"')
    if not GATEWAY_ID.fullmatch(name):
        raise top.wrong("gateway", f"is {name!r}", "3 to 40 of a-z, 0-9 and -, not beginning with -")
    return name


def _bucket(top: _Table) -> int:
    return int(top.number("bucket", 0, BUCKETS - 1, whole=True))


def _data_dir(top: _Table) -> str:
    return top.text("data_dir", '"/var/lib/hjemvakt-gateway"')


def _heartbeat_s(top: _Table) -> float:
    return top.number("heartbeat_s", 1, 3600, 30)


def _zone(top: _Table) -> ZoneInfo:
    name = top.text("zone", '"Europe/Oslo"', "Europe/Oslo")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise top.wrong("zone", f"is {name!r}, which this machine does not know", '"Europe/Oslo"') from error


def _broker(top: _Table) -> Broker:
    url = top.text("mqtt", '"mqtts://broker.example:8883"')
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise top.wrong("mqtt", f"is {url!r} ({error})", '"mqtts://host:8883"') from error
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname or parts.path not in ("", "/"):
        raise top.wrong("mqtt", f"is {url!r}", '"mqtts://host:8883" or "mqtt://127.0.0.1:1883"')
    tls = parts.scheme == "mqtts"
    if not tls and not _is_loopback(parts.hostname) and not top.yes("insecure"):
        what = f"is {url!r}, and everybody on the way could read it and answer"
        raise top.wrong("mqtt", what, '"mqtts://...", or insecure = true if you accept that')
    port = port or (8883 if tls else 1883)
    return Broker(host=parts.hostname, port=port, tls=tls, user=parts.username, password=parts.password)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _radio(top: _Table) -> RadioConfig:
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


def _check_virtual(radio: _Table, address: str) -> None:
    found = VIRTUAL.fullmatch(address)
    if address.startswith("unix:") and len(address.removeprefix("unix:").encode()) > UNIX_PATH_BYTES:
        raise radio.wrong("virtual", f"is a path of more than {UNIX_PATH_BYTES} bytes", '"tcp:127.0.0.1:PORT"')
    if found is None or (found["host"] and (not _is_loopback(found["host"]) or int(found["port"]) > 65_535)):
        raise radio.wrong("virtual", f"is {address!r}", '"tcp:127.0.0.1:PORT", or leave [radio] out to use Bluetooth')


def _devices(top: _Table) -> tuple[DeviceConfig, ...]:
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


def _device(table: _Table) -> DeviceConfig:
    table.knows("address", "profile", "name")
    address = table.text("address", '"C0:26:DF:01:23:45"').upper()
    if not ADDRESS.fullmatch(address):
        raise table.wrong("address", f"is {address!r}", "six pairs of hex digits with colons, as the scan shows them")
    profile = table.text("profile", '"heart_rate"')
    if profile not in PROFILES:
        raise table.wrong("profile", f"is {profile!r}", "one of " + ", ".join(sorted(PROFILES)))
    return DeviceConfig(address=address, profile=profile, name=table.text("name", '"chest strap"', ""))
