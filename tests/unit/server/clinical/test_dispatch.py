"""What whoever drives is told, of facts written by hand."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from server.clinical.dispatch import Known, Place, WayIn, snapshot
from server.clinical.person import (
    RED_ZONE_FIRST,
    Contact,
    Contacts,
    SelfTreatment,
    Step,
    Zone,
    lines,
    must_be_recordable,
    phone_of,
)
from server.clinical.said import Cave, Critical, Reaction, TreatmentLimits
from server.errors import CareError

NOW = datetime(2026, 11, 22, 2, 10, tzinfo=UTC)
DAY = timedelta(days=1)
LISTED = Place(id=None, address="Storgata 1", doubt="", from_at=None, to_at=None)


def place(id_, address, *, from_days, to_days=None, doubt=""):
    to_at = None if to_days is None else NOW + to_days * DAY
    return Place(id=id_, address=address, doubt=doubt, from_at=NOW + from_days * DAY, to_at=to_at)


def where(*places):
    found = snapshot([], 1, [LISTED, *places], None, NOW)
    return found.address, found.moved, found.before, found.after


def test_without_a_word_the_lists_address_is_in_force():
    assert where() == ("Storgata 1", False, None, None)


def test_an_address_that_began_long_ago_is_in_force_without_a_flag():
    assert where(place(1, "Lia 7", from_days=-200)) == ("Lia 7", False, None, None)


def test_whoever_moved_last_week_is_flagged_with_the_address_before():
    assert where(place(1, "Lia 7", from_days=-7)) == ("Lia 7", True, "Storgata 1", None)


def test_whoever_moves_in_three_days_is_flagged_with_the_address_after():
    assert where(place(1, "Lia 7", from_days=3)) == ("Storgata 1", True, None, "Lia 7")


def test_a_stay_with_an_end_goes_back_to_the_address_before():
    assert where(place(1, "Lia 7", from_days=-90, to_days=-30)) == ("Storgata 1", False, None, None)
    assert where(place(1, "Lia 7", from_days=-90, to_days=2)) == ("Lia 7", True, None, None)


def test_an_address_ends_at_its_end_and_begins_at_its_beginning():
    assert where(place(1, "Lia 7", from_days=0))[0] == "Lia 7"
    assert where(place(1, "Lia 7", from_days=-90, to_days=0))[0] == "Storgata 1"


def test_the_newest_word_counts_and_its_doubt_is_said():
    corrected = place(2, "Lia 9", from_days=-100, doubt="the neighbour says that nobody lives there")
    found = snapshot([], 1, [LISTED, place(1, "Lia 7", from_days=-100), corrected], None, NOW)
    assert (found.address, found.doubt) == ("Lia 9", "the neighbour says that nobody lives there")


def test_without_a_home_nobody_knows_where_to_drive():
    assert snapshot([], None, [], None, NOW).address is None


def test_everybody_who_lives_there_is_told_of_with_what_is_critical():
    anna = Known(
        patient=1,
        name="Anna",
        born_on="1940-05-17",
        phone="90000001",
        lives_alone=False,
        protected=False,
        contacts=[Contact(name="Per", phone="90000002", has_key=True)],
        limits=TreatmentLimits(no_resuscitation=True, text="talked through with the family"),
        cave=Cave(reactions=(Reaction(to="penicillin", how="rash"), Reaction(to="latex"))),
        critical=Critical(lines=("deaf",)),
    )
    arne = Known(patient=2, name="Arne", born_on="1938-01-01", phone=None, lives_alone=None, protected=True)
    way = WayIn(key_box="left of the door", way_in="second floor", has_code=True)
    first, second = snapshot([anna, arne], 1, [LISTED], way, NOW).residents
    assert (first.no_resuscitation, first.treatment_limits) == (True, "talked through with the family")
    assert first.cave == ("penicillin: rash", "latex")
    assert (first.critical, first.contacts[0].name) == (("deaf",), "Per")
    assert (second.oxygen, second.no_resuscitation, second.lives_alone, second.protected) == (None, False, None, True)


def test_a_snapshot_comes_back_from_json_as_it_was():
    found = snapshot([], 1, [LISTED, place(1, "Lia 7", from_days=-7)], None, NOW)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_the_red_zones_first_line_is_fixed_and_has_no_number_as_a_condition():
    plan = SelfTreatment(yellow=(Step(then="two puffs"),), red=(Step(then="sit up"),))
    assert [step.then for step in lines(plan, Zone.RED)] == [RED_ZONE_FIRST, "sit up"]
    assert [step.then for step in lines(plan, Zone.YELLOW)] == ["two puffs"]
    assert [each for each in RED_ZONE_FIRST if each.isdigit()] == ["1", "1", "3"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [("900 00 001", "90000001"), ("+47 900 00 001", "+4790000001"), ("0047 90000001", "+4790000001"), ("110", "110")],
)
def test_a_phone_number_is_kept_as_it_is_dialled(said, kept):
    assert phone_of(said) == kept


@pytest.mark.parametrize("said", ["", "12", "call me", "9" * 16, "90000001 or 90000002", "٩٠٠٠٠٠٠١"])
def test_what_nobody_can_dial_is_refused(said):
    with pytest.raises(CareError, match="phone number"):
        phone_of(said)


def test_a_list_that_is_too_long_is_refused():
    contact = Contact(name="Per", phone="90000002")
    with pytest.raises(CareError):
        must_be_recordable(Contacts(contacts=(contact,) * 21))
