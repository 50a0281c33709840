"""What the gateway does with the server's commands."""

import pytest

from devices.wire.messages import Answer, Command
from edge.core.commands import REMEMBERED, USED_KEPT, WITH_PROOF, Commands, Verdict

NOW_MS = 1_795_000_000_000
RUN, EARLIER_RUN = "a" * 16, "b" * 16


def seen(number: int = 1, **words: object) -> Command:
    return Command(gateway="hv-0001", command="acknowledged", id=f"{number:016x}", **words)  # type: ignore[arg-type]


def order(number: int, *, word: str = "scan", until: int | None = NOW_MS, run: str | None = None) -> Command:
    return Command(gateway="hv-0001", command=word, id=f"{number:016x}", until=until, number=number, run=run)


def judged(commands: Commands, command: Command, now_ms: int = NOW_MS, *, is_clock_set: bool = True) -> Verdict:
    return commands.judge(command, now_ms, is_clock_set, is_proven=True)


def test_a_command_is_done_once_however_often_it_is_said() -> None:
    commands = Commands()
    assert commands.judge(seen(), NOW_MS, True) is Verdict.DO
    commands.done(seen())
    assert commands.judge(seen(), NOW_MS, True) is Verdict.DONE
    assert commands.ids() == [f"{1:016x}"]


def test_a_command_whose_time_is_over_is_not_done_unless_we_do_not_know_the_time() -> None:
    commands, late = Commands(), seen(until=NOW_MS - 1)
    assert commands.judge(late, NOW_MS, True) is Verdict.LATE
    assert commands.judge(seen(until=NOW_MS), NOW_MS, True) is Verdict.DO
    assert commands.judge(late, NOW_MS, False) is Verdict.DO


def test_commands_of_a_newer_server_are_counted_and_left_alone() -> None:
    commands = Commands()
    newer = Command(gateway="hv-0001", command="dance", id="0" * 16)
    assert [commands.judge(newer, NOW_MS, True) for _ in range(2)] == [Verdict.UNKNOWN] * 2
    assert commands.unknown == 2
    assert commands.ids() == []


def test_the_alarm_path_is_tried_once_for_each_question() -> None:
    commands = Commands()
    asked, next_day = (Command(gateway="hv-0001", command="prove", id=f"{n:016x}", until=NOW_MS) for n in (1, 2))
    assert commands.judge(asked, NOW_MS, True) is Verdict.DO
    commands.done(asked)
    assert [commands.judge(each, NOW_MS, True) for each in (asked, next_day)] == [Verdict.DONE, Verdict.DO]
    assert commands.judge(next_day, NOW_MS + 1, True) is Verdict.LATE


def test_the_last_sixteen_are_named() -> None:
    commands = Commands()
    for number in range(40):
        commands.done(seen(number))
    assert commands.ids() == [f"{number:016x}" for number in range(40 - REMEMBERED, 40)]


def test_a_command_without_a_name_is_done_and_cannot_be_named() -> None:
    commands, nameless = Commands(), Command(gateway="hv-0001", command="acknowledged")
    commands.done(nameless)
    assert commands.judge(nameless, NOW_MS, True) is Verdict.DO
    assert commands.ids() == []


# ---- with a proof


@pytest.mark.parametrize("word", sorted(WITH_PROOF))
def test_nobody_scans_restarts_or_upgrades_a_gateway_without_a_proof(word: str) -> None:
    commands = Commands()
    assert commands.judge(order(1, word=word), NOW_MS, True) is Verdict.UNPROVEN
    assert judged(commands, order(1, word=word)) is Verdict.DO


def test_a_server_that_has_proven_a_command_once_is_not_believed_without_a_proof_any_more() -> None:
    commands = Commands()
    assert commands.judge(seen(1), NOW_MS, True) is Verdict.DO
    assert judged(commands, order(2)) is Verdict.DO
    assert commands.judge(seen(3), NOW_MS, True) is Verdict.UNPROVEN
    again = Commands()
    again.recall(commands.kept())
    assert again.judge(seen(3), NOW_MS, True) is Verdict.UNPROVEN, "nor after a restart"
    assert again.unproven == 1


def test_what_was_said_before_is_a_replay_whatever_it_is_called_now_and_after_a_restart() -> None:
    commands, first = Commands(), order(7)
    commands.use(first)
    renamed = Command(gateway="hv-0001", command="restart", id="f" * 16, until=NOW_MS, number=7)
    assert judged(commands, renamed) is Verdict.REPLAYED
    again = Commands()
    again.recall(commands.kept())
    assert judged(again, renamed) is Verdict.REPLAYED
    assert judged(again, order(6)) is Verdict.DO, "an earlier one that was late on its way"
    assert judged(again, Command(gateway="hv-0001", command="scan", until=NOW_MS)) is Verdict.REPLAYED, "no number"


def test_a_number_lower_than_all_that_are_kept_counts_as_used() -> None:
    commands = Commands()
    for number in range(100, 100 + USED_KEPT + 1):
        commands.use(order(number))
    assert [judged(commands, order(number)) for number in (1, 99, 100)] == [Verdict.REPLAYED] * 3
    assert judged(commands, order(1000)) is Verdict.DO
    assert len(commands.kept().used) == USED_KEPT


def test_a_proven_command_has_an_end() -> None:
    commands = Commands(RUN)
    assert judged(commands, order(1), NOW_MS + 1) is Verdict.LATE
    assert judged(commands, order(1, until=None, run=RUN)) is Verdict.LATE


def test_a_gateway_without_a_clock_does_only_what_was_said_to_this_run_of_it() -> None:
    commands = Commands(RUN)
    assert judged(commands, order(1, run=RUN), 0, is_clock_set=False) is Verdict.DO
    assert judged(commands, order(2, run=EARLIER_RUN), 0, is_clock_set=False) is Verdict.OTHER_RUN
    assert judged(commands, order(3), 0, is_clock_set=False) is Verdict.LATE, "nobody can say that it is fresh"


def test_what_was_said_to_an_earlier_run_is_left_alone_with_a_clock_too() -> None:
    assert judged(Commands(RUN), order(1, run=EARLIER_RUN)) is Verdict.OTHER_RUN


def test_the_newest_answer_to_a_command_is_the_one_that_counts() -> None:
    commands = Commands()
    for number in range(REMEMBERED + 4):
        commands.answer(Answer(id=f"{number:016x}"))
    commands.answer(Answer(id=f"{10:016x}", refused=True, why="no"))
    said = commands.answers()
    assert len(said) == REMEMBERED
    assert [each.why for each in said if each.id == f"{10:016x}"] == ["no"]
