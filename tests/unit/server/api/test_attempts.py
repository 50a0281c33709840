from datetime import UTC, datetime, timedelta

from server.api.attempts import KEYS_MAX, TRIES, WINDOW, Attempts

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KARI = ("kari", "10.0.0.1")


def tried(attempts: Attempts, times: int, key: tuple[str, str] = KARI, now: datetime = NOW) -> list[int | None]:
    return [attempts.retry_after_s(key, now) for _ in range(times)]


def test_after_too_many_tries_one_waits_until_the_first_of_them_is_old():
    attempts = Attempts()
    assert tried(attempts, TRIES) == [None] * TRIES
    later = NOW + timedelta(seconds=100)
    assert tried(attempts, 1, now=later) == [200]
    assert tried(attempts, 1, now=NOW + WINDOW) == [None]


def test_refused_tries_do_not_lengthen_the_wait():
    attempts = Attempts()
    tried(attempts, TRIES + 50)
    assert tried(attempts, 1, now=NOW + WINDOW) == [None]


def test_somebody_elses_tries_from_another_address_lock_nobody_out():
    attempts = Attempts()
    tried(attempts, TRIES + 1)
    assert tried(attempts, 1, ("kari", "10.0.0.2")) == [None]
    assert tried(attempts, 1, ("ola", "10.0.0.1")) == [None]


def test_who_got_in_starts_afresh():
    attempts = Attempts()
    tried(attempts, TRIES)
    attempts.succeeded(KARI)
    assert tried(attempts, 1) == [None]


def test_a_storm_of_invented_logins_takes_bounded_memory():
    attempts = Attempts()
    for number in range(KEYS_MAX + 100):
        attempts.retry_after_s((str(number), ""), NOW)
    assert len(attempts._tries) == KEYS_MAX
