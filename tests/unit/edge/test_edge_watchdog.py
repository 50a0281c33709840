"""What is done about an adapter that hears nothing, and when a person is told."""

from itertools import pairwise

from edge.core.watchdog import Patience, Step, Watchdog

PATIENCE = Patience(silent_s=100, longest_s=1000)


def watchdog(*, has_canary: bool = False, is_expected: bool = True) -> Watchdog:
    dog = Watchdog(PATIENCE, has_canary=has_canary, is_expected=is_expected, now_s=0)
    dog.scanning(0)
    return dog


def silence(dog: Watchdog, until_s: float, *, has_links: bool = False) -> list[tuple[float, Step]]:
    steps: list[tuple[float, Step]] = []
    while (due_s := dog.due_s()) <= until_s:
        step = dog.step(due_s, has_links=has_links)
        assert step is not None
        steps.append((due_s, step))
        dog.scanning(due_s)
    return steps


def test_silence_is_answered_step_by_step_and_then_told() -> None:
    dog = watchdog()
    assert silence(dog, 300) == [(100, Step.RESTART_SCAN), (200, Step.RESTART_SCAN), (300, Step.POWER_CYCLE)]
    assert dog.trouble(300, has_links=False) is None
    assert silence(dog, 500) == [(500, Step.POWER_CYCLE)]
    trouble = dog.trouble(600, has_links=False)
    assert trouble is not None and "10 minutes" in trouble


def test_tries_that_do_not_help_become_rare_but_never_end() -> None:
    dog = watchdog()
    times = [at_s for at_s, _ in silence(dog, 20_000)]
    waits = [after - before for before, after in pairwise(times)]
    assert waits[2:] == sorted(waits[2:])
    assert max(waits) == PATIENCE.longest_s
    assert len(times) > 15


def test_a_word_heard_ends_it_and_is_told_once() -> None:
    dog = watchdog()
    silence(dog, 500)
    assert dog.heard(501, is_canary=False)
    assert not dog.heard(502, is_canary=False)
    assert dog.trouble(502, has_links=False) is None
    assert dog.due_s() == 602


def test_the_radio_is_deaf_when_the_canary_is_silent_whatever_else_is_heard() -> None:
    dog = watchdog(has_canary=True)
    dog.heard(90, is_canary=True)
    dog.heard(189, is_canary=False)
    assert dog.step(190, has_links=True) is Step.RESTART_SCAN
    silence(dog, 600, has_links=True)
    trouble = dog.trouble(690, has_links=True)
    assert trouble is not None and "canary" in trouble and "10 minutes" in trouble


def test_links_that_work_are_not_cut_for_silence_on_the_air() -> None:
    dog = watchdog()
    dog.heard(1, is_canary=False)
    assert {step for _, step in silence(dog, 5000, has_links=True)} == {Step.RESTART_SCAN}
    assert dog.trouble(5000, has_links=True) is None


def test_in_a_lonely_house_silence_is_no_fault() -> None:
    dog = watchdog(is_expected=False)
    assert {step for _, step in silence(dog, 5000)} == {Step.RESTART_SCAN}
    assert dog.trouble(5000, has_links=False) is None


def test_an_adapter_that_will_not_scan_is_switched_off_and_on_at_each_third_try() -> None:
    dog = watchdog()
    steps = [dog.not_scanning(1.0) for _ in range(9)]
    assert [step for step, _ in steps] == [Step.RESTART_SCAN, Step.RESTART_SCAN, Step.POWER_CYCLE] * 3
    assert [wait_s for _, wait_s in steps][-1] == 60
    dog.scanning(0)
    assert dog.not_scanning(1.0) == (Step.RESTART_SCAN, 2.0)
