"""IEEE 11073-20601 medical floats: SFLOAT (16 bits) and FLOAT (32 bits), mantissa * 10 ** exponent.

Decimal, because that is what the device meant: 364e-1 is 36.4, and a conversion of units rounds once, at the end.
"""

from decimal import ROUND_HALF_UP, Decimal
from typing import Final

# The special words of 11073-20601 annex F.8: mantissas that stand for something else, with exponent 0.
SFLOAT_NAN: Final = 0x07FF
SFLOAT_NRES: Final = 0x0800  # not at this resolution
SFLOAT_RESERVED: Final = 0x0801
SFLOAT_PLUS_INFINITY: Final = 0x07FE
SFLOAT_MINUS_INFINITY: Final = 0x0802
FLOAT_NAN: Final = 0x007F_FFFF
FLOAT_NRES: Final = 0x0080_0000
FLOAT_RESERVED: Final = 0x0080_0001
FLOAT_PLUS_INFINITY: Final = 0x007F_FFFE
FLOAT_MINUS_INFINITY: Final = 0x0080_0002

_SFLOAT_SPECIAL: Final = {
    SFLOAT_NAN: None,
    SFLOAT_NRES: None,
    SFLOAT_RESERVED: None,
    SFLOAT_PLUS_INFINITY: Decimal("Infinity"),
    SFLOAT_MINUS_INFINITY: Decimal("-Infinity"),
}
_FLOAT_SPECIAL: Final = {
    FLOAT_NAN: None,
    FLOAT_NRES: None,
    FLOAT_RESERVED: None,
    FLOAT_PLUS_INFINITY: Decimal("Infinity"),
    FLOAT_MINUS_INFINITY: Decimal("-Infinity"),
}


def _signed(number: int, bits: int) -> int:
    return number - (1 << bits) if number >> (bits - 1) else number


# 10 ** exponent by the bits of the exponent: a product of two Decimals takes less time than to shift one.
_SFLOAT_TENS: Final = tuple(Decimal(1).scaleb(_signed(bits, 4)) for bits in range(16))
_FLOAT_TENS: Final = tuple(Decimal(1).scaleb(_signed(bits, 8)) for bits in range(256))


def sfloat(word: int) -> Decimal | None:
    """None: no reading. Infinite: beyond what the device can say."""
    if word in _SFLOAT_SPECIAL:
        return _SFLOAT_SPECIAL[word]
    return Decimal((word & 0x0FFF ^ 0x0800) - 0x0800) * _SFLOAT_TENS[word >> 12]


def medfloat(word: int) -> Decimal | None:
    """The 32-bit FLOAT. None: no reading. Infinite: beyond what the device can say."""
    if word in _FLOAT_SPECIAL:
        return _FLOAT_SPECIAL[word]
    return Decimal((word & 0x00FF_FFFF ^ 0x0080_0000) - 0x0080_0000) * _FLOAT_TENS[word >> 24]


def sfloat_word(value: float, decimals: int) -> int:
    """The word for `value` with so many decimals (negative: tens, hundreds); ValueError when it does not fit."""
    if not -7 <= decimals <= 8:
        raise ValueError(f"{decimals} decimals: an SFLOAT has -7 to 8")
    mantissa = _mantissa(value, decimals, most=0x07FD)
    return (-decimals & 0xF) << 12 | mantissa & 0x0FFF


def medfloat_word(value: float, decimals: int) -> int:
    if not -127 <= decimals <= 128:
        raise ValueError(f"{decimals} decimals: a FLOAT has -127 to 128")
    mantissa = _mantissa(value, decimals, most=0x007F_FFFD)
    return (-decimals & 0xFF) << 24 | mantissa & 0x00FF_FFFF


def _mantissa(value: float, decimals: int, most: int) -> int:
    mantissa = int(Decimal(repr(float(value))).scaleb(decimals).to_integral_value(ROUND_HALF_UP))
    if not -most <= mantissa <= most:
        raise ValueError(f"{value} with {decimals} decimals does not fit")
    return mantissa
