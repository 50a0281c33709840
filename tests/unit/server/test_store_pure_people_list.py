"""Numbers are those that NAV publishes for testing (navikt/fnrvalidator)."""

from datetime import date

import pytest

from server.errors import PeopleError
from server.store.people_list import read

TODAY = date(2026, 11, 22)
HEADING = "referanse;navn;født;forløp;lag"
LINE = "P-1;Anna Ås;13.09.1972;kols;Nord"


def listed(*lines, heading=HEADING, encoding="utf-8"):
    return read("\r\n".join([heading, *lines]).encode(encoding), TODAY)


def wrong(*lines, heading=HEADING):
    with pytest.raises(PeopleError) as refused:
        listed(*lines, heading=heading)
    first, *rest = str(refused.value).splitlines()
    assert first == "Nothing was imported." or first.startswith("Line"), first
    return rest or [first]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("delimiter", [";", ","])
def test_semicolons_and_commas_with_and_without_a_byte_order_mark_say_the_same(encoding, delimiter):
    (anna,) = listed(LINE.replace(";", delimiter), heading=HEADING.replace(";", delimiter), encoding=encoding)
    assert (anna.line, anna.reference, anna.name, anna.team) == (2, "P-1", "Anna Ås", "Nord")
    assert (anna.born_on, anna.pathway) == (date(1972, 9, 13), "kols")


@pytest.mark.parametrize("said", ["13.09.1972", "13.9.1972", "1972-09-13"])
def test_dates_are_read_as_they_are_written_in_norway(said):
    (anna,) = listed(f"P-1;Anna;{said};kols;Nord")
    assert anna.born_on == date(1972, 9, 13)


@pytest.mark.parametrize("said", ["09/13/1972", "13.09.72", "31.02.1972", "13.09.2027", "1.1.1899", "", "29.02.1973"])
def test_a_date_that_is_none_or_could_be_another_is_refused(said):
    (sentence,) = wrong(f"P-1;Anna;{said};kols;Nord")
    assert sentence.startswith("Line 2: the date of birth")


def test_everything_that_can_be_said_is_read():
    heading = "Referanse;Navn;Fødselsdato;Forløp;Lag;Hjem;Adresse;Kommunenummer;Kommune;Telefon;Bor alene"
    heading += ";Fødselsnummer;Adressesperre"
    (anna,) = listed(
        'P-1;Anna;13.09.1972;Hjertesvikt;Nord;H-1;"Lia 7; inngang B";301;Oslo;900 00 001;Ja;130972 48022;kode 6',
        heading=heading,
    )
    assert (anna.pathway, anna.home, anna.address, anna.municipality) == (
        "heart_failure",
        "H-1",
        "Lia 7; inngang B",
        "0301",
    )
    assert (anna.phone, anna.lives_alone, anna.protection) == ("90000001", True, "kode6")
    assert anna.number is not None and anna.number.digits == "13097248022"
    assert "130972" not in repr(anna)


def test_every_line_that_is_wrong_is_said_with_its_number_and_those_that_are_right_are_not():
    said = wrong("P-1;;13.09.1972;kols;Nord", LINE, "", "P-3;Per;13.09.1972;astma;Nord", "P-4;Per;13.09.1972", LINE)
    assert [sentence.partition(":")[0] for sentence in said] == ["Line 2", "Line 5", "Line 6", "Line 7"]
    assert "stands on line 3 too" in said[3]


def test_a_cell_over_two_lines_does_not_move_the_numbers():
    said = wrong('P-1;"Anna\nÅs";13.09.1972;kols;Nord', "P-2;Per;x;kols;Nord")
    assert [sentence.partition(":")[0] for sentence in said] == ["Line 2", "Line 4"]


def test_a_number_that_is_wrong_is_never_said():
    heading = f"{HEADING};fødselsnummer"
    said = wrong(f"{LINE};13097248023", "P-2;Per;14.09.1972;kols;Nord;13097248022", heading=heading)
    assert ["check digits" in said[0], "do not belong together" in said[1]] == [True, True]
    assert "1309" not in " ".join(said)
    said = wrong("13097248022;Anna;x;13097248022;Nord")  # in the wrong columns
    assert "1309" not in " ".join(said)


def test_a_file_that_is_no_list_is_refused_with_what_to_do():
    assert "no column" in wrong(LINE, heading=f"{HEADING};diagnose")[0]
    assert "missing" in wrong("P-1;Anna", heading="referanse;navn")[0]
    assert "twice" in wrong(f"{LINE};x", heading=f"{HEADING};navn")[0]
    assert "quotes" in wrong('P-1;"Anna;13.09.1972;kols;Nord')[0]
    for payload, why in (
        (b"", "empty"),
        (f"{HEADING}\n{LINE}".encode("latin-1"), "Line 1 is not UTF-8"),
        (b"x" * 10_000_001, "larger"),
    ):
        with pytest.raises(PeopleError, match=why):
            read(payload, TODAY)
