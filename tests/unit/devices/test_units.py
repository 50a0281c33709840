from decimal import Decimal

import pytest

from devices.units import (
    celsius_from_fahrenheit,
    fahrenheit_from_celsius,
    glucose_mg_per_dl_from_mmol_per_l,
    glucose_mmol_per_l_from_mg_per_dl,
    kg_from_lb,
    mmhg_from_kpa,
)


@pytest.mark.parametrize(
    ("mg_per_dl", "mmol_per_l"),
    # ADA Standards of Care, table 6.2: 54 = 3.0, 70 = 3.9, 180 = 10.0, 250 = 13.9.
    [("54", "3.0"), ("70", "3.9"), ("180", "10.0"), ("250", "13.9")],
)
def test_blood_sugar_in_both_units_as_the_consensus_prints_it(mg_per_dl: str, mmol_per_l: str) -> None:
    assert glucose_mmol_per_l_from_mg_per_dl(Decimal(mg_per_dl)).quantize(Decimal("0.1")) == Decimal(mmol_per_l)
    assert glucose_mg_per_dl_from_mmol_per_l(glucose_mmol_per_l_from_mg_per_dl(Decimal(mg_per_dl))) == pytest.approx(
        Decimal(mg_per_dl)
    )


@pytest.mark.parametrize(("fahrenheit", "celsius"), [("32", "0"), ("212", "100"), ("98.6", "37"), ("101.3", "38.5")])
def test_temperature(fahrenheit: str, celsius: str) -> None:
    assert celsius_from_fahrenheit(Decimal(fahrenheit)) == Decimal(celsius)
    assert fahrenheit_from_celsius(Decimal(celsius)) == Decimal(fahrenheit)


def test_pressure_and_weight() -> None:
    assert mmhg_from_kpa(Decimal("16")).quantize(Decimal("0.1")) == Decimal("120.0")  # 16 kPa is 120 mmHg
    assert kg_from_lb(Decimal(100)) == Decimal("45.359237")
