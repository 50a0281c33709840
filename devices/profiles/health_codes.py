"""What IEEE 11073-10101 calls the quantities and units that we keep: partition << 16 | code, and units by their code in
partition 4. Codes from philips-labs/BLE-GHS-Server-Simulator, ObservationType.kt and UnitCode.kt."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.units import (
    CM_PER_INCH,
    CM_PER_M,
    MMOL_PER_MOL,
    celsius_from_fahrenheit,
    glucose_mmol_per_l_from_mg_per_dl,
    kg_from_lb,
    mmhg_from_kpa,
)
from devices.vocabulary import KINDS, Kind

# The same quantity from another place or by another method.
_ALSO: Final = {
    149514: Kind.PULSE_RATE,
    149546: Kind.PULSE_RATE,  # non-invasive, of a cuff
    150392: Kind.BODY_TEMPERATURE,  # eardrum
    188420: Kind.BODY_TEMPERATURE,  # rectum
    188424: Kind.BODY_TEMPERATURE,  # mouth
    188428: Kind.BODY_TEMPERATURE,  # ear
    188452: Kind.BODY_TEMPERATURE,  # armpit
    188456: Kind.BODY_TEMPERATURE,  # gut
    160188: Kind.GLUCOSE,  # capillary plasma
    160192: Kind.GLUCOSE,  # venous whole blood
    160196: Kind.GLUCOSE,  # venous plasma
    160200: Kind.GLUCOSE,  # arterial whole blood
    160204: Kind.GLUCOSE,  # arterial plasma
    160364: Kind.GLUCOSE,  # undetermined whole blood
    160368: Kind.GLUCOSE,  # undetermined plasma
    150448: Kind.PERFUSION_INDEX,
}
_CONTROLS: Final = (160208, 160372, 160376, 160380, 160384)  # control solution: nobody's blood
TYPES: Final[Mapping[int, tuple[Kind, bool]]] = MappingProxyType(
    {facts.mdc: (kind, False) for kind, facts in KINDS.items() if facts.mdc}
    | {code: (kind, False) for code, kind in _ALSO.items()}
    | {code: (Kind.GLUCOSE, True) for code in _CONTROLS}
)


class Unit(IntEnum):
    """MDC_DIM_*. A prefix is added to the unit's own code: 3 kilo, 17 centi, 18 milli, 19 micro."""

    PERCENT = 544
    M = 1280
    CM = 1297
    MM = 1298
    INCH = 1376
    L = 1600
    CL = 1617
    ML = 1618
    G = 1728
    KG = 1731
    LB = 1760
    KG_PER_M2 = 1952
    MG_PER_DL = 2130
    S = 2176
    MS = 2194
    BEAT_PER_MIN = 2720
    BREATH_PER_MIN = 2784
    L_PER_S = 3040
    L_PER_MIN = 3072
    ML_PER_MIN = 3090
    KPA = 3843
    MMHG = 3872
    KELVIN = 4384
    FAHRENHEIT = 4416
    MOL_PER_L = 4704
    MMOL_PER_L = 4722
    CELSIUS = 6048


ZERO_CELSIUS_IN_KELVIN: Final = Decimal("273.15")  # NIST SP 811 (2008), appendix B.8, exact
S_PER_MIN: Final = Decimal(60)
MS_PER_S: Final = Decimal(1000)
_MILLI: Final = Decimal("0.001")
_CENTI: Final = Decimal("0.01")


def _as_it_is(value: Decimal) -> Decimal:
    return value


def _times(factor: Decimal) -> Callable[[Decimal], Decimal]:
    return lambda value: value * factor


# To the unit (UCUM) in which a kind is kept.
_INTO: Final[Mapping[str, Mapping[int, Callable[[Decimal], Decimal]]]] = MappingProxyType(
    {
        "%": {Unit.PERCENT: _as_it_is},
        "/min": {Unit.BEAT_PER_MIN: _as_it_is, Unit.BREATH_PER_MIN: _as_it_is},
        "mm[Hg]": {Unit.MMHG: _as_it_is, Unit.KPA: mmhg_from_kpa},
        "mmol/L": {
            Unit.MMOL_PER_L: _as_it_is,
            Unit.MG_PER_DL: glucose_mmol_per_l_from_mg_per_dl,
            Unit.MOL_PER_L: _times(MMOL_PER_MOL),
        },
        "Cel": {
            Unit.CELSIUS: _as_it_is,
            Unit.FAHRENHEIT: celsius_from_fahrenheit,
            Unit.KELVIN: lambda kelvin: kelvin - ZERO_CELSIUS_IN_KELVIN,
        },
        "kg": {Unit.KG: _as_it_is, Unit.G: _times(_MILLI), Unit.LB: kg_from_lb},
        "kg/m2": {Unit.KG_PER_M2: _as_it_is},
        "cm": {
            Unit.CM: _as_it_is,
            Unit.M: _times(CM_PER_M),
            Unit.MM: _times(Decimal("0.1")),
            Unit.INCH: _times(CM_PER_INCH),
        },
        "L": {Unit.L: _as_it_is, Unit.CL: _times(_CENTI), Unit.ML: _times(_MILLI)},
        "L/min": {Unit.L_PER_MIN: _as_it_is, Unit.L_PER_S: _times(S_PER_MIN), Unit.ML_PER_MIN: _times(_MILLI)},
        "ms": {Unit.MS: _as_it_is, Unit.S: _times(MS_PER_S)},
    }
)


def converted(kind: Kind, unit: int, value: Decimal) -> Decimal:
    ucum = KINDS[kind].ucum
    if (convert := _INTO[ucum].get(unit)) is None:
        raise DecodeError(f"{kind} in unit {unit}: that is no unit for what is kept in {ucum}")
    return convert(value)
