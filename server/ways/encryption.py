"""A push message that only the browser can read: RFC 8291 over RFC 8188, one record."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CURVE: Final = ec.SECP256R1()
RECORD_BYTES: Final = 4096  # RFC 8291, section 4: services need not take more
TEXT_MAX: Final = 3993  # what fits in a record beside its delimiter, its tag and the header
POINT_BYTES: Final = 65
AUTH_BYTES: Final = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class BrowserKeys:
    """As PushSubscription.toJSON() gives them, decoded. Raises ValueError if they cannot be such keys."""

    p256dh: bytes
    auth: bytes

    def __post_init__(self) -> None:
        if len(self.auth) != AUTH_BYTES:
            raise ValueError(f"auth has {AUTH_BYTES} bytes")
        if len(self.p256dh) != POINT_BYTES:
            raise ValueError(f"p256dh has {POINT_BYTES} bytes")
        ec.EllipticCurvePublicKey.from_encoded_point(CURVE, self.p256dh)


def browser_keys(p256dh: str, auth: str) -> BrowserKeys:
    return BrowserKeys(p256dh=from_base64url(p256dh), auth=from_base64url(auth))


def encrypt(
    text: bytes, keys: BrowserKeys, *, salt: bytes | None = None, key: ec.EllipticCurvePrivateKey | None = None
) -> bytes:
    """`salt` and `key` are new for every message; they are only given where the outcome must be known."""
    assert len(text) <= TEXT_MAX, "the text of a push message is ours, and short"
    salt = os.urandom(16) if salt is None else salt
    key = ec.generate_private_key(CURVE) if key is None else key
    ours = point(key.public_key())
    secret = key.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(CURVE, keys.p256dh))
    both = _derive(secret, salt=keys.auth, info=b"WebPush: info\0" + keys.p256dh + ours, length=32)
    content_key = _derive(both, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    nonce = _derive(both, salt=salt, info=b"Content-Encoding: nonce\0", length=12)
    header = salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(ours)]) + ours
    return header + AESGCM(content_key).encrypt(nonce, text + b"\x02", None)  # 2: the last record


def _derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def base64url(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
