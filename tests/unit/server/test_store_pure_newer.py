"""A body of a newer gateway: only the rows that say unknown words are left out, whatever else stands beside them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import EventType, Kind
from server.store.newer import without_strange_words


def body(**sections: Any) -> bytes:
    return json.dumps({"devices": ["C0:00:00:00:00:01"], **sections}).encode()


def test_an_sos_stays_when_the_event_beside_it_is_new():
    events = {"seq": [4, 5, 6], "device": [0, 0, 0], "type": ["sos", "choking", "fall"], "occurred_at": [1, 2, 3]}
    found = without_strange_words(body(events=events))
    assert found is not None
    assert (found.seqs, found.words) == ((5,), ("choking",))
    kept = json.loads(found.body)["events"]
    assert (kept["seq"], kept["type"], kept["occurred_at"]) == ([4, 6], ["sos", "fall"], [1, 3])


def test_the_readings_of_known_kinds_stay_and_keep_their_kind():
    readings = {
        "seq": [1, 2, 3],
        "device": [0, 0, 0],
        "kinds": ["lactate", "spo2"],
        "kind": [1, 0, 1],
        "value": [95, 2.1, 94],
        "taken_at": [1, 2, 3],
        "mode": [1, 0, 1],
    }
    found = without_strange_words(body(observations=readings))
    assert found is not None
    assert (found.seqs, found.words) == ((2,), ("lactate",))
    kept = json.loads(found.body)["observations"]
    assert [kept["kinds"][place] for place in kept["kind"]] == [Kind.SPO2, Kind.SPO2]
    assert (kept["seq"], kept["value"], kept["mode"]) == ([1, 3], [95, 94], [1, 1])
    assert set(kept["kinds"]) <= set(Kind)


def test_a_gap_for_a_new_reason_goes_alone():
    gaps = {"seq": [1, 2], "device": [0, 0], "from_at": [1, 2], "to_at": [2, 3], "why": ["moved_out", "not_connected"]}
    found = without_strange_words(body(gaps=gaps))
    assert found is not None
    assert (found.seqs, json.loads(found.body)["gaps"]["why"]) == ((1,), ["not_connected"])


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"[]",
        b"null",
        b'{"events":3}',
        b'{"events":{"type":["choking"]}}',
        b'{"events":{"seq":[1,2],"type":["choking"]}}',
        b'{"events":{"seq":["1"],"type":["choking"]}}',
        b'{"observations":{"kinds":["lactate"]}}',
        b'{"observations":{"kinds":[["lactate"]],"kind":[0],"seq":[1]}}',
        body(events={"seq": [1], "device": [0], "type": ["sos"], "occurred_at": [1]}),
    ],
)
def test_what_is_wrong_in_another_way_is_not_mended(said):
    assert without_strange_words(said) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(EventType)),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("seq", "type", "kinds", "kind")), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(("observations", "events", "gaps", "devices")), json_values))
def test_no_body_is_an_accident(said):
    found = without_strange_words(json.dumps(said).encode())
    assert found is None or found.words
