"""Installs the wished version of this program: `upgrade.py WISH ANSWERS [SECONDS]`, as root, by
hjemvakt-gateway-upgrade.service.

The wish lies where the agent, who hears the network, may write. So nothing of it is used but a version, and only if
it looks like one, and whether it was written before our last answer; which package, from where, and everything else is
said here and in the machine's own settings of apt.
Nothing of ours but the standard library is imported: the package that is replaced is the one that we run from.

A home is not left without its gateway: where the agent was at work, it has to be at work with the new version for
`SECONDS` without dying, or the version before comes back. Its package is fetched first, and lies beside the answer as
long as nobody knows. Found there at the start, or that something was begun, it was cut short, mostly by the power, and
the question is still open.

systemd does not look at the wish while we are at work, so we look again ourselves before we end."""

import json
import os
import re
import stat
import subprocess
import sys
import time
from pathlib import Path

PACKAGE = "hjemvakt-gateway"
ANSWER = "answer.json"
BEGUN, BEFORE = "begun", "before.deb"  # the path unit looks for both
AGENT = "hjemvakt-gateway.service"
VERSION = re.compile(r"[0-9][A-Za-z0-9.+~-]{0,39}")
LARGEST = 4096
WAIT_LOCK_S = 900  # for unattended-upgrades, which may be at work
LIMIT_S = 3600
SETTLED_S = 60.0
LOOKS_AT_LEAST = 3
MORE_WISHES = 3  # in one go; what is wished for after these is not heard, and the server says so when its time is over
SETTLES_WITHIN = 5  # times as long; TimeoutStartSec= of the agent is well within
LONGEST_WHY = 300
APT = ("apt-get", "-o", f"DPkg::Lock::Timeout={WAIT_LOCK_S}")
KEEP = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
WAYS = ("--yes", "--no-remove", "--no-install-recommends")
BACK = ("--allow-downgrades", "--reinstall")  # anew, too, if a power cut left halves of it
QUIET = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "APT_LISTCHANGES_FRONTEND": "none"}


def main(arguments: list[str]) -> int:
    wish, answers = Path(arguments[0]), Path(arguments[1])
    settled_s = float(arguments[2]) if arguments[2:] else SETTLED_S
    if (answers / BEGUN).exists() or (answers / BEFORE).exists():
        code = go_on(answers, answers / BEFORE, settled_s)
    elif (found := wished(wish)) is not None:
        code = carry_out(found[0], answers, settled_s)
    else:
        print("nothing that looks like a version is wished for", file=sys.stderr)
        return 1
    for _ in range(MORE_WISHES):
        version = unanswered(wish, answers)
        if version is None:
            break
        code = carry_out(version, answers, settled_s, is_guarded=True)
    return code


def carry_out(version: str, answers: Path, settled_s: float, *, is_guarded: bool = False) -> int:
    """`is_guarded`: the agent was at work a moment ago, for it wished; it may just be starting."""
    begun, before = answers / BEGUN, answers / BEFORE
    if version == installed():
        say(answers, version, "done")
        return 0
    say(answers, version, "runs")
    begun.touch()
    settle(answers)
    why = run(*APT, "-q", "update") or (keep(before) if is_guarded or at_work() else "")
    if why:
        return end(answers, version, why)
    runs = installed()
    why = install(version)
    if not before.exists():
        return end(answers, version, why)
    if why and installed() == runs:
        return end(answers, version, why)
    return judge(answers, version, before, settled_s, why)


def go_on(answers: Path, before: Path, settled_s: float) -> int:
    """Judged is what was installed, and nothing that was not."""
    run("dpkg", "--configure", "--pending")
    there, (version, state, why) = installed(), said_last(answers)
    if state in ("done", "failed"):
        return end(answers, version, why)
    version = version or there or "the new version"
    if there not in (None, version):
        return end(answers, version, f"it was cut short: {version} is not installed, {there} is")
    why = "" if there else f"it was cut short while {version} was installed"
    return judge(answers, version, before, settled_s, why) if before.exists() else end(answers, version, why)


def judge(answers: Path, version: str, before: Path, settled_s: float, why: str) -> int:
    """`why`: what already went wrong; empty: nothing that we know of."""
    if not why and not stays_at_work(settled_s):
        why = f"{version} does not stay at work"
    if why:
        lost, there = run(*APT, *KEEP, "-q", "install", *WAYS, *BACK, str(before)), installed()
        if there is None and not lost:
            lost = "it is not whole"
        back = f"{there} is back" if not lost else f"the version before could not be brought back: {lost}"
        why = f"{why}; {back}"
    return end(answers, version, why)


