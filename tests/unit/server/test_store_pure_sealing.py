import base64
import hashlib
import hmac
import os
import stat

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.errors import SealError
from server.store import sealing
from server.store.sealing import Purpose, Seals

SECRET = bytes(range(32))
NUMBER = "13097248022"


def test_what_is_sealed_opens_with_its_key_and_its_place_only():
    seals = Seals(SECRET)
    sealed = seals.seal(NUMBER, b"one", Purpose.NUMBERS)
    assert seals.open(sealed, b"one", Purpose.NUMBERS) == NUMBER
    assert NUMBER.encode() not in sealed
    for other, place in ((Seals(SECRET[::-1]), b"one"), (seals, b"two")):
        with pytest.raises(SealError, match="another key"):
            other.open(sealed, place, Purpose.NUMBERS)
    for at in (0, 1, 20, len(sealed) - 1):
        with pytest.raises(SealError):
            seals.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], b"one", Purpose.NUMBERS)


@pytest.mark.parametrize("other", [each for each in Purpose if each is not Purpose.SENSORS])
def test_what_is_sealed_for_one_purpose_opens_for_no_other(other):
    seals = Seals(SECRET)
    with pytest.raises(SealError):
        seals.open(seals.seal("k", b"one", Purpose.SENSORS), b"one", other)


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 by hand, without a salt, one block of output."""
    extracted = hmac.new(bytes(32), secret, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


@pytest.mark.parametrize("purpose", Purpose)
def test_what_the_first_key_sealed_still_opens_whatever_it_was_for(purpose):
    sealed = b"\x01" + bytes(12) + AESGCM(hkdf(SECRET, b"hjemvakt seal 1")).encrypt(bytes(12), b"old", b"one")
    assert Seals(SECRET).open(sealed, b"one", purpose) == "old"


def test_each_purpose_has_the_key_that_rfc_5869_derives():
    sealed = Seals(SECRET).seal("new", b"one", Purpose.SENSORS)
    key = hkdf(SECRET, b"hjemvakt seal 2 sensors")
    assert AESGCM(key).decrypt(sealed[1:13], sealed[13:], b"one") == b"new"


def test_the_same_text_is_sealed_anew_each_time_and_looked_up_as_one():
    seals = Seals(SECRET)
    assert seals.seal(NUMBER, b"", Purpose.NUMBERS) != seals.seal(NUMBER, b"", Purpose.NUMBERS)
    assert seals.lookup(NUMBER) == Seals(SECRET).lookup(NUMBER) != Seals(SECRET[::-1]).lookup(NUMBER)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "people.key"
    sealed = sealing.read_or_make(file).seal(NUMBER, b"", Purpose.NUMBERS)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(file.read_text())) == 32
    assert sealing.read_or_make(file).open(sealed, b"", Purpose.NUMBERS) == NUMBER


def test_a_key_that_was_made_is_there_after_a_power_cut(tmp_path, monkeypatch):
    """What it seals is committed a moment later; its name in the directory has to be on the disk before."""
    settled = set()
    monkeypatch.setattr(os, "fsync", lambda descriptor: settled.add(os.fstat(descriptor).st_ino))
    sealing.read_or_make(tmp_path / "people.key")
    assert settled == {(tmp_path / "people.key").stat().st_ino, tmp_path.stat().st_ino}


def test_a_key_that_others_may_read_or_that_is_none_is_refused(tmp_path):
    file = tmp_path / "people.key"
    with pytest.raises(SealError, match="Cannot read the key"):
        sealing.read(file)
    sealing.read_or_make(file)
    file.chmod(0o640)
    with pytest.raises(SealError, match="chmod 600"):
        sealing.read(file)
    for text in ("not base64!", base64.b64encode(b"short").decode()):
        file.write_text(text)
        file.chmod(0o600)
        with pytest.raises(SealError):
            sealing.read(file)
