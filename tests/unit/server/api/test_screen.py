"""What a screen gets next: nothing lost, nothing twice, and a slow one is closed rather than waited for."""

import json
from datetime import UTC, datetime
from random import Random

import pytest

from server.api.screen import (
    QUEUE_LIMIT,
    REPLAY_LIMIT,
    VALUES_PER_MESSAGE,
    Feed,
    LogGapError,
    LoggedEvent,
    Screen,
    ScreenFullError,
    why_reset,
)

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEADS = {1: 10, 2: 5}


def event(seq: int, team: int = 1) -> LoggedEvent:
    return LoggedEvent(team=team, seq=seq, text=json.dumps({"type": "alert", "team": team, "seq": seq}))


def live(cursor: int = 0, *, queue_limit: int = QUEUE_LIMIT) -> Screen:
    screen = Screen(queue_limit=queue_limit)
    screen.resume("e1", {1: cursor})
    assert sent(screen) == [{"type": "resumed", "epoch": "e1", "cursors": {"1": cursor}}]
    return screen


def sent(screen: Screen) -> list[dict]:
    messages = []
    while (text := screen.next()) is not None:
        messages.append(json.loads(text))
    return messages


@pytest.mark.parametrize(
    ("claimed", "epoch", "reason"),
    [
        ({1: 10, 2: 5}, "e1", None),
        ({1: 0, 2: 0}, "e1", None),
        ({1: 10, 2: 5}, "e0", "unknown_epoch"),
        ({1: 10, 2: 5}, None, "unknown_epoch"),
        ({1: 11, 2: 5}, "e1", "unknown_cursor"),
        ({1: -1, 2: 5}, "e1", "unknown_cursor"),
        ({1: 10}, "e1", "teams_changed"),
        ({1: 10, 2: 5, 3: 1}, "e1", "teams_changed"),
        ({}, None, "unknown_epoch"),
    ],
)
def test_a_screen_resumes_only_from_a_cursor_that_this_log_has_given(claimed, epoch, reason):
    assert why_reset(epoch="e1", heads=HEADS, claimed_epoch=epoch, claimed=claimed) == reason


def test_a_screen_that_was_away_too_long_fetches_its_board_again():
    heads = {1: REPLAY_LIMIT, 2: 1}
    assert why_reset(epoch="e", heads=heads, claimed_epoch="e", claimed={1: 0, 2: 1}) is None
    assert why_reset(epoch="e", heads=heads, claimed_epoch="e", claimed={1: 0, 2: 0}) == "too_far_behind"


def test_an_event_that_comes_by_replay_and_live_is_sent_once():
    screen = live(3)
    for seq in (4, 5, 4, 5, 6, 3):
        screen.log(event(seq))
    assert [message["seq"] for message in sent(screen)] == [4, 5, 6]


def test_an_event_that_jumps_over_another_is_never_sent():
    screen = live(3)
    with pytest.raises(LogGapError):
        screen.log(event(5))
    assert sent(screen) == []


def test_a_screen_that_waits_for_its_board_gets_no_events():
    screen = live(3)
    screen.log(event(4))
    screen.reset("e2", "unknown_epoch")
    screen.log(event(5))
    assert sent(screen) == [{"type": "reset", "epoch": "e2", "reason": "unknown_epoch"}]


def test_events_of_a_team_that_is_not_the_screens_are_not_for_it():
    screen = live(3)
    screen.log(event(1, team=2))
    assert sent(screen) == []


def test_an_alert_overtakes_readings_and_receipts():
    screen = live()
    screen.readings({(1, 3): "{}"})
    screen.seen_on({7: 2})
    screen.heartbeat(NOW)
    screen.log(event(1))
    assert [message["type"] for message in sent(screen)] == ["alert", "heartbeat", "seen_on", "readings"]


def test_a_heartbeat_never_runs_ahead_of_the_events_that_it_counts():
    screen = live()
    screen.heartbeat(NOW)
    screen.log(event(1))
    screen.log(event(2))
    assert [m.get("seq", m.get("cursors")) for m in sent(screen)] == [1, 2, {"1": 2}]


def test_only_the_newest_reading_waits_for_a_slow_screen():
    screen = live()
    for value in range(1000):
        screen.readings({(1, 3): json.dumps({"value": value})})
    assert sent(screen) == [{"type": "readings", "values": [{"value": 999}]}]


