"""`hjemvakt-gateway` as a person at a terminal uses it."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration


def hjemvakt_gateway(*words: str, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge", *words]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60)


def test_a_reader_that_has_enough_is_no_error() -> None:
    """As in `status | head -1`."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = hjemvakt_gateway("decode", "2A37", "06:48", stdout=writer)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("seconds", ["abc", "0", "nan", "3601"])
def test_a_time_that_is_none_is_said_in_words(seconds: str) -> None:
    done = hjemvakt_gateway("scan", "--seconds", seconds)
    assert done.returncode == 2
    assert f"{seconds} is not a time from 0 to 3600 seconds" in done.stderr


def test_a_mistake_is_one_sentence_and_exit_code_2() -> None:
    done = hjemvakt_gateway("status", "--config", "nowhere.toml")
    assert done.returncode == 2
    assert done.stderr == (
        "hjemvakt-gateway: nowhere.toml cannot be read (No such file or directory): "
        "give --config the path of the file\n"
    )
