"""Units, users and settings of deploy/, against systemd's own tools and against the program."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from server import config
from server.__main__ import main
from tests import programs

pytestmark = pytest.mark.integration
DEPLOY: Final = Path(__file__).parents[2] / "deploy"
SERVICES: Final = sorted((DEPLOY / "systemd").glob("*.service"))
OF_THE_SERVER: Final = [unit for unit in SERVICES if "gateway" not in unit.name]
INSTALLED: Final = "/opt/hjemvakt/bin/"
MOST_EXPOSED: Final = 3.0
ROLES: Final = ("monitor", "clock", "api")
# What a unit may leave open, and why: the rest is the same in all of them.
OPEN: Final = {
    "hjemvakt.service": {"ProcSubset=pid"},  # the embedded PostgreSQL reads /proc/meminfo
}


def systemd(tool: str, *arguments: str | Path) -> str:
    done = subprocess.run(
        [programs.needed(tool), *arguments],
        env=programs.environment(tool),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return done.stdout


def settings(unit: Path) -> list[tuple[str, str]]:
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [(name, value) for name, _, value in (line.partition("=") for line in lines if line and line[0] not in "#[")]


def hardening(unit: Path) -> set[str]:
    """From NoNewPrivileges on: what takes something away from the service."""
    text = unit.read_text(encoding="utf-8")
    block = text[text.index("NoNewPrivileges=") :].partition("\n[")[0]
    return {line for line in block.splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_service_is_exposed_to_more_than_it_needs(unit: Path) -> None:
    said = systemd("systemd-analyze", "security", "--offline=true", "--no-pager", unit)
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found is not None, said
    assert float(found[1]) < MOST_EXPOSED, said


def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    """With a program that is there, for ours is not installed where tests run, and one instance of the template."""
    for unit in (*SERVICES, *(DEPLOY / "systemd").glob("*.timer"), *(DEPLOY / "systemd").glob("*.path")):
        name = unit.name.replace("@.", "@api.")
        (tmp_path / name).write_text(re.sub(INSTALLED + r"[\w-]+", "/bin/true", unit.read_text(encoding="utf-8")))
    systemd("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir()))


def test_all_services_of_the_server_are_shut_in_alike() -> None:
    everything = set.union(*map(hardening, OF_THE_SERVER))
    for unit in OF_THE_SERVER:
        assert everything - hardening(unit) == OPEN.get(unit.name, set()), unit.name


@pytest.mark.parametrize("unit", OF_THE_SERVER, ids=lambda unit: unit.name)
def test_every_service_starts_a_command_that_exists(unit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (started,) = [value for name, value in settings(unit) if name == "ExecStart"]
    command = re.search(INSTALLED + r"hjemvakt(?: --config \S+)? (\S+)", started)
    assert command is not None, started
    for role in ROLES if command[1] == "%i" else (command[1],):
        with pytest.raises(SystemExit) as ended:
            main([role, "--help"])
        assert ended.value.code == 0
    capsys.readouterr()


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_is_started_again_whatever_happened_and_however_often(unit: Path) -> None:
    told = dict(settings(unit))
    if told.get("Type") == "oneshot":
        return
    assert (told["Restart"], told["StartLimitIntervalSec"]) == ("always", "0")
    assert told["UMask"] == "0077" and told["StateDirectoryMode"] == "0700"


def test_every_user_of_a_unit_is_made_and_the_api_is_nobody_elses() -> None:
    made = {line.split()[1] for file in (DEPLOY / "sysusers.d").glob("*.conf") for line in users_of(file)}
    users = {unit.name: dict(settings(unit)).get("User") for unit in SERVICES}
    of_root = [name for name, user in users.items() if user is None]
    assert of_root == ["hjemvakt-gateway-upgrade.service"]  # for dpkg is
    named = {user.replace("%i", role) for user in users.values() if user is not None for role in ROLES}
    assert named - made == {"mosquitto"}  # which its own package makes
    role = dict(settings(DEPLOY / "systemd" / "hjemvakt@.service"))
    assert role["User"] == "hjemvakt-%i" and role["EnvironmentFile"] == "/etc/hjemvakt/%i.env"


def users_of(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("u ")]


@pytest.mark.root
@pytest.mark.parametrize("name", ["hjemvakt.conf", "hjemvakt-gateway.conf"])
def test_sysusers_makes_users_that_cannot_log_in(name: str, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    systemd_sysusers(tmp_path, DEPLOY / "sysusers.d" / name)
    rows = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert len(rows) == len(users_of(DEPLOY / "sysusers.d" / name))
    assert all(row[0].startswith("hjemvakt") and row[6].endswith("nologin") and int(row[2]) < 1000 for row in rows)


def systemd_sysusers(root: Path, file: Path) -> None:
    """It says on its error output what it makes."""
    tool = programs.needed("systemd-sysusers")
    lines = file.read_text(encoding="utf-8")
    done = subprocess.run([tool, f"--root={root}", "-"], input=lines, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.root
def test_the_directory_of_backups_is_the_servers_alone(tmp_path: Path) -> None:
    (tmp_path / "etc/tmpfiles.d").mkdir(parents=True)
    systemd_sysusers(tmp_path, DEPLOY / "sysusers.d" / "hjemvakt.conf")
    shutil.copy(DEPLOY / "tmpfiles.d" / "hjemvakt.conf", tmp_path / "etc/tmpfiles.d")
    systemd("systemd-tmpfiles", "--create", f"--root={tmp_path}")
    made = tmp_path / "var/backups/hjemvakt"
    owner = next(row for row in (tmp_path / "etc/passwd").read_text().splitlines() if row.startswith("hjemvakt:"))
    assert (made.stat().st_mode & 0o777, made.stat().st_uid) == (0o700, int(owner.split(":")[2]))


def test_the_backup_runs_each_night_and_after_a_night_that_was_missed() -> None:
    timer = dict(settings(DEPLOY / "systemd" / "hjemvakt-backup.timer"))
    said = systemd("systemd-analyze", "calendar", "--iterations=2", timer["OnCalendar"])
    assert "Normalized form: *-*-* 02:30:00" in said
    assert timer["Persistent"] == "yes"


def test_each_nights_backup_has_a_name_of_its_own(tmp_path: Path) -> None:
    """What systemd hands to the shell, with the program replaced by one that says how it was called."""
    started = dict(settings(DEPLOY / "systemd" / "hjemvakt-backup.service"))["ExecStart"].replace("%%", "%")
    shell, option, script = shlex.split(started)
    called = script.replace(f"exec {INSTALLED}hjemvakt", "echo")
    said = subprocess.run([shell, option, called], capture_output=True, text=True, check=True).stdout
    name = r"/var/backups/hjemvakt/20\d\d-\d\d-\d\dT\d{4}Z"
    assert re.fullmatch(rf"--config /etc/hjemvakt/server.toml backup {name}\n", said), said


def test_the_example_of_the_servers_settings_is_read_and_has_every_word_spelled_right() -> None:
    text = (DEPLOY / "server.example.toml").read_text(encoding="utf-8")
    read = config.read({}, text)
    assert read.public_url == "https://hjemvakt.kommune.example"
    all_of_it = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    assert config.read({}, all_of_it).oidc_name == "Ansattporten"


@pytest.mark.parametrize(("name", "starts_anew"), [("gateway", "true"), ("server", "false")])
def test_security_updates_come_by_themselves_and_only_a_gateway_starts_anew(name: str, starts_anew: str) -> None:
    """As apt itself reads the file."""
    apt = programs.needed("apt-config")
    file = DEPLOY / "apt" / f"52hjemvakt-{name}"
    said = subprocess.run([apt, "-c", file, "dump"], capture_output=True, text=True, check=True)
    assert not said.stderr
    assert 'APT::Periodic::Unattended-Upgrade "1";' in said.stdout
    assert f'Unattended-Upgrade::Automatic-Reboot "{starts_anew}";' in said.stdout
    assert "label=Debian-Security" in said.stdout


@pytest.mark.parametrize(("name", "daemon"), [("journald", "systemd-journald"), ("timesyncd", "systemd-timesyncd")])
def test_every_setting_of_journal_and_clock_is_one_that_systemd_has(name: str, daemon: str) -> None:
    """systemd ignores what it does not know, with a line in a journal that nobody reads. Each setting is a word in the
    daemon itself."""
    known = programs.needed(daemon).read_bytes()
    words = [word for word, _ in settings(DEPLOY / name / "hjemvakt.conf")]
    assert len(words) >= 3
    assert [word for word in words if word.encode() not in known] == []
