"""What the tests of care and settings share: a change as a screen sends it, and its refusal."""

from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from devices.vocabulary import Kind

PROBLEM = "application/problem+json"
OSLO = ZoneInfo("Europe/Oslo")


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


def misses_a_morning(client: httpx.Client, town: Any, name: str) -> tuple[datetime, datetime]:
    """Three mornings ago at 08:00 in Norway it was measured as planned, two mornings ago it was not: both instants,
    whatever the clocks do."""
    patient = town.patients[name]
    town.gateway_says(name, "online")
    plan = {"weekdays": [1, 2, 3, 4, 5, 6, 7], "times": ["08:00"], "before_min": 60, "after_min": 60}
    rev = get(client, f"/patients/{patient}/plan")["rev"]
    done(send(client, f"/patients/{patient}/plan/spo2", rev=rev, reason="KOLS også", **plan))
    today = datetime.now(UTC).astimezone(OSLO).date()
    measured, missed = (datetime.combine(today - timedelta(days=ago), time(8), OSLO) for ago in (3, 2))
    town.measure(name, Kind.SPO2, 93, measured + timedelta(minutes=20))
    return measured, missed
