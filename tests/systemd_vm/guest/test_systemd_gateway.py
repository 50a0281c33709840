"""The gateway's package under a real systemd: waiting, let in, killed, standing still."""

import os
import signal
from pathlib import Path

from tests.systemd_vm.guest.machine import await_that, exposure, gateway_status, is_active, journal, said, shown

UNIT = "hjemvakt-gateway"


def test_it_waited_for_its_acceptance_and_is_connected(gateway: str) -> None:
    assert is_active(UNIT)
    assert "until a technician accepts the code" in journal(UNIT)
    assert gateway in gateway_status()
    assert Path("/var/lib/hjemvakt-gateway/identity.json").stat().st_mode & 0o777 == 0o600


def test_the_loaded_units_are_exposed_to_no_more_than_they_need(gateway: str) -> None:
    assert exposure("hjemvakt-gateway.service") < 3.0
    assert exposure("hjemvakt-gateway-upgrade.service") < 3.0


def test_it_says_to_systemd_how_it_is(gateway: str) -> None:
    assert shown(UNIT, "Type") == "notify"
    await_that("a line of status", lambda: shown(UNIT, "StatusText"))


def test_killed_it_is_back_and_connected(gateway: str) -> None:
    before, restarts = shown(UNIT, "MainPID"), int(shown(UNIT, "NRestarts"))
    os.kill(int(before), signal.SIGKILL)
    await_that("it is started again", lambda: is_active(UNIT) and shown(UNIT, "MainPID") != before)
    assert int(shown(UNIT, "NRestarts")) == restarts + 1
    await_that("it is connected again", lambda: "Broker: connected" in gateway_status())


def test_standing_still_it_is_ended_by_the_watchdog_and_started_again(gateway: str) -> None:
    """With a shorter patience than the minute that we ship, and nothing else changed."""
    shipped = shown(UNIT, "WatchdogUSec")
    assert shipped == "1min"
    patience(seconds=20)
    before = shown(UNIT, "MainPID")
    os.kill(int(before), signal.SIGSTOP)
    await_that("the watchdog fires", lambda: "Watchdog timeout" in journal(UNIT))
    await_that("it is started again", lambda: is_active(UNIT) and shown(UNIT, "MainPID") != before)
    await_that("it is connected again", lambda: "Broker: connected" in gateway_status())
    patience(seconds=None)


def patience(seconds: int | None) -> None:
    file = Path(f"/run/systemd/system/{UNIT}.service.d/patience.conf")
    if seconds is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"[Service]\nWatchdogSec={seconds}\n")
    said("systemctl", "daemon-reload")
    said("systemctl", "restart", UNIT)
    await_that("it is at work", lambda: is_active(UNIT))
