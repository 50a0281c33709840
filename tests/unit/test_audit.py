"""What the audit of packages says, and when it is red."""

import pytest

from tests import audit
from tests.audit import KNOWN, NONE_KNOWN, NOT_LOOKED_UP, Answer, Found

# As pip-audit 2.10 and npm 10 print them.
PIP_SAYS = {
    "dependencies": [
        {"name": "quiet", "version": "1.0", "vulns": []},
        {"name": "jinja2", "version": "2.4.1", "vulns": [{"id": "PYSEC-2019-220", "fix_versions": ["2.8.1"]}]},
    ],
    "fixes": [],
}
NPM_SAYS = {
    "vulnerabilities": {
        "minimist": {"severity": "critical", "via": [{"title": "Prototype Pollution in minimist"}]},
        "mkdirp": {"severity": "critical", "via": ["minimist"]},
    }
}


def test_each_fault_is_told_with_where_it_is_mended():
    assert audit.from_pip(PIP_SAYS) == Answer(faults=("jinja2 2.4.1: PYSEC-2019-220, mended in 2.8.1",), unknown=0)
    faults = ("minimist: critical, Prototype Pollution in minimist", "mkdirp: critical, minimist")
    assert audit.from_npm(NPM_SAYS) == Answer(faults=faults, unknown=0)


@pytest.mark.parametrize("said", [{"message": "405 Method Not Allowed"}, {}, [], None, "nothing"])
def test_an_answer_that_is_none_is_not_taken_for_no_faults(said):
    assert audit.from_pip(said) is audit.from_npm(said) is None


def test_a_package_that_was_not_looked_up_is_not_taken_for_faultless():
    """pip-audit: a package that the index does not know is skipped, and the exit code is 0."""
    skipped = {"name": "x", "skip_reason": "Dependency not found"}
    answer = audit.from_pip({"dependencies": [*PIP_SAYS["dependencies"], skipped]})
    assert answer is not None and (len(answer.faults), answer.unknown) == (1, 1)


def found(*faults: str, unknown: int = 0) -> Found:
    return Found(what="Python packages", packages=7, answer=Answer(faults=faults, unknown=unknown))


UNASKED = Found(what="npm packages", packages=9, answer=None, why="no route to host")


@pytest.mark.parametrize(
    ("looked", "alone", "in_check", "words"),
    [
        ([found()], NONE_KNOWN, 0, "ok      dependencies: no known fault in 7 Python packages"),
        ([found(unknown=7)], NOT_LOOKED_UP, 0, "7 Python packages not looked up"),
        ([found(), UNASKED], NOT_LOOKED_UP, 0, "9 npm packages not looked up"),
        ([found("one", "two"), UNASKED], KNOWN, 1, "FAILED  dependencies: 2 known faults in 7 Python packages"),
        ([found("one", unknown=3)], KNOWN, 1, "FAILED  dependencies: 1 known faults in 4 Python packages"),
    ],
)
def test_a_missing_network_is_said_and_only_known_faults_are_red(looked, alone, in_check, words, capsys):
    ask = tuple(lambda each=each: each for each in looked)
    assert audit.main([], ask) == alone
    capsys.readouterr()
    assert audit.main(["--check"], ask) == in_check
    assert words in capsys.readouterr().out
