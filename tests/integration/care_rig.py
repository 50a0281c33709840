"""What the tests of care and settings share: a change as a screen sends it, and its refusal."""

from typing import Any
from uuid import uuid4

import httpx

PROBLEM = "application/problem+json"


def get(client: httpx.Client, path: str, **query: Any) -> Any:
    return client.get(f"/api/v1{path}", params=query).raise_for_status().json()


def send(client: httpx.Client, path: str, *, key: str | None = None, **wish: Any) -> httpx.Response:
    return client.post(f"/api/v1{path}", json=wish, headers={"Idempotency-Key": key or uuid4().hex})


def done(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int) -> str:
    """Its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    detail = answer.json()["detail"]
    assert detail.endswith("."), detail
    return detail
