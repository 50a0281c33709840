"""This installation's settings: from the environment and an optional TOML file, checked once. Pure.

`HJEMVAKT_HTTP_PORT=8080` in the environment and `http_port = 8080` in the file say the same; the environment wins.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from server.errors import ConfigError

PREFIX: Final = "HJEMVAKT_"
DEFAULT_HTTP_PORT: Final = 8080
RUNNING: Final = "running.json"  # in `data`: where a running installation is
DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_MQTT_HOST: Final = "0.0.0.0"
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
PORTS: Final = ("http_port", "mqtt_port", "nats_port")
WAYS: Final = ("public_url", "push_contact", "push_hosts", "sms_url", "mail_url")
OIDC: Final = ("oidc_issuer", "oidc_client_id", "oidc_client_secret", "oidc_name")
TRUST: Final = ("gateway_mqtt_url", "authority_command", "mqtt_host", "mqtt_names", "nats_url")
GUARD: Final = ("guard_broker", "guard_dir", "guard_key")
TEXTS: Final = (
    *("data", "database_url", "api_database_url", "mqtt_url", "http_host", "people_key"),
    *(*WAYS, *OIDC, *TRUST, *GUARD),
)
FLAGS: Final = ("mqtt_plain",)
KEYS: Final = (*TEXTS, *PORTS, *FLAGS)
YES, NO = ("1", "true", "yes"), ("0", "false", "no")


@dataclass(frozen=True, kw_only=True, slots=True)
class Config:
    """`database_url`, `mqtt_url` None: the embedded ones, under `data`. A port None: the usual one, or any free one.
    `mqtt_url` may name several servers of one cluster, with commas between. `nats_url`: its servers again, from which
    several monitors pull what gateways say; None: one monitor hears everything by `mqtt_url`.

    Ways out beside the socket; None: there is no such way. `public_url`: where staff open the board from anywhere.
    `push_contact` (mailto: or https:) turns push on; `push_hosts`: push services beside those of the browsers.
    `people_key`: the file with the key for what is sealed; None: the one that `serve` makes in `data`.
    `gateway_mqtt_url`: where gateways find the broker, as they are told when they are let in; None: where we find it.
    `authority_command`: a program that signs their certificates; None: our own authority does.
    `mqtt_plain`: the embedded broker speaks MQTT without TLS, to this machine alone; or `mqtt_url` may, to another one.
    `mqtt_host`: the address where the embedded broker listens for gateways; `mqtt_names`: what they call it, with
    commas between. `guard_broker`: the broker that the role guard stands beside, nats://HOST:PORT or mosquitto:PIDFILE;
    `guard_dir`: the directory that they share; `guard_key`: the file with the secret that the guard and NATS share.
    `oidc_issuer`: the identity provider that staff come in by; `oidc_name`: what the login calls it."""

    data: Path
    database_url: str | None = None
    api_database_url: str | None = None
    mqtt_url: str | None = None
    nats_url: str | None = None
    http_host: str = DEFAULT_HOST
    http_port: int | None = None
    mqtt_port: int | None = None
    nats_port: int | None = None
    people_key: str | None = None
    gateway_mqtt_url: str | None = None
    authority_command: str | None = None
    mqtt_plain: bool = False
    mqtt_host: str = DEFAULT_MQTT_HOST
    mqtt_names: str | None = None
    guard_broker: str | None = None
    guard_dir: str | None = None
    guard_key: str | None = None
    public_url: str | None = None
    push_contact: str | None = None
    push_hosts: str | None = None
    sms_url: str | None = field(default=None, repr=False)
    mail_url: str | None = field(default=None, repr=False)
    oidc_issuer: str | None = None
    oidc_client_id: str | None = None
    oidc_client_secret: str | None = field(default=None, repr=False)
    oidc_name: str | None = None

    @property
    def own_push_hosts(self) -> tuple[str, ...]:
        return tuple(filter(None, (each.strip().lower() for each in (self.push_hosts or "").split(","))))

    def broker_names(self) -> tuple[str, ...]:
        """What gateways, and we, call the broker."""
        given = [each.strip().lower() for each in (self.mqtt_names or "").split(",")]
        told = urlsplit(self.gateway_mqtt_url).hostname if self.gateway_mqtt_url else None
        return tuple(dict.fromkeys(filter(None, (told, *given, *LOOPBACK))))

    def key_file(self) -> Path:
        return self.data / "people.key" if self.people_key is None else Path(self.people_key).expanduser()

    def needed_database_url(self) -> str:
        if self.database_url is None:
            raise ConfigError("Set HJEMVAKT_DATABASE_URL, or use `hjemvakt serve`, which brings a database along.")
        return self.database_url

    def needed_mqtt_url(self) -> str:
        if self.mqtt_url is None:
            raise ConfigError("Set HJEMVAKT_MQTT_URL, or use `hjemvakt serve`, which brings a broker along.")
        return self.mqtt_url


def read(environment: Mapping[str, str], toml: str | None = None) -> Config:
    """`toml`: the text of the configuration file."""
    given = _from_file(toml) if toml is not None else {}
    given |= _from_environment(environment)
    texts: dict[str, str] = {key: str(given[key]) for key in TEXTS if key in given}
    ports: dict[str, int] = {key: _port(key, given[key]) for key in PORTS if key in given}
    flags: dict[str, bool] = {key: _flag(key, given[key]) for key in FLAGS if key in given}
    _check_urls(texts)
    _check_plain(texts, is_asked=flags.get("mqtt_plain", False))
    _check_different(ports)
    data = Path(texts.pop("data", "") or _default_data(environment)).expanduser()
    return Config(data=data, **texts, **ports, **flags)  # type: ignore[arg-type]


def _from_file(text: str) -> dict[str, object]:
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The configuration file is not TOML: {error}.") from error
    for key, value in given.items():
        if key not in KEYS:
            raise ConfigError(f"The configuration file has an unknown key {key!r}{_did_you_mean(key)}.")
        wanted = int if key in PORTS else bool if key in FLAGS else str
        if type(value) is not wanted:
            kind = {int: "a whole number", bool: "true or false", str: "text in quotes"}[wanted]
            raise ConfigError(f"{key} in the configuration file must be {kind}, not {value!r}.")
    return given


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """An empty variable is as good as none."""
    given: dict[str, object] = {}
    for name, value in environment.items():
        if not name.startswith(PREFIX) or not value:
            continue
        key = name.removeprefix(PREFIX).lower()
        if key not in KEYS:
            raise ConfigError(f"The environment has an unknown setting {name}{_did_you_mean(key, PREFIX)}.")
        given[key] = value
    return given


def _port(key: str, value: object) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = 0
    if not 1 <= port <= 65_535:
        raise ConfigError(f"{key} must be a port from 1 to 65535, not {value!r}.")
    return port


def _flag(key: str, value: object) -> bool:
    word = str(value).lower()
    if word not in (*YES, *NO):
        raise ConfigError(f"{key} must be true or false, not {value!r}.")
    return word in YES


def _check_plain(texts: Mapping[str, str], *, is_asked: bool) -> None:
    """What is not encrypted stays on this machine, unless somebody says otherwise."""
    open_ = [urlsplit(url) for url in _listed(texts.get("mqtt_url", ""))]
    if any(each.scheme == "mqtt" and each.hostname not in LOOPBACK for each in open_) and not is_asked:
        raise ConfigError(
            "mqtt_url is not encrypted and leaves this machine: write mqtts://, or set mqtt_plain if nobody can listen."
        )


def _check_urls(texts: Mapping[str, str]) -> None:
    given = {key: texts[key] for key in ("mqtt_url", "gateway_mqtt_url") if key in texts}
    for key, urls in given.items():
        if not all(map(_is_mqtt, _listed(urls) if key == "mqtt_url" else [urls])):
            raise ConfigError(f"{key} must look like mqtt://host:1883 or mqtts://host:8883.")
    _check_nats(texts)
    for key in ("database_url", "api_database_url"):
        url = texts.get(key)
        if url is not None and not _is_postgresql(url):
            raise ConfigError(f"{key} must look like postgresql://user@host/database.")
    if "api_database_url" in texts and "database_url" not in texts:
        raise ConfigError("api_database_url is set, but database_url is not: set both, or neither.")
    _check_ways(texts)
    _check_oidc(texts)


def _check_oidc(texts: Mapping[str, str]) -> None:
    used = [key for key in OIDC if key in texts]
    for needed in ("oidc_issuer", "oidc_client_id", "public_url"):
        if used and needed not in texts:
            raise ConfigError(f"{used[0]} is set, but {needed} is not: the identity provider has to be told.")
    for key in ("oidc_issuer", "public_url") if used else ():
        if not is_guarded(texts[key]):
            raise ConfigError(
                f"{key} must be https when people come in by oidc_issuer; on this machine itself, http will do."
            )


def is_guarded(url: str) -> bool:
    """Nobody listens on the way: https, or this machine itself."""
    if _is_web(url, ("https",)):
        return True
    return _is_web(url, ("http",)) and urlsplit(url).hostname in LOOPBACK


def _check_ways(texts: Mapping[str, str]) -> None:
    """What a secret stands in is only looked at by whoever uses it, who says nothing of it."""
    used = [key for key in ("push_contact", "sms_url", "mail_url") if key in texts]
    if used and "public_url" not in texts:
        raise ConfigError(f"{used[0]} is set, but public_url is not: say where staff open the board.")
    if not _is_web(texts.get("public_url", "https://-"), ("https", "http")):
        raise ConfigError("public_url must look like https://hjemvakt.kommune.example.")
    contact = texts.get("push_contact", "https://-")
    if not contact.startswith("mailto:") and not _is_web(contact, ("https",)):
        raise ConfigError("push_contact must look like mailto:drift@kommune.example.")


def _is_web(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        return False


def _is_mqtt(url: str) -> bool:
    return _has_place(url, ("mqtt", "mqtts"))


def _has_place(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that cannot be one
        return False


def _check_nats(texts: Mapping[str, str]) -> None:
    if "nats_url" not in texts:
        return
    if "mqtt_url" not in texts:
        raise ConfigError("nats_url is set, but mqtt_url is not: gateways are told by MQTT what they have to do.")
    for url in _listed(texts["nats_url"]):
        if not _has_place(url, ("nats", "tls")):
            raise ConfigError("nats_url must look like tls://nats-1:4222,tls://nats-2:4222,tls://nats-3:4222.")
        if urlsplit(url).scheme == "nats" and urlsplit(url).hostname not in LOOPBACK:
            raise ConfigError("nats_url is not encrypted and leaves this machine: write tls://.")


def _listed(urls: str) -> list[str]:
    """Servers of one cluster, with commas between."""
    return [url.strip() for url in urls.split(",")]


def _is_postgresql(url: str) -> bool:
    """A URL or `key=value ...`, as libpq reads them; it may name several hosts, each with its port."""
    try:
        ports = str(conninfo_to_dict(url).get("port", "")).split(",")
    except ProgrammingError:
        return False
    return all(port.isdecimal() and 1 <= int(port) <= 65_535 for port in ports if port)


def _check_different(ports: Mapping[str, int]) -> None:
    users: dict[int, str] = {}
    for key, port in ports.items():
        if port in users:
            raise ConfigError(f"{users[port]} and {key} are both {port}: choose two ports.")
        users[port] = key


def _default_data(environment: Mapping[str, str]) -> str:
    base = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME") or "~") / ".local" / "share")
    return str(Path(base) / "hjemvakt")


def _did_you_mean(key: str, prefix: str = "") -> str:
    close = get_close_matches(key, KEYS, n=1)
    if not close:
        return ""
    return f"; did you mean {prefix}{close[0].upper()}" if prefix else f"; did you mean {close[0]!r}"
