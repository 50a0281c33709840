"""The server's package under a real systemd: `hjemvakt serve` with its own database and broker."""

import os
import signal
from pathlib import Path

import pytest

from tests.systemd_vm.guest.machine import Technician, answers, await_that, exposure, is_active, journal, said, shown

UNITS = [f"hjemvakt{each}.service" for each in ("", "@api", "-migrate", "-guard", "-backup")]
MOST_EXPOSED = 3.0


@pytest.mark.usefixtures("server")
def test_it_is_at_work_with_database_broker_and_board() -> None:
    assert is_active("hjemvakt")
    assert answers("/readyz") == {"ready": True}
    assert shown("hjemvakt", "User") == "hjemvakt"
    assert {"postgres", "nats-server"} <= set(names_of_processes())


def names_of_processes() -> list[str]:
    group = Path("/sys/fs/cgroup/system.slice/hjemvakt.service/cgroup.procs").read_text().split()
    return [Path(f"/proc/{process}/comm").read_text().strip() for process in group]


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize("unit", UNITS)
def test_the_loaded_unit_is_exposed_to_no_more_than_it_needs(unit: str) -> None:
    assert exposure(unit) < MOST_EXPOSED


@pytest.mark.usefixtures("server")
def test_what_it_keeps_is_its_users_alone() -> None:
    found = Path("/var/lib/hjemvakt").stat()
    assert (found.st_mode & 0o777, Path("/var/lib/hjemvakt").owner()) == (0o700, "hjemvakt")
    assert Path("/var/lib/hjemvakt/people.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("server")
def test_each_night_has_its_backup_and_one_can_be_had_now() -> None:
    assert shown("hjemvakt-backup.timer", "ActiveState") == "active"
    said("systemctl", "start", "hjemvakt-backup")
    (backup,) = Path("/var/backups/hjemvakt").iterdir()
    assert {"database.dump", "manifest.json"} <= {file.name for file in backup.iterdir()}
    assert backup.owner() == "hjemvakt"


def test_killed_with_all_that_belongs_to_it_it_is_back_with_its_rows(technician: Technician) -> None:
    homes = addresses_of_homes(technician)
    assert homes
    before = shown("hjemvakt", "MainPID")
    os.kill(int(before), signal.SIGKILL)
    await_that("systemd has started it again", lambda: shown("hjemvakt", "MainPID") not in ("0", before))
    await_that("it is ready again", lambda: answers("/readyz"))
    assert int(shown("hjemvakt", "NRestarts")) >= 1
    assert is_active("hjemvakt")
    assert addresses_of_homes(technician) == homes


def addresses_of_homes(technician: Technician) -> list[str]:
    return [each["address"] for each in technician.get("/installation/homes")["homes"]]


@pytest.mark.usefixtures("server")
def test_the_settings_of_journal_that_we_ship_are_taken() -> None:
    examples = "/usr/share/doc/hjemvakt-server/examples/"
    said(
        "install", "-D", "-m", "644", f"{examples}journald/hjemvakt.conf", "/etc/systemd/journald.conf.d/hjemvakt.conf"
    )
    said("systemctl", "restart", "systemd-journald")
    assert shown("systemd-journald", "ActiveState") == "active"
    assert "Unknown" not in journal("systemd-journald")
