"""What the safety, privacy and threat pages claim is shown, against the tests that are there."""

import ast
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY: Final = Path(__file__).parents[2]
PAGES: Final = ("SAFETY", "PRIVACY", "THREATS")
CLAIM: Final = re.compile(r"`(tests/[\w/]+\.py)::(\w+|\*)`")


def page(name: str) -> str:
    return (REPOSITORY / "deploy" / f"{name}.md").read_text(encoding="utf-8")


@cache
def names_in(file: str) -> frozenset[str]:
    path = REPOSITORY / file
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, kinds) and node.name.startswith("test_"))


@pytest.mark.parametrize("name", PAGES)
def test_every_test_that_a_page_names_exists(name: str) -> None:
    claims = CLAIM.findall(page(name))
    assert len(claims) >= 10
    missing = [(file, test) for file, test in claims if not names_in(file) or test not in names_in(file) | {"*"}]
    assert missing == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_looks_like_a_test_and_is_not_looked_at(name: str) -> None:
    assert len(re.findall(r"\btests/[\w/]+\.py::", page(name))) == len(CLAIM.findall(page(name)))


@pytest.mark.parametrize("name", ["SAFETY", "THREATS"])
def test_every_row_of_what_can_happen_names_a_test_or_says_that_none_does(name: str) -> None:
    """A control without a test is a hope, and is to be called so."""
    rows = [line for line in page(name).splitlines() if line.startswith("| ") and line.count("|") == 4]
    hopes = [row for row in rows if not CLAIM.search(row) and "no test" not in row]
    shown = [row for row in hopes if row.split("|")[3].strip() not in ("shown by", "if it fails")]
    of_packages = soup().splitlines()
    assert [row for row in shown if row not in of_packages] == []


def soup() -> str:
    return page("SAFETY").partition("\n## Software of unknown provenance")[2]


def test_the_list_of_foreign_software_has_every_package_that_runs() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["edge"], *extras["server"], *extras["embedded"]]
    running = {canonicalize_name(Requirement(line).name) for line in lines}
    told = {canonicalize_name(name) for name in re.findall(r"`([\w-]+)`", soup())}
    assert running - told == set()
    assert told - running <= {"svelte", "uplot", "requirements-lock", "make-audit"}
