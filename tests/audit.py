"""Known faults of the packages that are locked, from the advisory databases of PyPI and npm: `make audit`.

python -m tests.audit            0: none is known; 1: some are; 2: not everything could be looked up
python -m tests.audit --check    the same for tests/check, where a missing network is said and is no failure
"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
LOCK: Final = ROOT / "requirements.lock"
NPM_LOCK: Final = ROOT / "dashboard" / "package-lock.json"
WAIT_S: Final = 60
PIP: Final = ("-m", "pip_audit", "--disable-pip", "--progress-spinner", "off", "--timeout", "5", "--format", "json")
NONE_KNOWN, KNOWN, NOT_LOOKED_UP = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Answer:
    """`unknown`: packages that the advisory database could not be asked about."""

    faults: tuple[str, ...]
    unknown: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """`answer` None: nobody could be asked, and `why` says so."""

    what: str
    packages: int
    answer: Answer | None
    why: str = ""


def of_python(lock: Path = LOCK) -> Found:
    packages = len(re.findall(r"^[A-Za-z0-9._-]+==", lock.read_text(encoding="utf-8"), re.MULTILINE))
    said, why = _asked([sys.executable, *PIP, "--requirement", str(lock)])
    return Found(what="Python packages", packages=packages, answer=from_pip(said), why=why)


def of_npm() -> Found:
    packages = len(json.loads(NPM_LOCK.read_text(encoding="utf-8"))["packages"]) - 1  # the first is our own
    said, why = _asked([sys.executable, str(ROOT / "deploy" / "bootstrap.py"), "npm", "audit", "--json"])
    return Found(what="npm packages", packages=packages, answer=from_npm(said), why=why)


def from_pip(said: Any) -> Answer | None:
    """pip-audit says "no known vulnerabilities" of packages, too, that it could ask nobody about."""
    if not isinstance(said, dict) or "dependencies" not in said:
        return None
    asked = [each for each in said["dependencies"] if "skip_reason" not in each]
    faults = tuple(
        f"{each['name']} {each['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none yet'}"
        for each in asked
        for fault in each["vulns"]
    )
    return Answer(faults=faults, unknown=len(said["dependencies"]) - len(asked))


def from_npm(said: Any) -> Answer | None:
    if not isinstance(said, dict) or "vulnerabilities" not in said:
        return None
    faults = tuple(
        f"{name}: {each['severity']}, {', '.join(_titles(each['via']))}"
        for name, each in said["vulnerabilities"].items()
    )
    return Answer(faults=faults, unknown=0)


def _titles(via: list[Any]) -> Iterator[str]:
    for each in via:
        yield each if isinstance(each, str) else each["title"]


def _asked(command: list[str]) -> tuple[Any, str]:
    """What it said, or None; and the first line of its complaints."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {WAIT_S} s"
    why = next((line.strip()[:200] for line in done.stderr.splitlines() if line.strip()), "no answer")
    try:
        return json.loads(done.stdout), why
    except ValueError:
        return None, why


def status_of(found: list[Found]) -> int:
    if any(each.answer and each.answer.faults for each in found):
        return KNOWN
    return NOT_LOOKED_UP if any(each.answer is None or each.answer.unknown for each in found) else NONE_KNOWN


def told(found: list[Found]) -> Iterator[str]:
    for each in found:
        if each.answer is None:
            yield f"{each.packages} {each.what} not looked up: the advisory database could not be asked ({each.why})"
            continue
        unknown, faults = each.answer.unknown, each.answer.faults
        said = f"{len(faults)} known faults" if faults else "no known fault"
        yield f"{said} in {each.packages - unknown} {each.what}"
        yield from (f"  {fault}" for fault in faults)
        if unknown:
            yield f"{unknown} {each.what} not looked up: the advisory database that can be reached does not have them"


def main(arguments: list[str], ask: tuple[Callable[[], Found], ...] = (of_python, of_npm)) -> int:
    with ThreadPoolExecutor(len(ask)) as threads:
        found = list(threads.map(lambda each: each(), ask))
    status = status_of(found)
    if arguments == ["--check"]:
        word = {NONE_KNOWN: "ok      ", KNOWN: "FAILED  ", NOT_LOOKED_UP: "not all "}[status]
        print(f"{word}dependencies: " + "\n".join(told(found)).replace("\n", "\n        "))
        return 1 if status == KNOWN else 0
    print("\n".join(told(found)))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
