"""One-time codes of an authenticator app: TOTP (RFC 6238) with what every app understands, SHA-1, 6 digits, 30 seconds.
Pure."""

import base64
import hmac
from datetime import datetime
from typing import Final

from pyotp import TOTP

SECRET_BYTES: Final = 20  # RFC 4226, 4, R6: 160 bits
DRIFT: Final = 1  # a phone's clock may be one step off to either side (RFC 6238, 5.2)
ISSUER: Final = "Hjemvakt"
RECOVERY_BYTES: Final = 10  # 80 bits, so that a fast hash is enough
GROUP: Final = 4


def step_of(secret: bytes, said: str, now: datetime) -> int | None:
    """Of which step it is the code, counted from 1970; None: of none near `now`. Takes the same time for every code,
    which pyotp's own search, that ends at the first step that fits, does not."""
    totp = TOTP(spelled(secret))
    steps = range(totp.timecode(now) - DRIFT, totp.timecode(now) + DRIFT + 1)
    fitting = [step for step in steps if hmac.compare_digest(totp.generate_otp(step).encode(), said.encode())]
    return fitting[-1] if fitting else None


def spelled(secret: bytes) -> str:
    """As apps take it from a keyboard."""
    return base64.b32encode(secret).decode().rstrip("=")


def uri(secret: bytes, login: str) -> str:
    """As apps take it from a QR code."""
    return TOTP(spelled(secret)).provisioning_uri(name=login, issuer_name=ISSUER)


def recovery(random: bytes) -> str:
    """In groups that one can read from paper."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[at : at + GROUP] for at in range(0, len(text), GROUP))


def plain(said: str) -> str:
    """Without what people put between: blanks and hyphens."""
    return "".join(said.split()).replace("-", "").lower()
