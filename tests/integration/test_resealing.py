"""Every seal is made anew, by the same key or another one, and what an older key opened it opens no more."""

import hashlib
import hmac
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from server.__main__ import main
from server.errors import SealError
from server.store import pool, resealing, sealing
from server.store.sealing import Seals

pytestmark = pytest.mark.integration
OLD, NEW, OTHER = bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NUMBER, DOOR, KEY, CODE, AUTHORITY = "13097248022", "1234", "ab" * 16, "cd" * 20, "a private key"
SECRETS = {NUMBER, DOOR, KEY, CODE, AUTHORITY}
ALL = {each.words: 1 for each in resealing.KINDS.values()}
NONE = dict.fromkeys(ALL, 0)


def hkdf(secret: bytes, info: bytes) -> bytes:
    """RFC 5869 by hand, without a salt, one block of output."""
    return hmac.new(hmac.new(bytes(32), secret, hashlib.sha256).digest(), info + b"\x01", hashlib.sha256).digest()


def first(secret: bytes, text: str, bound_to: bytes) -> bytes:
    """As the first release sealed: one key for everything."""
    return b"\x01" + bytes(12) + AESGCM(hkdf(secret, b"hjemvakt seal 1")).encrypt(bytes(12), text.encode(), bound_to)


@pytest.fixture
def sealed(town: Any) -> dict[str, bytes]:
    """One of each, by the table's name; what they are bound to."""
    anna, home, tor = town.patients["anna"], town.homes["anna"], town.staff["tor"]
    device = town.one("insert into device (address, profile) values ('C0:00:00:00:00:01', 'bthome_door') returning id")
    lookup = hmac.new(hkdf(OLD, b"hjemvakt lookup 1"), NUMBER.encode(), hashlib.sha256).digest()
    bound = {
        "national_number": lookup,
        "home_access": b"access to home %d" % home,
        "device_key": b"key of C0:00:00:00:00:01",
        "second_factor": b"second factor %d" % tor,
        "authority": b"authority",
    }
    for statement, parameters in (
        (
            "insert into national_number values (%s, %s, %s, null, %s)",
            (anna, first(OLD, NUMBER, lookup), lookup, NOW),
        ),
        (
            "insert into home_access (home_id, sealed, set_at, reason) values (%s, %s, %s, 'as said')",
            (home, first(OLD, DOOR, bound["home_access"]), NOW),
        ),
        (
            "insert into device_key (device_id, sealed, set_at) values (%s, %s, %s)",
            (device, first(OLD, KEY, bound["device_key"]), NOW),
        ),
        (
            "insert into second_factor (staff_id, sealed, made_at) values (%s, %s, %s)",
            (tor, first(OLD, CODE, bound["second_factor"]), NOW),
        ),
        (
            "insert into authority (certificate, sealed_key, made_at) values ('a certificate', %s, %s)",
            (first(OLD, AUTHORITY, b"authority"), NOW),
        ),
    ):
        with town.connection() as conn:
            conn.execute(statement, parameters)
    return bound


def columns(town: Any) -> list[tuple[str, str]]:
    """Where anything sealed is kept, as the schema calls it."""
    return town.sql(
        """select c.table_name, column_name from information_schema.columns c join information_schema.tables t
             on t.table_name = c.table_name and t.table_schema = c.table_schema
           where c.table_schema = 'public' and table_type = 'BASE TABLE'
             and column_name like 'sealed%%' and data_type = 'bytea' order by 1"""
    )


def opened(town: Any, bound: dict[str, bytes], opens: Callable[[bytes, bytes], str]) -> set[str]:
    """All that this opens, anywhere."""
    found = set()
    for table, column in columns(town):
        for (text,) in town.sql(f"select {column} from {table} where {column} is not null"):  # noqa: S608  of the schema
            for place in (bound[table], *(row[0] for row in town.sql("select lookup from national_number"))):
                try:
                    found.add(opens(text, place))
                except SealError:
                    continue
    return found


def by_any(secret: bytes) -> Callable[[bytes, bytes], str]:
    """Whoever has this secret tries each purpose."""

    def opens(text: bytes, place: bytes) -> str:
        for purpose in sealing.Purpose:
            try:
                return Seals(secret).open(text, place, purpose)
            except SealError:
                continue
        raise SealError

    return opens


