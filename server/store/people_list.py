"""A list of people as a municipality's system exports it: CSV with semicolons or commas, in UTF-8. Checked whole; every
line that is wrong is said with its number and what to do. Pure.

No sentence says what stands in a cell that may be a national identity number."""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Final, TypeVar, get_args

from server.clinical.national_number import NationalNumber, must_fit
from server.clinical.national_number import read as read_number
from server.clinical.person import phone_of
from server.errors import CareError, PeopleError
from server.store.enrolment import PathwayName

T = TypeVar("T")
BYTES_MAX: Final = 10_000_000
LINES_MAX: Final = 50_000
SAID_MAX: Final = 500  # sentences; whoever has more has taken another file
NAME_MAX: Final = 120
HEADINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "referanse": "reference",
        "navn": "name",
        "født": "born",
        "fødselsdato": "born",
        "forløp": "pathway",
        "pasientforløp": "pathway",
        "lag": "team",
        "hjem": "home",
        "adresse": "address",
        "kommunenummer": "municipality",
        "kommune": "municipality_name",
        "telefon": "phone",
        "bor alene": "lives_alone",
        "fødselsnummer": "number",
        "adressesperre": "protection",
    }
)
COLUMNS: Final = frozenset(HEADINGS.values())
NEEDED: Final = ("reference", "name", "born", "pathway", "team")
PATHWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {name: name for name in get_args(PathwayName)}
    | {"hjertesvikt": "heart_failure", "palliativ": "palliative", "trygghet": "safety"}
)
YES_NO: Final = MappingProxyType({"ja": True, "nei": False, "yes": True, "no": False, "": None})
PROTECTIONS: Final = MappingProxyType({"": None, "6": "kode6", "7": "kode7", "kode6": "kode6", "kode7": "kode7"})
_NORWEGIAN: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})", re.ASCII)
_ISO: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Listed:
    """One line. None: it says nothing about it."""

    line: int
    reference: str
    name: str
    born_on: date
    pathway: str
    team: str
    home: str | None
    address: str | None
    municipality: str | None
    municipality_name: str | None
    phone: str | None
    lives_alone: bool | None
    number: NationalNumber | None = field(repr=False)
    protection: str | None


class _LineError(Exception):
    """What is wrong, and what to do."""


def read(payload: bytes, today: date) -> list[Listed]:
    """PeopleError: a sentence for every line that is wrong."""
    rows = list(_rows(_text(payload)))
    if not rows:
        raise PeopleError("The file is empty: its first line must say what the columns are.")
    columns = _columns(rows[0][1])
    if len(rows) - 1 > LINES_MAX:
        raise PeopleError(f"The file has more than {LINES_MAX:,} lines: divide it.")
    listed, wrong = [], []
    for line, cells in rows[1:]:
        try:
            listed.append(_listed(line, columns, cells, today))
        except (_LineError, CareError) as error:
            wrong.append(f"Line {line}: {error}")
    wrong += _twice(listed)
    refuse(wrong)
    return listed


def refuse(wrong: Sequence[str]) -> None:
    """PeopleError, if there is anything wrong."""
    if wrong:
        more = [f"... and {len(wrong) - SAID_MAX} more."] if len(wrong) > SAID_MAX else []
        raise PeopleError("\n".join(["Nothing was imported.", *wrong[:SAID_MAX], *more]))


def _text(payload: bytes) -> str:
    if len(payload) > BYTES_MAX:
        raise PeopleError(f"The file is larger than {BYTES_MAX:,} bytes: divide it.")
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = payload[: error.start].count(b"\n") + 1
        raise PeopleError(f"Line {line} is not UTF-8: save the file as CSV UTF-8, and import it again.") from None


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """With the number of the line on which each begins; blank ones are left out."""
    heading = text.partition("\n")[0]
    delimiter = ";" if heading.count(";") >= heading.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    begins = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield begins, [cell.strip() for cell in cells]
            begins = reader.line_num + 1
    except csv.Error:
        raise PeopleError(
            f"Line {begins}: its quotes do not fit together: close each, and double one inside."
        ) from None


