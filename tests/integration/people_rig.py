"""Anna, as the tests of people have her, and what is said of her."""

import pytest

from tests.integration.care_rig import done, get, send

# Published by NAV for testing, synthetic: the month is 80 higher (navikt/fnrvalidator).
SYNTHETIC, BORN = "10915596784", "1955-11-10"


@pytest.fixture
def anna(town):
    town.sql("update patient set born_on = %s where name = 'anna'", BORN)
    return f"/patients/{town.patients['anna']}"


def rev(client, path):
    return get(client, path)["rev"]


def fact(client, path, **fact_):
    wish = {"fact": fact_, "reason": "decided with the family", "rev": rev(client, f"{path}/facts")}
    return done(send(client, f"{path}/facts", **wish))
