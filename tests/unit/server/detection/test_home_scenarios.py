"""Days of a home, as a clinician wrote them down: what its sensors said, and what somebody had to be told."""

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.vocabulary import EventType
from server.detection.home import HomeFinding, Memory, awaiting, look, needs_history, take
from server.detection.home_awaited import HomeSensors
from server.detection.home_rules import SHIPPED, refused, with_setting
from server.detection.home_state import HomeEvent

FOLDER = Path(__file__).parents[3] / "scenarios"
NORWAY = ZoneInfo("Europe/Oslo")
HAPPENS = {
    "front door opens": (EventType.DOOR_OPENED, "front door"),
    "front door closes": (EventType.DOOR_CLOSED, "front door"),
    "bed occupied": (EventType.OCCUPIED, "bed"),
    "bed empty": (EventType.VACANT, "bed"),
}
FILES = sorted(FOLDER.glob("home_*.json"))


def local(text):
    return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=NORWAY).astimezone(UTC)


def wall(at):
    return f"{at.astimezone(NORWAY):%Y-%m-%d %H:%M}"


class Day:
    def __init__(self, told):
        assert set(told) <= {
            *("what", "story", "source", "sensors", "settings", "line_down", "events", "until", "findings")
        }
        assert told["what"] == "home"
        self.devices = {name: number for number, name in enumerate(told["sensors"], 1)}
        motion = {number for name, number in self.devices.items() if name.startswith("motion in ")}
        self.sensors = HomeSensors(
            motion=frozenset(motion),
            front=frozenset({self.devices["front door"]} if "front door" in self.devices else ()),
            beds=frozenset({self.devices["bed"]} if "bed" in self.devices else ()),
            all=frozenset(self.devices.values()),
        )
        self.rules = SHIPPED
        for name, setting in told.get("settings", {}).items():
            numbers = {word: number for word, number in setting.items() if word != "enabled"}
            assert refused(name, numbers) is None
            self.rules = with_setting(self.rules, name, enabled=setting["enabled"], numbers=numbers)
        down = told.get("line_down")
        self.down = None if down is None else (local(down["from"]), local(down["to"]))
        self.coming = sorted((self._event(each) for each in told["events"]), key=lambda each: each[0])
        self.until = local(told["until"])
        self.memory, self.found = Memory(), []

    def _event(self, told):
        assert set(told) == {"at", "what"}
        at = local(told["at"])
        if told["what"].startswith("motion in "):
            type_, place = EventType.MOTION, told["what"].removeprefix("motion in ")
            device = self.devices[told["what"]]
        else:
            type_, place = HAPPENS[told["what"]]
            device = self.devices[place]
        is_late = self.is_down(at)
        event = HomeEvent(type=type_, device=device, place=place, at=at, late=is_late)
        return (self.down[1] if is_late else at), event

    def is_down(self, at):
        return self.down is not None and self.down[0] <= at < self.down[1]

    def play(self):
        while (now := self._next()) is not None:
            arrived = [event for at, event in self.coming if at <= now]
            self.coming = [(at, event) for at, event in self.coming if at > now]
            if arrived:
                assert needs_history(self.memory, arrived) is None
                self._keep(take(self.memory, arrived, self.rules, self.sensors), now)
            if not self.is_down(now):
                self._keep(look(self.memory, self.rules, self.sensors, now), now)
        return self.found

    def _next(self):
        dues = awaiting(self.memory, self.rules, self.sensors).values()
        awaited = [self.down[1] if self.is_down(due) else due for due in dues]
        return min((at for at in [*awaited, *(at for at, _ in self.coming)] if at <= self.until), default=None)

    def _keep(self, looked, now):
        self.memory = looked.memory
        for finding in looked.findings:
            said = {"at": wall(finding.at), "rule": finding.rule}
            if isinstance(finding, HomeFinding):
                said |= {"colour": "red" if finding.red else "yellow", "since": wall(finding.began)}
                # What still holds when it can be known is told then, with its own beginning.
                said |= {"has_been": True} if finding.late else {"at": wall(now)}
            else:
                said |= {"over": True}
            self.found.append(said)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in FILES])
def test_a_home_tells_what_the_scenario_says(path):
    told = json.loads(path.read_text(encoding="utf-8"))
    assert Day(told).play() == told["findings"]


def test_there_are_days_to_play():
    assert len(FILES) >= 10
