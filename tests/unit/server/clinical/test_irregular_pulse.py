"""Zhou 2015 and RMSSD against hand computation, and which beats may be counted together."""

from datetime import UTC, datetime, timedelta
from math import log2, nan

import numpy as np
import pytest

from server.clinical.irregular_pulse import (
    BEATS,
    IRREGULAR_FROM,
    REFERENCES,
    Window,
    entropy,
    irregular_pulse,
    rmssd_ms,
    strips,
    windows,
    words,
)
from server.clinical.references import BIBLIOGRAPHY

AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def strap(*rr_ms, pause_after=(), pause_ms=10_000):
    """Beats as a strap sends them, with a silence after the ones named."""
    taken, now = [], 0.0
    for i, each in enumerate(rr_ms):
        now += 800 if each is None else each
        taken.append(round(now))
        now += pause_ms if i in pause_after else 0
    return np.array(taken, np.int64), np.array([nan if each is None else each for each in rr_ms], np.float64)


@pytest.mark.parametrize(
    ("rr_ms", "symbol"),
    [(1000, 12), (925, 12), (60_000 / 65, 13), (924, 12), (923, 13), (191, 62), (190, 63), (150, 63), (6000, 2)],
)
def test_a_heart_rate_is_a_symbol_of_five_beats_a_minute(rr_ms, symbol):
    assert words(np.array([rr_ms] * 3, np.float64)).tolist() == [symbol * (64 * 64 + 64 + 1)]


def test_a_word_is_three_symbols_the_oldest_first():
    assert words(np.array([1000.0, 750.0, 600.0])).tolist() == [12 * 4096 + 16 * 64 + 20]


def test_a_clockwork_has_no_entropy():
    assert entropy(words(np.full(BEATS, 1000.0))) == 0


def test_two_words_by_turns_have_almost_none():
    # 64 of one and 63 of the other: 0.99996 bits, times 2 different of 127 * log2(127) = 887.54.
    found = entropy(words(np.array([1000.0, 600.0] * 65)[:BEATS]))
    assert found == pytest.approx(0.99996 * 2 / 887.54, abs=1e-6)


def test_all_words_different_are_the_highest_entropy():
    assert entropy(np.arange(127)) == pytest.approx(1)


@pytest.mark.parametrize(("different", "irregular"), [(97, False), (98, True), (127, True), (2, False)])
def test_the_border_lies_where_the_formula_has_it(different, irregular):
    # One word (128 - different) times, the others once: -sum p log2 p by hand.
    often = 128 - different
    bits = -(often / 127) * log2(often / 127) + (different - 1) / 127 * log2(127)
    by_hand = different / (127 * log2(127)) * bits
    found = entropy(np.array([0] * often + list(range(1, different))))
    assert found == pytest.approx(by_hand)
    assert (by_hand >= 0.639) is irregular
    assert Window(began=AT, ended=AT, entropy=found).irregular is irregular


def test_exactly_the_border_is_irregular():
    assert IRREGULAR_FROM == 0.639
    assert Window(began=AT, ended=AT, entropy=0.639).irregular
    assert not Window(began=AT, ended=AT, entropy=0.6389).irregular


def test_a_sinus_rhythm_that_breathes_is_regular_and_a_random_one_is_not():
    rng = np.random.default_rng(5)
    breathing = 850 + 40 * np.sin(np.arange(400) * 2 * np.pi / 5) + rng.normal(0, 12, 400)
    chaotic = rng.uniform(380, 1150, 400)
    assert [each.irregular for each in windows(*strap(*breathing))] == [False] * 3
    assert [each.irregular for each in windows(*strap(*chaotic))] == [True] * 3


@pytest.mark.parametrize(("beats", "count"), [(128, 0), (129, 1), (257, 1), (258, 2)])
def test_a_window_is_a_hundred_and_twenty_nine_beats_and_windows_share_none(beats, count):
    taken, rr = strap(*[1000] * beats)
    found = windows(taken, rr)
    assert len(found) == count
    if found:
        assert found[0].began == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
        assert found[0].ended == datetime(1970, 1, 1, 0, 2, 9, tzinfo=UTC)


def test_beats_before_and_after_a_silence_make_no_word_together():
    assert windows(*strap(*[1000] * 200, pause_after=[99])) == []


def test_a_beat_that_is_no_good_breaks_the_strip():
    taken, rr = strap(1000, 1000, None, 1000, None, None, 900, 900)
    assert list(strips(taken, rr)) == [slice(0, 2), slice(3, 4), slice(6, 8)]


@pytest.mark.parametrize(("pause_ms", "count"), [(2500, 1), (2501, 2)])
def test_a_message_may_be_late_by_two_and_a_half_seconds(pause_ms, count):
    taken, rr = strap(*[1000] * 6, pause_after=[2], pause_ms=pause_ms)
    assert len(list(strips(taken, rr))) == count


def test_two_beats_in_one_message_are_one_strip():
    taken = np.array([1000, 1001, 2000, 2001], np.int64)
    assert list(strips(taken, np.array([500.0] * 4))) == [slice(0, 4)]


def test_nothing_heard_is_nothing_to_say():
    nothing = np.empty(0, np.int64), np.empty(0)
    assert (windows(*nothing), rmssd_ms(*nothing), irregular_pulse([])) == ([], None, None)


def row(*entropies):
    return [
        Window(began=AT + 30 * i * MINUTE, ended=AT + (30 * i + 2) * MINUTE, entropy=each)
        for i, each in enumerate(entropies)
    ]


@pytest.mark.parametrize("entropies", [(0.9,), (0.9, 0.1, 0.9), (0.9, 0.9, 0.1), (0.2, 0.3)])
def test_one_irregular_window_is_not_enough_and_a_regular_one_ends_the_row(entropies):
    assert irregular_pulse(row(*entropies)) is None


def test_two_irregular_windows_in_a_row_are_yellow_and_to_be_confirmed_by_ecg():
    found = irregular_pulse(row(0.9, 0.2, 0.7, 0.8))
    assert (found.began, found.at, found.windows) == (AT + 60 * MINUTE, AT + 92 * MINUTE, 2)
    assert (found.colour, found.advice_nb, found.highest_entropy) == ("yellow", "bekreft med EKG", 0.8)


def test_rmssd_by_hand():
    # Differences 10, -20, 10: the mean of 100, 400, 100 is 200.
    assert rmssd_ms(*strap(800, 810, 790, 800)) == pytest.approx(200**0.5)


def test_rmssd_does_not_count_over_a_break():
    # Differences 10 | 30: the mean of 100 and 900; over the break it would be 10, 190 and 30.
    assert rmssd_ms(*strap(800, 810, 1000, 1030, pause_after=[1])) == pytest.approx(500**0.5)
    assert rmssd_ms(*strap(800)) is None


def test_the_method_is_named():
    assert set(REFERENCES) <= set(BIBLIOGRAPHY)
