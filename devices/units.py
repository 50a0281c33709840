"""From the units of devices to ours. Decimal in, Decimal out: the float is made once, at the end."""

from decimal import Decimal
from typing import Final

# D-glucose C6H12O6: 180.156 g/mol (NIST Chemistry WebBook, molecular weight 180.1559); 1 mmol/L is 18.0156 mg/dL.
GLUCOSE_MG_PER_DL_PER_MMOL_PER_L: Final = Decimal("18.0156")
MG_PER_DL_PER_KG_PER_L: Final = Decimal(100_000)  # 1 kg/L = 1,000,000 mg/L = 100,000 mg/dL
MMOL_PER_MOL: Final = Decimal(1000)
# NIST SP 811 (2008), appendix B: exact by definition.
KG_PER_LB: Final = Decimal("0.45359237")
CM_PER_INCH: Final = Decimal("2.54")
CM_PER_M: Final = Decimal(100)
# NIST SP 811 (2008), appendix B.8: 1 mmHg = 133.3224 Pa.
KPA_PER_MMHG: Final = Decimal("0.1333224")


def glucose_mmol_per_l_from_mg_per_dl(mg_per_dl: Decimal) -> Decimal:
    return mg_per_dl / GLUCOSE_MG_PER_DL_PER_MMOL_PER_L


def glucose_mg_per_dl_from_mmol_per_l(mmol_per_l: Decimal) -> Decimal:
    return mmol_per_l * GLUCOSE_MG_PER_DL_PER_MMOL_PER_L


def celsius_from_fahrenheit(fahrenheit: Decimal) -> Decimal:
    return (fahrenheit - 32) * 5 / 9


def fahrenheit_from_celsius(celsius: Decimal) -> Decimal:
    return celsius * 9 / 5 + 32


def mmhg_from_kpa(kpa: Decimal) -> Decimal:
    return kpa / KPA_PER_MMHG


def kg_from_lb(lb: Decimal) -> Decimal:
    return lb * KG_PER_LB


def lb_from_kg(kg: Decimal) -> Decimal:
    return kg / KG_PER_LB