def _columns(heading: Sequence[str]) -> list[str]:
    names = [HEADINGS.get(cell.casefold(), cell.casefold()) for cell in heading]
    if unknown := [cell for cell, name in zip(heading, names, strict=True) if name not in COLUMNS]:
        known = ", ".join(HEADINGS)
        raise PeopleError(f"Line 1: there is no column {unknown[0]!r}: name the columns from these: {known}.")
    if missing := [name for name in NEEDED if name not in names]:
        said = next(heading for heading, name in HEADINGS.items() if name == missing[0])
        raise PeopleError(f"Line 1: the column {said!r} is missing.")
    if double := [name for name in names if names.count(name) > 1]:
        raise PeopleError(f"Line 1: the column {double[0]!r} is there twice.")
    return names


def _listed(line: int, columns: Sequence[str], cells: Sequence[str], today: date) -> Listed:
    if len(cells) != len(columns):
        raise _LineError(f"it has {len(cells)} cells and the first line {len(columns)}: count the separators.")
    if any(_CONTROL.search(cell) for cell in cells):
        raise _LineError("a cell has a line break or another control character in it: take it out.")
    by = {name: "" for name in COLUMNS} | dict(zip(columns, cells, strict=True))
    for name in ("reference", "name", "team"):
        if not 0 < len(by[name]) <= NAME_MAX:
            raise _LineError(f"{_heading(name)} must have 1 to {NAME_MAX} characters.")
    born_on = _date(by["born"], today)
    number = read_number(by["number"], today) if by["number"] else None
    if number is not None:
        must_fit(number, born_on)
    return Listed(
        line=line,
        reference=by["reference"],
        name=by["name"],
        born_on=born_on,
        pathway=_one_of("pathway", by["pathway"], PATHWAYS),
        team=by["team"],
        home=by["home"] or None,
        address=by["address"] or None,
        municipality=_municipality(by["municipality"]),
        municipality_name=by["municipality_name"] or None,
        phone=phone_of(by["phone"]) if by["phone"] else None,
        lives_alone=_one_of("lives_alone", by["lives_alone"], YES_NO),
        number=number,
        protection=_one_of("protection", by["protection"], PROTECTIONS),
    )


def _date(text: str, today: date) -> date:
    norwegian, iso = _NORWEGIAN.fullmatch(text), _ISO.fullmatch(text)
    if norwegian:
        day, month, year = map(int, norwegian.groups())
    elif iso:
        year, month, day = map(int, iso.groups())
    else:
        raise _LineError("the date of birth must be written as 17.05.1940, with all of the year.")
    try:
        born_on = date(year, month, day)
    except ValueError:
        raise _LineError("the date of birth is a day that does not exist.") from None
    if not date(1900, 1, 1) <= born_on <= today:
        raise _LineError("the date of birth is before 1900 or has not come.")
    return born_on


def _one_of(name: str, text: str, words: Mapping[str, T]) -> T:
    folded = text.casefold().replace(" ", "") if name == "protection" else text.casefold()
    if folded not in words:
        raise _LineError(f"{_heading(name)} must be one of {', '.join(filter(None, words))}.")
    return words[folded]


def _municipality(text: str) -> str | None:
    if text and not re.fullmatch(r"\d{3,4}", text, re.ASCII):
        raise _LineError("kommunenummer has four digits, such as 0301.")
    return text.zfill(4) if text else None  # a spreadsheet takes the first zero away


def _heading(name: str) -> str:
    return next(heading for heading, each in HEADINGS.items() if each == name)


def _twice(listed: Sequence[Listed]) -> Iterator[str]:
    references: dict[str, int] = {}
    numbers: dict[str, int] = {}
    for each in listed:
        if (first := references.setdefault(each.reference, each.line)) != each.line:
            yield f"Line {each.line}: the reference stands on line {first} too: leave one of them out."
        if each.number is not None and (first := numbers.setdefault(each.number.digits, each.line)) != each.line:
            yield f"Line {each.line}: the national identity number stands on line {first} too: one of them is wrong."