def by_first(secret: bytes) -> Callable[[bytes, bytes], str]:
    """Whoever has only the key that sealed everything once."""

    def opens(text: bytes, place: bytes) -> str:
        try:
            return AESGCM(hkdf(secret, b"hjemvakt seal 1")).decrypt(text[1:13], text[13:], place).decode()
        except InvalidTag as error:
            raise SealError from error

    return opens


def resealed(town: Any, *keys: Any) -> resealing.Resealed:
    with closing(pool.connect(town.owner, name="command", autocommit=True)) as conn:
        return resealing.reseal(conn, *keys)


def test_every_column_that_holds_something_sealed_is_one_that_is_sealed_anew(town, sealed):
    assert {table for table, _ in columns(town)} == set(sealed)
    assert len(resealing.KINDS) == len(sealed)


def test_the_key_that_sealed_everything_once_opens_nothing_afterwards(town, sealed):
    assert opened(town, sealed, by_first(OLD)) == SECRETS
    assert resealed(town, Seals(OLD)) == resealing.Resealed(anew=ALL, lost=NONE)
    assert opened(town, sealed, by_first(OLD)) == set()
    assert opened(town, sealed, by_any(OLD)) == SECRETS


def test_another_key_takes_over_and_the_one_before_opens_nothing(town, sealed):
    done = resealed(town, Seals(NEW), Seals(OLD))
    assert done == resealing.Resealed(anew=ALL, lost=NONE)
    assert opened(town, sealed, by_any(OLD)) == set()
    assert opened(town, sealed, by_any(NEW)) == SECRETS
    assert town.one("select lookup from national_number") == Seals(NEW).lookup(NUMBER), "and it is found by its number"
    assert resealed(town, Seals(NEW), Seals(OLD)).anew == ALL, "asked for a second time it is the same again"


def test_a_wrong_key_changes_nothing(town, sealed):
    before = town.sql("select sealed from national_number")
    with pytest.raises(SealError, match="Neither key opens anything"):
        resealed(town, Seals(NEW), Seals(OTHER))
    assert town.sql("select sealed from national_number") == before


def test_what_no_key_opens_is_counted_and_left_as_it_is(town, sealed):
    strange = first(OTHER, KEY, sealed["device_key"])
    with town.connection() as conn:
        conn.execute("update device_key set sealed = %s", (strange,))
    done = resealed(town, Seals(NEW), Seals(OLD))
    assert (done.anew["keys of sensors"], done.lost["keys of sensors"]) == (0, 1)
    assert town.one("select sealed from device_key") == strange
    assert opened(town, sealed, by_any(NEW)) == SECRETS - {KEY}


def test_a_key_is_not_changed_under_whoever_is_at_work(town, sealed):
    with closing(pool.connect(town.owner, name="clock")) as clock:
        clock.execute("select 1")
        with pytest.raises(SealError, match="hjemvakt-clock"):
            resealed(town, Seals(NEW), Seals(OLD))
        assert resealed(town, Seals(OLD)).anew == ALL, "the same key is nobody's trouble"


def test_the_command_makes_the_next_key_and_says_what_it_did(town, sealed, tmp_path, monkeypatch, capsys):
    file, before = tmp_path / "people.key", tmp_path / "people.key.before"
    sealing.read_or_make(before)
    before.write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n")  # bytes 0 to 31
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", town.owner)
    monkeypatch.setenv("HJEMVAKT_PEOPLE_KEY", str(file))
    assert main(["reseal", "--before", str(before)]) == 0
    said = capsys.readouterr().out
    for words in ALL:
        assert f"1 {words}" in said
    assert opened(town, sealed, by_any(OLD)) == set()
    now = sealing.read(file)
    assert now.open(town.one("select sealed from device_key"), sealed["device_key"], sealing.Purpose.SENSORS) == KEY


def test_without_a_key_file_nothing_is_made(town, sealed, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", town.owner)
    monkeypatch.setenv("HJEMVAKT_PEOPLE_KEY", str(tmp_path / "people.key"))
    assert main(["reseal"]) == 1
    assert "Cannot read the key" in capsys.readouterr().err
    assert main(["reseal", "--before", str(tmp_path / "none")]) == 1
    assert not (tmp_path / "people.key").exists()
