"""One-time codes of an authenticator app: TOTP (RFC 6238) with what every app understands, SHA-1, 6 digits, 30 seconds.
Pure."""

import base64
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

SECRET_BYTES: Final = 20  # RFC 4226, 4, R6: 160 bits
STEP_S: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1  # a phone's clock may be one step off to either side (RFC 6238, 5.2)
ISSUER: Final = "Hjemvakt"
RECOVERY_BYTES: Final = 10  # 80 bits, so that a fast hash is enough
GROUP: Final = 4


def code(secret: bytes, step: int, digits: int = DIGITS) -> str:
    mac = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    start = mac[-1] & 0xF
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**digits:0{digits}}"


def step_at(now: datetime) -> int:
    return int(now.timestamp()) // STEP_S


def step_of(secret: bytes, said: str, now: datetime) -> int | None:
    """Of which step it is the code; None: of none near `now`. Takes the same time for every code."""
    steps = range(step_at(now) - DRIFT, step_at(now) + DRIFT + 1)
    fitting = [step for step in steps if hmac.compare_digest(code(secret, step).encode(), said.encode())]
    return fitting[-1] if fitting else None


def spelled(secret: bytes) -> str:
    """As apps take it from a keyboard."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri(secret: bytes, login: str) -> str:
    """As apps take it from a QR code."""
    given: Mapping[str, str] = {"secret": spelled(secret), "issuer": ISSUER}
    return f"otpauth://totp/{quote(f'{ISSUER}:{login}')}?{urlencode(given)}"


def recovery(random: bytes) -> str:
    """In groups that one can read from paper."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def plain(said: str) -> str:
    """Without what people put between: blanks and hyphens."""
    return "".join(said.split()).replace("-", "").lower()