def end(answers: Path, version: str, why: str) -> int:
    """Said first: as long as one of the two lies there, the next start says it."""
    say(answers, version, "failed" if why else "done", why[:LONGEST_WHY])
    for name in (BEFORE, BEGUN):
        (answers / name).unlink(missing_ok=True)
    print(f"{PACKAGE} {version}: {why or 'installed'}")
    return 1 if why else 0


def unanswered(wish: Path, answers: Path) -> str | None:
    """As the agent has it (edge/upgrading.py): an answer to another version is none, nor one that the wish has seen."""
    found = wished(wish)
    if found is None:
        return None
    version, seen_ns = found
    is_answered = version == said_last(answers)[0] and (answers / ANSWER).stat().st_mtime_ns != seen_ns
    return None if is_answered else version


def wished(file: Path) -> tuple[str, object] | None:
    """Which version, and when the answer was written that was seen then, to be compared and nothing else. Not through a
    link, not out of a pipe, and not more than a few bytes of it."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return None
            content = opened.read(LARGEST + 1)
        if len(content) > LARGEST:
            return None
        said = json.loads(content)
        version, seen_ns = said["version"], said.get("answered_ns")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return (version, seen_ns) if isinstance(version, str) and VERSION.fullmatch(version) else None


def installed() -> str | None:
    done = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", PACKAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    state, _, version = done.stdout.partition(" ")
    return version if state == "installed" else None


def keep(before: Path) -> str:
    """The package that is installed, for the way back. Why not; empty: it lies there."""
    version = installed()
    shelf = before.with_name("fetched")
    shelf.mkdir(exist_ok=True)
    for older in shelf.iterdir():
        older.unlink()
    why = run(*APT, "-q", "download", f"{PACKAGE}={version}", directory=shelf)
    found = [] if why else list(shelf.glob("*.deb"))
    if not found:
        return f"{version}, which runs, is not in the archive: without it there is no way back ({why})"
    settle(found[0])
    found[0].replace(before)
    settle(before.parent)
    return ""


def install(version: str) -> str:
    """Why not; empty: it is there. Never an older one, nothing else removed or brought in anew, settings stay."""
    return run(*APT, *KEEP, "-q", "install", *WAYS, "--only-upgrade", f"{PACKAGE}={version}")


def at_work() -> str:
    """The process of the agent; empty: it is not at work, or no systemd is."""
    asked = ("show", "--property=ActiveState,SubState,MainPID", AGENT)
    try:
        done = subprocess.run(["systemctl", *asked], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    is_well = (told.get("ActiveState"), told.get("SubState")) == ("active", "running")
    return told["MainPID"] if is_well and "MainPID" in told else ""


def stays_at_work(settled_s: float) -> bool:
    """One process, for so long."""
    now = time.monotonic()
    process, since, end, looks = "", now, now + SETTLES_WITHIN * settled_s, 0
    while now < end or looks < LOOKS_AT_LEAST:
        looks += 1
        found = at_work()
        if not found or found != process:
            process, since = found, now
        elif now - since >= settled_s:
            return True
        time.sleep(settled_s / 30)
        now = time.monotonic()
    return False


def run(*command: str, directory: Path | None = None) -> str:
    """Why it did not work; empty: it did."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env={**os.environ, **QUIET},
            stdin=subprocess.DEVNULL,
            cwd=directory,
            timeout=LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} {command[-1]}: {type(error).__name__}"
    if done.returncode == 0:
        return ""
    errors = [line for line in done.stderr.splitlines() if line.startswith("E:")]
    return " ".join(" ".join(errors or [f"it ended with {done.returncode}"]).split())[:LONGEST_WHY]


def said_last(answers: Path) -> tuple[str, str, str]:
    """Version, state and why, of root's own file; empty: nobody knows."""
    try:
        said = json.loads((answers / ANSWER).read_text(encoding="utf-8"))
        return str(said["version"]), str(said["state"]), str(said["why"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", "", ""


def settle(path: Path) -> None:
    """It is on the disk, whenever the power goes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def say(answers: Path, version: str, state: str, why: str = "") -> None:
    """For the agent to read. Whole, whenever the power goes."""
    draft = answers / "answer.new"
    with draft.open("w", encoding="utf-8") as file:
        json.dump({"version": version, "state": state, "why": why}, file)
        file.flush()
        os.fsync(file.fileno())
    draft.chmod(0o644)
    draft.replace(answers / ANSWER)
    settle(answers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
