"""Passwords as argon2id hashes; an unknown login costs as much time as a wrong password."""

import threading
from functools import cache
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# Each takes 64 MiB and all its time; more at once would let a login storm push the live board aside.
AT_ONCE: Final = 2
WAIT_S: Final = 5.0

_hasher: Final = PasswordHasher()
_seats: Final = threading.BoundedSemaphore(AT_ONCE)


class LoginBusyError(Exception):
    """Too many people sign in at this moment."""


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def is_right(password_hash: str | None, password: str) -> bool:
    """`None`: nobody has that login."""
    if not _seats.acquire(timeout=WAIT_S):
        raise LoginBusyError
    try:
        return _hasher.verify(password_hash or _nobody(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False
    finally:
        _seats.release()


@cache
def _nobody() -> str:
    return _hasher.hash("nobody has this password")
