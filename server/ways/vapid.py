"""Who we are to push services: RFC 8292. One key for the installation, in its data directory, for its owner only.

Browsers subscribe to this key: with another one every subscription would have to be made anew.
"""

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from server.errors import ConfigError
from server.ways.encryption import CURVE, base64url, point

FILE: Final = "vapid.pem"
VALID_FOR: Final = timedelta(hours=12)  # RFC 8292, section 2: at most 24 hours


class Identity:
    """`contact`: mailto: or https:, where a push service finds whoever runs this."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, contact: str) -> None:
        self._key = key
        self._contact = contact
        self.public_key = base64url(point(key.public_key()))

    def authorization(self, origin: str, now: datetime) -> str:
        claims = {"aud": origin, "exp": int((now + VALID_FOR).timestamp()), "sub": self._contact}
        unsigned = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
        r, s = decode_dss_signature(self._key.sign(unsigned.encode(), ec.ECDSA(SHA256())))
        signature = base64url(r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        return f"vapid t={unsigned}.{signature}, k={self.public_key}"


def identity(data: Path, contact: str) -> Identity:
    """Made at the first use."""
    file = data / FILE
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make(file)
        key = load_pem_private_key(file.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{file} cannot be read or made as a private key: put back the file that was there, or let us write."
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE.name:
        raise ConfigError(f"{file} is not a key of the curve P-256: put back the file that was there.")
    return Identity(key, contact)


def _make(file: Path) -> None:
    """Whole or not at all, and never over another that somebody made meanwhile."""
    pem = ec.generate_private_key(CURVE).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    new = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as opened:
        opened.write(pem)
        opened.flush()
        os.fsync(opened.fileno())
    try:
        os.link(new, file)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def _part(content: dict[str, object] | dict[str, str]) -> str:
    return base64url(json.dumps(content, separators=(",", ":")).encode())
