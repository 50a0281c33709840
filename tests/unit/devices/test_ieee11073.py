"""SFLOAT and FLOAT against a second reading of the standard, for every one of the 65,536 words."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ieee11073 import medfloat, medfloat_word, sfloat, sfloat_word


def twos_complement(bits: str) -> int:
    """The first bit counts negative: the definition, not arithmetic with masks."""
    weights = [2**power for power in range(len(bits) - 1, -1, -1)]
    weights[0] = -weights[0]
    return sum(weight for weight, bit in zip(weights, bits, strict=True) if bit == "1")


def by_definition(bits: str, exponent_bits: int) -> Fraction:
    """11073-20601: exponent in the high bits, mantissa in the low ones: mantissa * 10 ** exponent."""
    return twos_complement(bits[exponent_bits:]) * Fraction(10) ** twos_complement(bits[:exponent_bits])


SPECIAL = {
    "0000011111111111": None,  # NaN
    "0000100000000000": None,  # NRes
    "0000100000000001": None,  # reserved
    "0000011111111110": Decimal("inf"),
    "0000100000000010": Decimal("-inf"),
}


def test_every_sfloat_word_is_the_number_of_the_definition() -> None:
    wrong = []
    for word in range(0x10000):
        bits = f"{word:016b}"
        got = sfloat(word)
        right = got == SPECIAL[bits] if bits in SPECIAL else Fraction(got or 0) == by_definition(bits, 4)
        if not right or (got is None) != (bits in SPECIAL and SPECIAL[bits] is None):
            wrong.append((hex(word), got))
    assert wrong == []


@pytest.mark.parametrize(
    ("word", "value"),
    [
        # 11073-20601 and the Bluetooth "Personal Health Devices Transcoding" paper's example: 0xF16C is 36.4.
        (0xF16C, "36.4"),
        (0x0062, "98"),
        (0x8001, "1e-8"),
        (0x7FFF, "-1e7"),
        (0x17FF, "20470"),  # only 0x07ff is NaN: its mantissa with another exponent is a number
        (0xF7FF, "204.7"),
        (0x0803, "-2045"),
        (0x07FD, "2045"),
    ],
)
def test_known_sfloats(word: int, value: str) -> None:
    assert sfloat(word) == Decimal(value)


@given(st.integers(0, 0xFFFF_FFFF))
def test_every_float_word_is_the_number_of_the_definition(word: int) -> None:
    special = {0x007FFFFF, 0x00800000, 0x00800001, 0x007FFFFE, 0x00800002}
    got = medfloat(word)
    if word not in special:
        assert got is not None
        assert Fraction(got) == by_definition(f"{word:032b}", 8)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (0xFF00_0168, "36.0"),  # captured from a thermometer that showed 36.0
        (0xFE00_0EB0, "37.60"),
        (0x007F_FFFE, "inf"),
        (0x0080_0002, "-inf"),
        (0x007F_FFFD, "8388605"),
        (0x0180_0000, "-83886080"),
    ],
)
def test_known_floats(word: int, value: str) -> None:
    assert medfloat(word) == Decimal(value)


@pytest.mark.parametrize("word", [0x007F_FFFF, 0x0080_0000, 0x0080_0001])
def test_a_float_that_is_no_reading_has_no_number(word: int) -> None:
    assert medfloat(word) is None


@pytest.mark.parametrize(("value", "decimals", "word"), [(36.4, 1, 0xF16C), (98, 0, 0x0062), (0.0055, 4, 0xC037)])
def test_words_are_written_as_the_standard_says(value: float, decimals: int, word: int) -> None:
    assert sfloat_word(value, decimals) == word


@pytest.mark.parametrize(("value", "decimals"), [(2046, 0), (-2046, 0), (205, 1), (1, 9), (1, -8)])
def test_what_does_not_fit_is_refused_and_never_a_special_word(value: float, decimals: int) -> None:
    with pytest.raises(ValueError, match=r"fit|decimals"):
        sfloat_word(value, decimals)


def test_a_float_word_has_the_same_rules() -> None:
    assert medfloat_word(36.0, 1) == 0xFF00_0168
    with pytest.raises(ValueError, match="fit"):
        medfloat_word(8_388_606, 0)
    with pytest.raises(ValueError, match="decimals"):
        medfloat_word(1, 129)
