"""A database of a benchmark's own, as the server brings it along."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate


@contextmanager
def migrated(place: Path) -> Iterator[str]:
    """How its owner comes in. It stays in `place`, and may be there already."""
    postgres = EmbeddedPostgres(place / "postgres")
    postgres.start()
    try:
        migrate(postgres.dsn())
        yield postgres.dsn()
    finally:
        postgres.stop()


@contextmanager
def own_database() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="hvb-", ignore_cleanup_errors=True) as place, migrated(Path(place)) as dsn:
        yield dsn
