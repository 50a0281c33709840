"""The panel: what it lacks, what it forgets, and that only a committed step moves it."""

import numpy as np
import pytest

from devices.limits import Level, Limit
from devices.vocabulary import Mode
from server.detection.engine import step
from server.detection.findings import Crossing
from server.detection.panel import NEVER, Panel
from server.detection.rows import Rows
from server.detection.state import StreamSetting, StreamState

SPO2 = 3
AT_MS = 1_795_284_000_000


def setting(patient: int, state: StreamState | None = None) -> StreamSetting:
    return StreamSetting(patient=patient, kind=SPO2, limit=Limit(red_low=88), basis="a test", state=state)


def rows(*patients: int) -> Rows:
    count = len(patients)
    return Rows(
        patient=np.array(patients, np.int32),
        kind=np.full(count, SPO2, np.int16),
        taken_ms=np.full(count, AT_MS, np.int64),
        value=np.full(count, 97.0),
        sign=np.zeros(count, np.int8),
        quality=np.zeros(count, np.int8),
        mode=np.zeros(count, np.int8),
        span_s=np.zeros(count, np.float32),
        low=np.full(count, np.nan),
        high=np.full(count, np.nan),
    )


def test_whoevers_limits_changed_is_hydrated_again_and_nobody_else():
    panel = Panel()
    panel.hydrate([setting(3), setting(5), setting(7)])
    panel.forget({5, 9})
    assert panel.missing(rows(3, 5, 7)) == [(5, SPO2)]
    panel.hydrate([setting(5)])
    assert panel.missing(rows(3, 5, 7)) == []


def test_a_stream_is_missing_until_it_is_hydrated():
    panel = Panel()
    assert panel.missing(rows(7, 3, 7)) == [(3, SPO2), (7, SPO2)]
    panel.hydrate([setting(3)])
    assert panel.missing(rows(7, 3, 7)) == [(7, SPO2)]


def test_a_full_panel_forgets_the_streams_silent_longest():
    panel = Panel(most=3)
    panel.hydrate([setting(1)])
    panel.hydrate([setting(2)])
    panel.hydrate([setting(3), setting(4)])
    assert (len(panel), panel.missing(rows(1, 2, 3, 4))) == (3, [(1, SPO2)])


def test_more_streams_at_once_than_the_panel_holds_is_a_broken_promise():
    with pytest.raises(ValueError, match="the panel may hold 1"):
        Panel(most=1).hydrate([setting(1), setting(2)])


def test_limits_of_a_stream_that_is_not_held_come_with_its_hydration():
    panel = Panel()
    panel.set_limits(1, SPO2, Limit(red_low=80))
    assert len(panel) == 0


def test_a_delta_of_streams_that_were_forgotten_meanwhile_is_dropped():
    panel = Panel(most=1)
    panel.hydrate([setting(1)])
    _, delta = step(panel, rows(1), AT_MS)
    panel.hydrate([setting(2)])
    panel.apply(delta)
    assert panel.missing(rows(1, 2)) == [(1, SPO2)]


def test_the_delta_is_the_row_of_stream_state(ward, reading):
    _, delta = ward.step([reading(at_s=0, value=87), reading(at_s=5, value=87)])
    (state,) = delta.states()
    assert state == StreamState(
        patient=1,
        kind=SPO2,
        last_ms=AT_MS + 5000,
        level=0,
        since_ms=None,
        pending_level=-1,
        pending_since_ms=AT_MS,
        pending_far_since_ms=AT_MS,
    )
    assert (delta.patient.tolist(), delta.kind.tolist(), delta.column("since_ms").tolist()) == ([1], [SPO2], [NEVER])


def test_streams_with_nothing_but_no_readings_do_not_move(ward, reading):
    _, delta = ward.step([reading(at_s=0, value=float("nan"))])
    assert len(delta) == 0


def test_an_empty_batch_is_nothing(ward):
    findings, delta = ward.step([], now_s=0)
    assert (findings, len(delta)) == ([], 0)


def test_a_stream_goes_on_from_the_row_that_was_stored(new_ward, reading):
    stored = StreamState(
        patient=1,
        kind=SPO2,
        last_ms=AT_MS,
        level=-2,
        since_ms=AT_MS - 60_000,
        pending_level=-2,
        pending_since_ms=None,
        pending_far_since_ms=None,
    )
    ward = new_ward()
    ward.panel.hydrate([setting(1, stored)])
    (finding,) = ward.drain([reading(at_s=60, value=97, mode=Mode.SPOT)])
    assert (finding.crossing, finding.level) == (Crossing.ENDED, Level.INSIDE)