def test_many_readings_go_out_in_messages_of_bounded_size_between_which_an_alert_fits():
    screen = live()
    screen.readings({(patient, 3): "{}" for patient in range(VALUES_PER_MESSAGE + 1)})
    assert len(json.loads(screen.next())["values"]) == VALUES_PER_MESSAGE
    screen.log(event(1))
    assert json.loads(screen.next())["type"] == "alert"
    assert len(json.loads(screen.next())["values"]) == 1


def test_an_alert_that_finds_the_queue_full_says_so():
    screen = live(queue_limit=2)
    screen.log(event(1))
    screen.log(event(2))
    with pytest.raises(ScreenFullError):
        screen.log(event(3))
    assert screen.cursors == {1: 2}


def test_a_stalled_screen_leaves_and_the_others_get_everything():
    feed = Feed(team=1, head=0)
    stalled, well = live(queue_limit=2), live()
    assert feed.join(stalled)
    assert feed.join(well)
    assert feed.log([event(1), event(2), event(3), event(4)]) == {stalled}
    assert [message["seq"] for message in sent(well)] == [1, 2, 3, 4]
    assert feed.screens == {well}


def test_a_screen_joins_the_feed_only_when_it_has_read_up_to_it():
    feed = Feed(team=1, head=7)
    behind, level, ahead = live(6), live(7), live(9)
    assert not feed.join(behind)
    assert feed.join(level)
    assert feed.join(ahead)
    feed.log([event(8), event(9), event(10)])
    assert [message["seq"] for message in sent(level)] == [8, 9, 10]
    assert [message["seq"] for message in sent(ahead)] == [10]


def test_a_screen_that_joins_gets_the_newest_values_at_once():
    feed = Feed(team=1, head=0)
    feed.update_values({(1, 3): '{"value":88}'})
    screen = live()
    feed.join(screen)
    assert sent(screen) == [{"type": "readings", "values": [{"value": 88}]}]


def test_a_look_at_all_values_sends_what_changed_and_forgets_who_left_the_team():
    feed = Feed(team=1, head=0)
    feed.update_values({(1, 3): '{"value":88}', (2, 3): '{"value":91}'})
    early = live()
    feed.join(early)
    sent(early)
    feed.replace_values({(1, 3): '{"value":90}'})
    assert sent(early) == [{"type": "readings", "values": [{"value": 90}]}]
    late = live()
    feed.join(late)
    assert sent(late) == [{"type": "readings", "values": [{"value": 90}]}]


class Nurse:
    """A client by the book: it applies events by seq, and a jump or a double is a failure of the server."""

    def __init__(self, start: dict[int, int]) -> None:
        self.cursors = dict(start)
        self.screen: Screen | None = None
        self.behind: list[int] = []

    def open(self) -> None:
        self.screen = Screen(queue_limit=20)
        self.screen.resume("e", self.cursors)
        self.behind = list(self.cursors)

    def take(self, most: int) -> None:
        for _ in range(most):
            text = self.screen.next() if self.screen else None
            if text is None:
                return
            message = json.loads(text)
            match message["type"]:
                case "alert":
                    team = message["team"]
                    assert message["seq"] == self.cursors[team] + 1
                    self.cursors[team] = message["seq"]
                case "heartbeat":
                    assert message["cursors"] == {str(team): seq for team, seq in self.cursors.items()}


