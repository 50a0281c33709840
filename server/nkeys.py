"""What NATS takes for an identity: Ed25519 keys in its own spelling, and the tokens that they sign (JWT, RFC 7519).

https://docs.nats.io/reference/reference-protocols/nats-protocol and the specification of nkeys: a prefix byte, the key,
CRC-16 (XMODEM) of both, least significant byte first, in base 32 without padding.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ACCOUNT: Final = 0  # the prefix byte of an account's public key, which makes it begin with A
SEED_BYTES: Final = 32
_HEADER: Final = {"typ": "JWT", "alg": "ed25519-nkey"}


class AccountKey:
    """Signs what a server that names it as issuer believes."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self._seed = seed
        self.public = spelled(ACCOUNT, self._key.public_key().public_bytes_raw())

    def password(self, whose: str) -> str:
        """Of a user of the server's configuration; who has the seed needs no second secret."""
        return hashlib.blake2b(whose.encode(), key=self._seed, digest_size=24).hexdigest()

    def token(self, claims: Mapping[str, Any]) -> str:
        said = f"{_part(_HEADER)}.{_part({'iss': self.public, **claims})}"
        return f"{said}.{_base64(self._key.sign(said.encode()))}"


def spelled(prefix: int, key: bytes) -> str:
    content = bytes((prefix,)) + key
    return base64.b32encode(content + binascii.crc_hqx(content, 0).to_bytes(2, "little")).decode().rstrip("=")


def claims_of(token: str | bytes) -> dict[str, Any]:
    """What it says, unproven: for what came over a connection that is trusted. ValueError: it is none."""
    text = token.decode() if isinstance(token, bytes) else token
    parts = text.split(".")
    if len(parts) != 3:
        raise ValueError("no token")
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise ValueError("no claims")
    return claims


def _part(said: Mapping[str, Any]) -> str:
    return _base64(json.dumps(said, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
