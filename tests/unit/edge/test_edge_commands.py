"""What the gateway does with the server's commands."""

from devices.wire.messages import Command
from edge.core.commands import REMEMBERED, Answer, Commands

NOW_MS = 1_795_000_000_000


def seen(number: int = 1, **words: object) -> Command:
    return Command(gateway="hv-0001", command="acknowledged", id=f"{number:016x}", **words)  # type: ignore[arg-type]


def test_a_command_is_done_once_however_often_it_is_said() -> None:
    commands = Commands()
    assert commands.judge(seen(), NOW_MS, True) is Answer.DO
    commands.done(seen())
    assert commands.judge(seen(), NOW_MS, True) is Answer.DONE
    assert commands.ids() == [f"{1:016x}"]


def test_a_command_whose_time_is_over_is_not_done_unless_we_do_not_know_the_time() -> None:
    commands, late = Commands(), seen(until=NOW_MS - 1)
    assert commands.judge(late, NOW_MS, True) is Answer.LATE
    assert commands.judge(seen(until=NOW_MS), NOW_MS, True) is Answer.DO
    assert commands.judge(late, NOW_MS, False) is Answer.DO


def test_commands_of_a_newer_server_are_counted_and_left_alone() -> None:
    commands = Commands()
    newer = Command(gateway="hv-0001", command="dance", id="0" * 16)
    assert [commands.judge(newer, NOW_MS, True) for _ in range(2)] == [Answer.UNKNOWN] * 2
    assert commands.unknown == 2
    assert commands.ids() == []


def test_the_alarm_path_is_tried_once_for_each_question() -> None:
    commands = Commands()
    asked, next_day = (Command(gateway="hv-0001", command="prove", id=f"{n:016x}", until=NOW_MS) for n in (1, 2))
    assert commands.judge(asked, NOW_MS, True) is Answer.DO
    commands.done(asked)
    assert [commands.judge(each, NOW_MS, True) for each in (asked, next_day)] == [Answer.DONE, Answer.DO]
    assert commands.judge(next_day, NOW_MS + 1, True) is Answer.LATE


def test_the_last_sixteen_are_named() -> None:
    commands = Commands()
    for number in range(40):
        commands.done(seen(number))
    assert commands.ids() == [f"{number:016x}" for number in range(40 - REMEMBERED, 40)]


def test_a_command_without_a_name_is_done_and_cannot_be_named() -> None:
    commands, nameless = Commands(), Command(gateway="hv-0001", command="acknowledged")
    commands.done(nameless)
    assert commands.judge(nameless, NOW_MS, True) is Answer.DO
    assert commands.ids() == []
