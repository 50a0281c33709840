"""What the journal is told. Priorities: syslog(3), as sd-daemon(3) writes them in front of a line."""

import logging
import sys
from pathlib import Path

import pytest

from edge.systemd import JournalFormat, is_journal, watchdog_s


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("edge", level, __file__, 1, message, None, None)


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.CRITICAL, "<2>gone"),
        (logging.ERROR, "<3>gone"),
        (logging.WARNING, "<4>gone"),
        (logging.INFO, "<6>gone"),
        (logging.DEBUG, "<7>gone"),
    ],
)
def test_each_line_has_its_priority(level: int, line: str) -> None:
    assert JournalFormat().format(record(level, "gone")) == line


def test_so_has_each_line_of_a_traceback() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        failed = record(logging.ERROR, "failed")
        failed.exc_info = sys.exc_info()
    lines = JournalFormat().format(failed).splitlines()
    assert lines[-1] == "<3>ValueError: x"
    assert all(line.startswith("<3>") for line in lines)


def test_only_the_stream_that_goes_to_the_journal_gets_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "a").open("w") as ours, (tmp_path / "b").open("w") as other:
        found = (tmp_path / "a").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        assert is_journal(ours)
        assert not is_journal(other)
        monkeypatch.delenv("JOURNAL_STREAM")
        assert not is_journal(ours)


def test_the_watchdog_is_for_the_process_that_systemd_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert watchdog_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_s() == 30
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert watchdog_s() is None
