"""The bytes of a board are those that the documented model would make of it, whatever the rows hold."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind
from server.api import board_json, board_schemas, shapes
from server.clinical.pathways import Pathway
from server.clinical.settings import CountingLimit, Source
from server.store import board
from server.store.sparks import Spark

NOW = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)
words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
instants = st.integers(0, 2**52).map(lambda us: NOW - timedelta(days=9000) + timedelta(microseconds=us))
numbers = st.floats(-1e6, 1e6)
few_ids = st.integers(1, 4)


@st.composite
def limits(draw: st.DrawFn) -> CountingLimit:
    edges = sorted(draw(st.lists(st.floats(0, 300), min_size=4, max_size=4)))
    given = [edge if draw(st.booleans()) else None for edge in edges]
    limit = Limit(red_low=given[0], yellow_low=given[1], yellow_high=given[2], red_high=given[3])
    return CountingLimit(limit=draw(st.sampled_from([limit, None])), source=Source.PATIENT)


@st.composite
def sparks(draw: st.DrawFn) -> Spark:
    begins_ms = draw(st.integers(0, 2**42))
    first, *more = draw(st.lists(st.tuples(st.integers(0, 10**9), numbers), min_size=1, max_size=5))
    return Spark(begins_ms, b"0", b"%a" % first[1]).and_then((begins_ms + after, value) for after, value in more)


values = st.builds(
    board.ValueRow,
    patient=few_ids,
    kind=st.sampled_from(sorted(KIND_BY_NUMBER)),
    value=st.none() | numbers.map(abs),
    sign=st.sampled_from([-1, 0, 1]),
    quality=st.integers(0, 3),
    mode=st.sampled_from([0, 1]),
    clock=st.integers(0, 3),
    taken_at=instants,
    span_s=st.floats(0, 1e5, width=32),
    received_at=instants,
    batch=st.integers(0, 2**40),
    device=words,
)
patients = st.builds(
    board.PatientRow,
    id=few_ids,
    name=words,
    born_on=st.dates(date(1890, 1, 1), date(2026, 1, 1)),
    pathway=st.sampled_from([str(each) for each in Pathway]),
    team=few_ids,
    home=st.none() | few_ids,
    virtual=st.booleans(),
    municipality=st.none() | words,
    response=st.none() | words,
)
gateways = st.builds(
    board.GatewayRow,
    id=words,
    home=st.none() | few_ids,
    team=st.none() | few_ids,
    state=st.sampled_from(["never", "online", "offline", "lost", "silent"]),
    state_since=instants,
    heard_at=st.none() | instants,
    status=st.dictionaries(
        st.sampled_from(["waiting_bulk", "waiting_alarm", "troubles", "devices", "else"]),
        st.none()
        | words
        | st.integers(0, 9)
        | st.lists(words | st.just({"device": "A", "refused": 2, "battery_percent": 80, "rssi_dbm": -71}), max_size=2),
    ),
)
alerts = st.builds(
    board.AlertRow,
    priority=st.sampled_from(["red", "yellow", "grey"]),
    state=st.sampled_from(["raised", "acknowledged", "cleared"]),
    outcome=st.none(),
    rule=words,
    gateway=st.none() | words,
    device=st.none() | words,
    owner_name=st.none() | words,
    owner_initials=st.none() | words,
    began_at=instants,
    raised_at=instants,
    last_at=instants,
    condition_ended_at=st.none() | instants,
    acknowledged_at=st.none() | instants,
    on_way_at=st.none() | instants,
    there_at=st.none() | instants,
    contact_at=st.none() | instants,
    snoozed_until=st.none() | instants,
    next_at=st.none() | instants,
    asked=st.none()
    | st.fixed_dictionaries(
        {
            "kind": st.sampled_from(sorted(KIND_BY_NUMBER)),
            "at": instants,
            "until": instants,
            "measured_at": st.none() | instants,
            "missed_at": st.none() | instants,
        }
    ),
    called=st.lists(
        st.fixed_dictionaries({"step": few_ids, "at": instants, "name": words, "staff": st.none() | few_ids}),
        max_size=2,
    ),
    response=st.none() | words,
    handler_name=st.none() | words,
    handler_initials=st.none() | words,
    handled_at=st.none(),
    evidence=st.dictionaries(st.sampled_from(["value", "limit", "reference", "odd"]), numbers | words, max_size=3),
    lives_there=st.lists(few_ids, max_size=2),
)


@st.composite
def boards(draw: st.DrawFn) -> board.Snapshot:
    rows = draw(st.lists(values, max_size=12, unique_by=lambda row: (row.patient, row.kind)))
    drawn = {(row.patient, row.kind): draw(sparks()) for row in rows if draw(st.booleans())}
    of_kinds = st.dictionaries(st.sampled_from(sorted(KINDS)), limits(), max_size=6)
    return board.Snapshot(
        epoch=draw(words),
        heads=draw(st.dictionaries(few_ids, st.integers(0, 2**53))),
        alerts=draw(st.lists(alerts, max_size=3)),
        patients=draw(st.lists(patients, max_size=4, unique_by=lambda row: row.id)),
        weeks=draw(
            st.dictionaries(
                few_ids, st.lists(st.sampled_from([board.QUIET_DAY, *board.GRAVEST]), min_size=7, max_size=7)
            )
        ),
        values=rows,
        limits={patient: draw(of_kinds) for patient in range(1, 5)},
        sparks=drawn,
        sensors_off=draw(st.lists(st.tuples(few_ids, words), max_size=3)),
        homes=draw(st.lists(st.builds(board.HomeRow, id=few_ids, address=words, team=few_ids), max_size=3)),
        gateways=draw(st.lists(gateways, max_size=3)),
    )


@given(boards())
def test_the_bytes_are_a_board_as_it_is_documented(seen: board.Snapshot) -> None:
    text = board_json.as_json(seen, NOW)
    documented = board_schemas.Board.model_validate_json(text, strict=True)
    assert json.loads(documented.model_dump_json()) == json.loads(text)


@given(boards())
def test_every_value_stands_at_its_patient_as_the_socket_would_send_it(seen: board.Snapshot) -> None:
    shown = {
        (patient["id"], vital["kind"]): vital
        for patient in json.loads(board_json.as_json(seen, NOW))["patients"]
        for vital in patient["vitals"]
    }
    living = {row.id for row in seen.patients}
    expected = {
        (row.patient, str(KIND_BY_NUMBER[row.kind])): row
        for row in seen.values
        if row.patient in living and KIND_BY_NUMBER[row.kind] is not Kind.BATTERY
    }
    assert shown.keys() == expected.keys()
    for stream, row in expected.items():
        limit = shapes.limit_of(row, seen.limits)
        assert shown[stream]["latest"] == json.loads(shapes.latest(row, limit).model_dump_json())
        assert shown[stream]["limits"] == (None if limit is None else _edges(limit))
        assert (shown[stream]["spark"] is None) == ((row.patient, row.kind) not in seen.sparks)


def _edges(limit: Limit) -> dict[str, Any]:
    return {name: getattr(limit, name) for name in ("red_low", "yellow_low", "yellow_high", "red_high")}


def points(spark: Spark | None) -> list[tuple[int, float]]:
    assert spark is not None
    after = json.loads(b"[%b]" % spark.after_ms)
    return [(spark.begins_ms + ms, value) for ms, value in zip(after, json.loads(b"[%b]" % spark.value), strict=True)]


CHART = [(1000, 5.0), (2500, 6.25), (9000, 7.0)]
SPARK = Spark(1000, b"0", b"5.0").and_then(CHART[1:])


def test_a_chart_is_the_points_that_it_was_made_of() -> None:
    assert points(SPARK) == CHART
    assert SPARK.packed == b"1000;0,1500,8000;5.0,6.25,7.0"


def test_a_chart_without_its_beginning_begins_at_its_first_point() -> None:
    assert points(SPARK.since(1000)) == CHART[1:]
    assert points(SPARK.since(2499)) == CHART[1:]
    assert SPARK.since(2500) == Spark(9000, b"0", b"7.0")
    assert SPARK.since(9000) is None


def test_the_last_point_goes_if_it_can_have_grown() -> None:
    assert SPARK.without_last(9001) == SPARK
    assert points(SPARK.without_last(9000)) == CHART[:2]
    assert Spark(9000, b"0", b"7.0").without_last(9000) is None


def test_a_board_of_nobody_is_whole() -> None:
    seen = board.Snapshot(
        epoch="e",
        heads={},
        alerts=[],
        patients=[],
        weeks={},
        values=[],
        limits={},
        sparks={},
        sensors_off=[],
        homes=[],
        gateways=[],
    )
    text = board_json.as_json(seen, NOW + timedelta(microseconds=5))
    assert text == (
        b'{"epoch":"e","cursors":{},"at":"2026-11-22T07:00:00.000005Z","practice":false,"alerts":[],"patients":[],'
        b'"homes":[],"gateways":[]}'
    )
