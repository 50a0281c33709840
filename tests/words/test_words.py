"""What the documents and the code say about each other."""

import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOT_OURS = {".git", ".venv", "node_modules", "__pycache__", "static", "data", "hjemvakt.egg-info"}
DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "deploy/RUNBOOK.md",
    "deploy/SAFETY.md",
    "deploy/PRIVACY.md",
    "deploy/THREATS.md",
    "devices/README.md",
)
FOLDERS = "devices|edge|server|dashboard|deploy|tests"
# Spelled in pieces, so that this file is not the first to be found.
REGISTRIES = [
    ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("npmjs", "org"))
]
MACHINE_PATHS = re.compile("|".join(("/wo" + "rk/", "/ro" + r"ot/[\w.]", "/ho" + r"me/[a-z]+/", "/Us" + r"ers/\w+/")))


@cache
def our_files() -> tuple[Path, ...]:
    """Committed files; without git, everything that a set-up does not make."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    paths = [REPOSITORY / name for name in listed if name] or list(REPOSITORY.rglob("*"))
    return tuple(p for p in paths if p.is_file() and not NOT_OURS & set(p.relative_to(REPOSITORY).parts))


def texts() -> list[tuple[str, str]]:
    found = []
    for path in our_files():
        raw = path.read_bytes()
        if b"\0" not in raw:
            found.append((str(path.relative_to(REPOSITORY)), raw.decode(errors="replace")))
    return found


def documents() -> list[str]:
    return [(REPOSITORY / name).read_text(encoding="utf-8") for name in DOCUMENTS if (REPOSITORY / name).exists()]


def make_targets() -> set[str]:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def test_no_file_names_a_package_registry() -> None:
    assert len(texts()) > 50
    assert [(name, host) for name, text in texts() for host in REGISTRIES if host in text] == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert [(name, found[0]) for name, text in texts() if (found := MACHINE_PATHS.search(text))] == []


def test_every_make_target_in_the_documents_exists() -> None:
    command = re.compile(r"(?:`|^\s*(?:\$ )?)make ([a-z-]+)", re.MULTILINE)
    named = {target for text in documents() for target in command.findall(text)}
    assert {"demo", "test"} <= named
    assert named - make_targets() == set()


def test_every_make_target_is_phony_and_told_by_make_help() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None and set(phony[1].split()) == make_targets()
    assert set(re.findall(r'@echo "make ([a-z-]+) ', makefile)) == make_targets() - {"help"}


def test_every_relative_link_in_the_documents_leads_somewhere() -> None:
    broken = []
    for name in DOCUMENTS:
        path = REPOSITORY / name
        if path.exists():
            links = re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
            broken += [(name, link) for link in links if "://" not in link and not (path.parent / link).exists()]
    assert broken == []


def test_every_link_into_a_document_leads_to_a_heading() -> None:
    """As GitHub makes anchors of headings."""
    broken = []
    for name, text in zip(DOCUMENTS, documents(), strict=True):
        for target, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
            path = (REPOSITORY / name).parent / target if target else REPOSITORY / name
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            broken += [(name, target, anchor)] if "://" not in target and anchor not in anchors else []
    assert broken == []


def test_every_file_that_the_documents_name_exists() -> None:
    """In back quotes, from the top of the repository. `<name>` and NAME stand for something."""
    named = re.compile(rf"`((?:{FOLDERS})/[\w./-]*)`")
    missing = [
        (name, path)
        for name, text in zip(DOCUMENTS, documents(), strict=True)
        for path in named.findall(text)
        if not (REPOSITORY / path).exists() and not (REPOSITORY / name).parent.joinpath(path).exists()
    ]
    assert missing == []


def test_the_architecture_is_one_page() -> None:
    """As many lines as a printer has for one."""
    assert len((REPOSITORY / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()) <= 66


def test_the_newest_entry_of_the_changelog_is_the_version_of_the_package() -> None:
    entries = re.findall(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert entries[0] == PROJECT["version"]


@pytest.mark.parametrize("command", sorted(PROJECT["scripts"]))
def test_every_command_of_the_package_is_in_the_documents(command: str) -> None:
    assert any(command in text for text in documents())