class World:
    """Two teams' logs, their feeds, and nurses who come, stall, vanish and come back."""

    CHUNK = 8

    def __init__(self, seed: int) -> None:
        self.dice = Random(seed)
        self.logs: dict[int, list[LoggedEvent]] = {1: [], 2: []}
        self.feeds: dict[int, Feed] = {}
        self.nurses: list[Nurse] = []
        self.fallen = 0

    def read(self, team: int, after: int) -> list[LoggedEvent]:
        return self.logs[team][after : after + self.CHUNK]

    def step(self) -> None:
        act = self.dice.choices(
            [self.write, self.advance, self.arrive, self.catch_up, self.drain, self.vanish, self.beat],
            weights=[30, 20, 3, 20, 15, 2, 2],
        )[0]
        act()

    def write(self) -> None:
        team = self.dice.choice([1, 2])
        for _ in range(self.dice.randint(1, 5)):
            self.logs[team].append(event(len(self.logs[team]) + 1, team))

    def advance(self) -> None:
        """Signals are lost and come twice; a read may be older than what the feed knows by now."""
        if not self.feeds:
            return
        feed = self.dice.choice(list(self.feeds.values()))
        after = max(0, feed.head - self.dice.choice([0, 0, 0, 3]))
        for screen in feed.log(self.read(feed.team, after)):
            self.fallen += 1
            self.close(next(nurse for nurse in self.nurses if nurse.screen is screen))

    def arrive(self) -> None:
        away = [nurse for nurse in self.nurses if nurse.screen is None]
        if away and self.dice.random() < 0.8:
            self.dice.choice(away).open()
        elif len(self.nurses) < 12:
            self.nurses.append(Nurse({team: self.dice.randint(0, len(log)) for team, log in self.logs.items()}))

    def catch_up(self) -> None:
        behind = [nurse for nurse in self.nurses if nurse.screen and nurse.behind]
        if behind:
            self.catch_up_one(self.dice.choice(behind))

    def catch_up_one(self, nurse: Nurse) -> None:
        team = nurse.behind[0]
        feed = self.feeds.setdefault(team, Feed(team=team, head=len(self.logs[team])))
        if feed.join(nurse.screen):
            nurse.behind.remove(team)
            return
        events = self.read(team, nurse.screen.cursors[team])
        if nurse.screen.room >= self.CHUNK:
            for each in events:
                nurse.screen.log(each)

    def drain(self) -> None:
        for nurse in self.nurses:
            nurse.take(self.dice.choice([0, 0, 3, 20]))

    def vanish(self) -> None:
        """With what was queued, and what was sent and never read, lost."""
        if self.nurses:
            self.close(self.dice.choice(self.nurses))

    def close(self, nurse: Nurse) -> None:
        if nurse.screen is not None:
            for team, feed in list(self.feeds.items()):
                feed.leave(nurse.screen)
                if not feed.screens:
                    del self.feeds[team]
        nurse.screen, nurse.behind = None, []

    def beat(self) -> None:
        for nurse in self.nurses:
            if nurse.screen:
                nurse.screen.heartbeat(NOW)

    def settle(self) -> None:
        """Nobody writes any more; everybody comes back, and every signal arrives."""
        for nurse in self.nurses:
            if nurse.screen is None:
                nurse.open()
        for _ in range(10_000):
            for nurse in self.nurses:
                if nurse.screen is None:
                    nurse.open()
                nurse.take(1000)
                if nurse.behind:
                    self.catch_up_one(nurse)
            for feed in list(self.feeds.values()):
                for screen in feed.log(self.read(feed.team, feed.head)):
                    self.close(next(nurse for nurse in self.nurses if nurse.screen is screen))
            if all(nurse.cursors == self.ends() for nurse in self.nurses):
                return
        raise AssertionError("somebody never got everything")

    def ends(self) -> dict[int, int]:
        return {team: len(log) for team, log in self.logs.items()}


def test_whatever_happens_every_nurse_gets_every_event_once_and_in_order():
    stalled = 0
    for seed in range(60):
        world = World(seed)
        for _ in range(400):
            world.step()
        world.settle()
        stalled += world.fallen
    assert stalled > 0, "the simulation never filled a queue: it proves less than it says"


def test_a_feed_never_goes_back():
    feed = Feed(team=1, head=0)
    feed.log([event(1), event(2)])
    feed.log([event(1)])
    assert feed.head == 2


def test_what_waits_is_taken_in_its_order_and_what_is_urgent_comes_before_the_next_piece():
    screen = live()
    for seq in range(1, 6):
        screen.log(LoggedEvent(team=1, seq=seq, text=f"event {seq}"))
    screen.readings({(1, 3): "{}"})
    assert screen.take(len("event 1event 2") + 1) == ["event 1", "event 2", "event 3"]
    screen.log(LoggedEvent(team=1, seq=6, text="event 6"))
    assert screen.take(1000) == ["event 4", "event 5", "event 6", '{"type":"readings","values":[{}]}']
    assert screen.take(1000) == []
