"""Everything that is sealed, sealed anew: so that a key that somebody else may have opens nothing here any more."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import psycopg

from server.errors import SealError
from server.store import authority, configs, moving, queries, residence, second_factor
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("resealing")


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """`bound_to`: what one of them belongs to, by its row's `whose`; None: to its own lookup."""

    words: str
    purpose: Purpose
    bound_to: Callable[..., bytes] | None


# By the names of their statements; every column of the schema that holds something sealed is here.
KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    {
        "authority": Kind(
            words="keys of authorities", purpose=Purpose.AUTHORITY, bound_to=lambda _: authority.BOUND_TO
        ),
        "codes": Kind(words="codes of staff", purpose=Purpose.CODES, bound_to=second_factor.bound_to),
        "homes": Kind(words="ways into homes", purpose=Purpose.HOMES, bound_to=residence.of_home),
        "numbers": Kind(words="national identity numbers", purpose=Purpose.NUMBERS, bound_to=None),
        "sensors": Kind(words="keys of sensors", purpose=Purpose.SENSORS, bound_to=configs.sensor_key),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resealed:
    """By kind, in words. `lost`: what neither key opens; it is left as it is."""

    anew: Mapping[str, int]
    lost: Mapping[str, int]


def reseal(conn: psycopg.Connection, seals: Seals, before: Seals | None = None) -> Resealed:
    """All of it or nothing. `before`: the key that opens what `seals` does not yet; nobody may be at work then, for
    whoever is has that key in memory."""
    if before is not None and (working := moving.at_work(conn)):
        raise SealError(f"Hjemvakt is at work ({working}) and goes on with the key before: stop it first.")
    anew, lost = {}, {}
    with conn.transaction():
        for name, kind in KINDS.items():
            anew[kind.words], lost[kind.words] = _reseal(conn, name, kind, (before or seals, seals), seals)
        if sum(lost.values()) and not sum(anew.values()):
            raise SealError("Neither key opens anything here: nothing was changed.")
    return Resealed(anew=anew, lost=lost)


def _reseal(
    conn: psycopg.Connection, name: str, kind: Kind, opened_by: tuple[Seals, Seals], seals: Seals
) -> tuple[int, int]:
    done = lost = 0
    for id_, whose, sealed in conn.execute(SQL[name]).fetchall():
        bound_to = whose if kind.bound_to is None else kind.bound_to(whose)
        text = _opened(opened_by, sealed, bound_to, kind.purpose)
        if text is None:
            lost += 1
            continue
        lookup = seals.lookup(text)
        made = seals.seal(text, lookup if kind.bound_to is None else bound_to, kind.purpose)
        conn.execute(SQL[f"set_{name}"], {"id": id_, "sealed": made, "lookup": lookup})
        done += 1
    return done, lost


def _opened(keys: tuple[Seals, Seals], sealed: bytes, bound_to: bytes, purpose: Purpose) -> str | None:
    """By the first that fits: where it is asked for a second time, all is sealed by the newer one."""
    for key in keys:
        try:
            return key.open(sealed, bound_to, purpose)
        except SealError:
            continue
    return None
