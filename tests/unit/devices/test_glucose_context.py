"""What a person told the meter: Glucose Service 1.0.1, section 3.2, by hand."""

from decimal import Decimal

from devices.profiles.glucose_context import Context, explain, parse

NOTHING = Context(
    record=1,
    carbohydrate=None,
    carbohydrate_kg=None,
    meal=None,
    tester=None,
    health=None,
    exercise_s=None,
    exercise_percent=None,
    medicine=None,
    medicine_kg=None,
    medicine_l=None,
    hba1c_percent=None,
)
# All but litres: 0xC005 = 5e-4 kg, meal 2, tester 1, health 5, 900 s at 50 %, 0xA064 = 100e-6 kg, 0xF041 = 6.5 %.
EVERYTHING = bytes.fromhex("df 01 00 00 01 05 c0 02 51 84 03 32 04 64 a0 41 f0")


def test_every_field_is_read() -> None:
    assert parse(EVERYTHING) == Context(
        record=1,
        carbohydrate=1,
        carbohydrate_kg=Decimal("0.0005"),
        meal=2,
        tester=1,
        health=5,
        exercise_s=900,
        exercise_percent=50,
        medicine=4,
        medicine_kg=Decimal("0.0001"),
        medicine_l=None,
        hba1c_percent=Decimal("6.5"),
    )


def test_every_field_is_said_in_words() -> None:
    assert explain(EVERYTHING) == [
        "flags: carbohydrate, meal, tester and health, exercise, medication, hba1c, extended",
        "sequence number: 1",
        "extended flags: 0x00, all reserved",
        "carbohydrate id: breakfast",
        "carbohydrate: 0.5 g",
        "meal: after a meal",
        "tester and health: tested by self, health no issues",
        "exercise duration: 900 s",
        "exercise intensity: 50 %",
        "medication id: long acting insulin",
        "medication: 100 mg",
        "HbA1c: 6.5 %",
    ]


def test_a_field_that_was_not_sent_is_none() -> None:
    assert parse(bytes.fromhex("00 01 00")) == NOTHING


def test_insulin_in_litres_is_no_weight() -> None:
    """0xA078 = 120e-6 L = 0.12 mL, twelve units of U100."""
    said = parse(bytes.fromhex("30 01 00 01 78 a0"))
    assert (said.medicine, said.medicine_kg, said.medicine_l) == (1, None, Decimal("0.00012"))
    assert explain(bytes.fromhex("30 01 00 01 78 a0"))[-1] == "medication: 0.12 mL"


def test_an_overrun_of_the_exercise_is_no_number() -> None:
    assert parse(bytes.fromhex("08 01 00 ff ff 32")).exercise_s is None
    assert explain(bytes.fromhex("08 01 00 ff ff 32"))[2] == "exercise duration: longer than the device can say"


def test_a_meal_of_a_later_edition_is_still_read() -> None:
    assert parse(bytes.fromhex("02 01 00 09")).meal == 9
    assert explain(bytes.fromhex("02 01 00 09"))[-1] == "meal: 9, which has no meaning yet"
