"""What must not be read in the database or a backup: sealed by a key that lies beside it, in a file of its owner's."""

import base64
import binascii
import hashlib
import hmac
import os
from enum import StrEnum
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from server.errors import SealError
from server.files import settle

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VERSION: Final = b"\x02"
FIRST: Final = b"\x01"  # when one key sealed everything; it still opens
OTHERS: Final = 0o077  # may neither read nor write it


class Purpose(StrEnum):
    """What is sealed: each has a key of its own, so that one that is told opens nothing of the others."""

    AUTHORITY = "authority"
    CODES = "codes"  # that a member of staff shows when signing in
    HOMES = "homes"  # how one gets in
    NUMBERS = "numbers"  # national identity numbers
    SENSORS = "sensors"
    SIGN_IN = "sign-in"  # what a browser keeps while somebody is at the identity provider


class Seals:
    """One key for each purpose and one for looking up follow from the secret; none tells another."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise SealError(f"The key for what is sealed must have {KEY_BYTES} bytes.")
        self._ciphers = {each: AESGCM(_derived(secret, f"hjemvakt seal 2 {each}".encode())) for each in Purpose}
        self._first = AESGCM(_derived(secret, b"hjemvakt seal 1"))
        self._lookup = _derived(secret, b"hjemvakt lookup 1")

    def seal(self, text: str, bound_to: bytes, purpose: Purpose) -> bytes:
        """`bound_to`: what it belongs to; it opens with nothing else."""
        nonce = os.urandom(NONCE_BYTES)
        return VERSION + nonce + self._ciphers[purpose].encrypt(nonce, text.encode(), bound_to)

    def open(self, sealed: bytes, bound_to: bytes, purpose: Purpose) -> str:
        version, nonce, rest = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        cipher = {VERSION: self._ciphers[purpose], FIRST: self._first}.get(version)
        try:
            if cipher is None:
                raise InvalidTag
            return cipher.decrypt(nonce, rest, bound_to).decode()
        except (InvalidTag, ValueError) as error:
            raise SealError(
                "This was sealed with another key: put the key file back that this database was used with."
            ) from error

    def lookup(self, text: str) -> bytes:
        """The same for the same text, and says nothing about it to who has not the key."""
        return hmac.new(self._lookup, text.encode(), hashlib.sha256).digest()


def read(file: Path) -> Seals:
    """SealError: there is none, it is none, or others may read it."""
    try:
        if file.stat().st_mode & OTHERS:
            raise SealError(f"Others may read the key {file}: make it its owner's alone (chmod 600).")
        text = file.read_text(encoding="ascii")
        return Seals(base64.b64decode(text.strip(), validate=True))
    except (OSError, UnicodeDecodeError, binascii.Error) as error:
        why = getattr(error, "strerror", None) or "it is not base64"
        raise SealError(
            f"Cannot read the key {file} ({why}): put back the one that this database was used with."
        ) from error


def read_or_make(file: Path) -> Seals:
    """The first start makes it. A backup of the database is of no use to a thief without it, nor to its owner."""
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return read(file)
    except OSError as error:
        raise SealError(f"Cannot make the key {file}: {error.strerror}.") from error
    with os.fdopen(handle, "wb") as made:
        made.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
        made.flush()
        os.fsync(made.fileno())
    settle(file.parent)
    return read(file)


def _derived(secret: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(secret)
