"""Facts: Skatteetaten's examples for 2032 (folkeregisteret-api-dokumentasjon), the synthetic numbers that NAV publishes
for testing (navikt/fnrvalidator, navikt/fnr), and check digits computed by hand on fnrinfo.no."""

from datetime import date

import pytest

from server.clinical.national_number import NumberType, must_fit, read
from server.errors import CareError

TODAY = date(2026, 11, 22)
IN_2032 = date(2032, 1, 2)


@pytest.mark.parametrize(
    ("digits", "type_", "synthetic", "born_on"),
    [
        ("13097248022", NumberType.BIRTH_NUMBER, False, date(1972, 9, 13)),
        ("29029648784", NumberType.BIRTH_NUMBER, False, date(1996, 2, 29)),
        ("29020075838", NumberType.BIRTH_NUMBER, False, date(2000, 2, 29)),
        ("15021951940", NumberType.BIRTH_NUMBER, False, date(2019, 2, 15)),  # its second check digit would be 11: 0
        ("31129956715", NumberType.BIRTH_NUMBER, False, date(1899, 12, 31)),  # computed on fnrinfo.no
        ("53097248016", NumberType.D_NUMBER, False, None),
        ("10915596784", NumberType.BIRTH_NUMBER, True, date(1955, 11, 10)),  # month + 80
        ("13527248013", NumberType.BIRTH_NUMBER, True, date(1972, 12, 13)),  # month + 40
        ("68467038838", NumberType.D_NUMBER, True, None),
        ("50846202355", NumberType.D_NUMBER, True, None),
    ],
)
def test_numbers_that_are_published_for_testing_are_read(digits, type_, synthetic, born_on):
    number = read(digits, TODAY)
    assert (number.digits, number.type, number.synthetic, number.born_on) == (digits, type_, synthetic, born_on)


@pytest.mark.parametrize("text", ["130972 48022", "130972\u00a048022", " 13097248022 "])
def test_a_number_may_be_written_in_groups(text):
    assert read(text, TODAY).digits == "13097248022"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "eleven digits"),
        ("1309724802", "eleven digits"),
        ("130972480222", "eleven digits"),
        ("1309724802A", "eleven digits"),
        ("١٣٠٩٧٢٤٨٠٢٢", "eleven digits"),  # digits, but none of ours
        ("130972-48022", "eleven digits"),
        ("13097248032", "check digits"),  # the first of them
        ("13097248023", "check digits"),  # the second
        ("31097248022", "check digits"),  # two digits changed places
        ("00000000000", "date"),
    ],
)
def test_what_is_no_number_is_refused_without_saying_it(text, why):
    with pytest.raises(CareError) as refused:
        read(text, TODAY)
    assert why in str(refused.value)
    assert not any(digit in str(refused.value) for digit in "0123456789")


def test_every_digit_that_is_mistyped_is_noticed():
    right = "13097248022"
    for place in range(11):
        for digit in set("0123456789") - {right[place]}:
            with pytest.raises(CareError):
                read(right[:place] + digit + right[place + 1 :], TODAY)


@pytest.mark.parametrize("digits", ["02013299997", "30108299920", "30108299939"])
def test_numbers_of_2032_are_read_when_they_are_given_out(digits):
    assert read(digits, IN_2032).digits == digits


def test_a_first_check_digit_of_2032_is_a_mistake_before():
    with pytest.raises(CareError, match="check digits"):
        read("30108299939", TODAY)
    for mistyped in ("02013299987", "02013299996"):
        with pytest.raises(CareError, match="check digits"):
            read(mistyped, IN_2032)


def test_a_number_is_shown_by_nobody_by_accident():
    number = read("13097248022", TODAY)
    assert "1309" not in f"{number} {number!r}"


def test_a_number_and_a_date_of_birth_belong_together():
    must_fit(read("13097248022", TODAY), date(1972, 9, 13))
    must_fit(read("10915596784", TODAY), date(1955, 11, 10))
    must_fit(read("53097248016", TODAY), date(1980, 1, 1))  # a D-nummer may be made of another day
    with pytest.raises(CareError, match="do not belong together"):
        must_fit(read("13097248022", TODAY), date(1972, 9, 14))
