import base64
import stat

import pytest

from server.errors import SealError
from server.store import sealing
from server.store.sealing import Seals

SECRET = bytes(range(32))
NUMBER = "13097248022"


def test_what_is_sealed_opens_with_its_key_and_its_place_only():
    seals = Seals(SECRET)
    sealed = seals.seal(NUMBER, b"one")
    assert seals.open(sealed, b"one") == NUMBER
    assert NUMBER.encode() not in sealed
    for other, place in ((Seals(SECRET[::-1]), b"one"), (seals, b"two")):
        with pytest.raises(SealError, match="another key"):
            other.open(sealed, place)
    for at in (0, 1, 20, len(sealed) - 1):
        with pytest.raises(SealError):
            seals.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], b"one")


def test_the_same_text_is_sealed_anew_each_time_and_looked_up_as_one():
    seals = Seals(SECRET)
    assert seals.seal(NUMBER, b"") != seals.seal(NUMBER, b"")
    assert seals.lookup(NUMBER) == Seals(SECRET).lookup(NUMBER) != Seals(SECRET[::-1]).lookup(NUMBER)


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "people.key"
    sealed = sealing.read_or_make(file).seal(NUMBER, b"")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(base64.b64decode(file.read_text())) == 32
    assert sealing.read_or_make(file).open(sealed, b"") == NUMBER


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
