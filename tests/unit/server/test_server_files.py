"""Files that others read while we write them."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.files import write_whole


@pytest.fixture
def little_room() -> Iterator[None]:
    """No file grows beyond 64 KiB, as on a disk that is full: writing ends with an error halfway."""
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, was[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, was)


def test_what_is_written_is_for_the_owner_alone_and_stands_alone(tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    write_whole(file, "old")
    write_whole(file, "nytt: Målfrid")
    assert file.read_bytes() == "nytt: Målfrid".encode()
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.usefixtures("little_room")
def test_a_disk_that_is_full_keeps_the_old_file_and_is_not_filled_by_trying_again(tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    write_whole(file, "old")
    for _ in range(3):
        with pytest.raises(OSError, match="File too large"):
            write_whole(file, "new" * 65536)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_nothing_is_left_beside_what_cannot_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "revoked.pem"
    file.mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(file, "new")
    assert list(tmp_path.iterdir()) == [file]
