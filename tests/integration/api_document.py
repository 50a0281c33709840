"""The api's own document: it takes a second to make, and is the same of every app of a test run."""

from functools import cache
from typing import Any

from server.api.app import create_app

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"  # the document is the same wherever the database is


@cache
def api_document() -> dict[str, Any]:
    return create_app(database_url=NOWHERE).openapi()
