"""Which addresses we send to: a browser names an endpoint, and it must not make us knock at doors inside the house."""

import ipaddress
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

# The push services of Chrome and its relatives, Firefox, Safari and Edge; a leading dot: any name below it.
PUSH_SERVICES: Final = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    ".push.apple.com",
    ".notify.windows.com",
)
ENDPOINT_MAX: Final = 2000
HTTPS_PORT: Final = 443
# E.164: a plus, the country, at most 15 digits. Norwegian numbers without a country get theirs.
_PHONE: Final = re.compile(r"\+[1-9]\d{7,14}")
_NORWEGIAN: Final = re.compile(r"[2-9]\d{7}")
_MAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}")
MAIL_MAX: Final = 254


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """`own`: the administrator named this host, which then may stand in the house itself."""

    host: str
    port: int
    target: str
    own: bool

    @property
    def origin(self) -> str:
        return f"https://{self.host}" if self.port == HTTPS_PORT else f"https://{self.host}:{self.port}"

    @property
    def lane(self) -> str:
        return f"push:{self.host}"


def endpoint(url: str, own_hosts: Collection[str]) -> Endpoint | None:
    """None: nothing that we send to. `own_hosts`: `host` or `host:port` beside the known push services."""
    if len(url) > ENDPOINT_MAX or not url.isascii() or any(each <= " " for each in url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or HTTPS_PORT
    except ValueError:
        return None
    if parts.scheme != "https" or parts.username is not None or parts.password is not None or parts.fragment:
        return None
    own = (host if port == HTTPS_PORT else f"{host}:{port}") in own_hosts
    if not own and (port != HTTPS_PORT or not any(_is(host, service) for service in PUSH_SERVICES)):
        return None
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(host=host, port=port, target=target, own=own)


def _is(host: str, service: str) -> bool:
    return host.endswith(service) if service.startswith(".") else host == service


def is_public(address: str) -> bool:
    """Of a resolved name: nothing private, local, shared, reserved or multicast."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_global and not (mapped or found).is_multicast


def phone(text: str) -> str | None:
    """As +4791234567; None: no phone number."""
    digits = re.sub(r"[\s().-]", "", text)
    number = digits.replace("00", "+", 1) if digits.startswith("00") else digits
    if _NORWEGIAN.fullmatch(number):
        return f"+47{number}"
    return number if _PHONE.fullmatch(number) else None


def mail(text: str) -> str | None:
    address = text.strip()
    return address if len(address) <= MAIL_MAX and _MAIL.fullmatch(address) and ".." not in address else None
