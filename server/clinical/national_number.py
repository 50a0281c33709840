"""National identity numbers: fødselsnummer and D-nummer, and the synthetic ones that tests are made with.

Skatteetaten, "Nytt fødselsnummer fra 2032" (folkeregisteret-api-dokumentasjon): the weights, and from 2032 on four
first check digits in place of one. No sentence here says a number or a part of one."""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Final

from server.errors import CareError

FIRST_WEIGHTS: Final = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
SECOND_WEIGHTS: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
MORE_FIRST_DIGITS_FROM: Final = date(2032, 1, 1)
D_DAY: Final = 40
SYNTHETIC_MONTHS: Final = (80, 40)  # Skatteetaten's Tenor; NAV's Dolly
# Of the individual number and the last two digits of the year: the century (Skatteetaten, before 2032).
CENTURIES: Final = (
    (range(0, 500), range(0, 100), 1900),
    (range(500, 750), range(54, 100), 1800),
    (range(500, 1000), range(0, 40), 2000),
    (range(900, 1000), range(40, 100), 1900),
)
_ELEVEN: Final = re.compile(r"\d{11}", re.ASCII)
_BLANKS: Final = str.maketrans("", "", " \u00a0\u202f")


class NumberType(StrEnum):
    BIRTH_NUMBER = "fodselsnummer"
    D_NUMBER = "d_nummer"


@dataclass(frozen=True, kw_only=True, slots=True)
class NationalNumber:
    """`born_on` None: the number does not say (a D-nummer may be made of another day). Its text is never shown by
    accident."""

    digits: str = field(repr=False)
    type: NumberType
    synthetic: bool
    born_on: date | None = field(repr=False)

    def __str__(self) -> str:
        return "a national identity number"


def read(text: str, today: date) -> NationalNumber:
    """CareError: what is wrong with it, without it."""
    digits = text.translate(_BLANKS)
    if not _ELEVEN.fullmatch(digits):
        raise CareError("A national identity number has eleven digits: look it up again, and write nothing else.")
    if not _check_digits_are_right(digits, today):
        raise CareError("The check digits of the national identity number are not right: a digit was mistyped.")
    day, month = int(digits[:2]), int(digits[2:4])
    d_number = day > D_DAY
    added = next((each for each in SYNTHETIC_MONTHS if each < month <= each + 12), 0)
    born_on = _date(day - D_DAY * d_number, month - added, int(digits[4:6]), int(digits[6:9]))
    if born_on is None:
        raise CareError("The national identity number begins with a date that does not exist: look it up again.")
    return NationalNumber(
        digits=digits,
        type=NumberType.D_NUMBER if d_number else NumberType.BIRTH_NUMBER,
        synthetic=added > 0,
        born_on=None if d_number else born_on,
    )


def must_fit(number: NationalNumber, born_on: date) -> None:
    """CareError: it is somebody else's. From 2032 on the century no longer follows from it."""
    said = number.born_on
    if said is not None and (said.day, said.month, said.year % 100) != (born_on.day, born_on.month, born_on.year % 100):
        raise CareError("The national identity number and the date of birth do not belong together: one is wrong.")


def _check_digits_are_right(digits: str, today: date) -> bool:
    accepted = range(4) if today >= MORE_FIRST_DIGITS_FROM else range(1)
    return _rest(digits, FIRST_WEIGHTS) in accepted and _rest(digits, SECOND_WEIGHTS) == 0


def _rest(digits: str, weights: tuple[int, ...]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False)) % 11


def _date(day: int, month: int, year: int, individual: int) -> date | None:
    centuries = (first for numbers, years, first in CENTURIES if individual in numbers and year in years)
    # What is given out from 2032 on says no century: the date must be one in some.
    for century in chain(centuries, (1900, 2000)):
        try:
            return date(century + year, month, day)
        except ValueError:
            continue
    return None
