"""The whole api against its own document: generated requests, as every role, on a real database.

HJEMVAKT_API_EXAMPLES=100 asks each operation more often than the tests do."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks as openapi

from server.pki import make_authority
from tests.integration.api_document import api_document
from tests.integration.care_rig import done, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
EXAMPLES: Final = int(os.environ.get("HJEMVAKT_API_EXAMPLES", "2"))
MOST_S: Final = 5.0  # for one answer
STRANGER: Final = "stranger"
CARE: Final = ("doctor", "coordinator", "nurse")
ROLES: Final = (*CARE, *CARE, "technician", "administrator", "auditor", STRANGER)
CHECKS: Final = [
    schemathesis.checks.not_a_server_error,
    openapi.status_code_conformance,
    openapi.content_type_conformance,
    openapi.response_headers_conformance,
    openapi.response_schema_conformance,
]
ASKING: Final = settings(
    max_examples=EXAMPLES,
    phases=(Phase.generate,),
    database=None,
    suppress_health_check=list(HealthCheck),
)


def operations() -> Iterator[APIOperation]:
    for each in schemathesis.openapi.from_dict(api_document()).get_all_operations():
        yield each.ok()


@cache
def readable() -> list[str]:
    return sorted((path for path, methods in api_document()["paths"].items() if "get" in methods), key=len)


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Somebody with a browser, who knows some numbers that there are."""

    url: str
    browser: httpx.Client
    numbers: Mapping[str, list[int]]

    def ask(self, case: Case) -> None:
        session = self.browser.cookies
        with requests.Session() as web:
            web.trust_env = False
            answer = case.call(
                base_url=self.url, session=web, cookies=dict(session), headers={"Connection": "close"}, timeout=MOST_S
            )
        case.validate_response(answer, checks=CHECKS)

    def revision(self, path: str) -> str | int | None:
        """What a screen would have got before it asks for a change at this path."""
        shown = self.browser.get(path)
        if not shown.is_success or "json" not in shown.headers.get("content-type", ""):
            return None
        answer = shown.json()
        return answer.get("rev", answer.get("alert", {}).get("rev"))


@pytest.fixture
def visitor_of(api, town) -> Any:
    """A town where something has happened; and who visits it by role in the eastern team."""
    now = datetime.now(UTC).replace(microsecond=0)
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    alerts = [town.press("anna"), town.desaturate("arne", now - timedelta(minutes=3)), town.press("berta")]
    town.gateway_says("anna", "online", every_s=30)
    fact = done(send(kari, f"/patients/{anna}/facts", fact={"type": "consciousness", "acvpu": "alert"}))["id"]
    until = (now + timedelta(days=1)).isoformat()
    excuse = done(send(kari, f"/patients/{anna}/excuses", why="away", to_at=until))["id"]
    for role in set(ROLES) - {STRANGER}:
        town.add_staff(f"an-{role}", east=role)
    numbers = {
        "patient": list(town.patients.values()),
        "team": list(town.teams.values()),
        "staff": list(town.staff.values()),
        "home": list(town.homes.values()),
        "device": list(town.devices.values()),
        "alert": alerts,
        "fact": [fact],
        "excuse": [excuse],
    }

    def of(role: str) -> Visitor:
        browser = api.client() if role == STRANGER else api.signed_in(f"an-{role}")
        return Visitor(url=api.url, browser=browser, numbers=numbers)

    return of


def fitted(case: Case, visitor: Visitor, draw: Any) -> Case:
    """With numbers that exist, and with the revision that stands: else nearly all that is asked is refused early."""
    for name in case.path_parameters or {}:
        if name in visitor.numbers:
            case.path_parameters[name] = draw(st.sampled_from(visitor.numbers[name]))
    if isinstance(case.body, dict) and "rev" in case.body:
        shown = [path for path in readable() if case.path.startswith(path)]
        if shown and (rev := visitor.revision(shown[-1].format_map(case.path_parameters))) is not None:
            case.body["rev"] = rev
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex
    return case


def walk(visitors: Mapping[str, Visitor], operation: APIOperation, *, mode: GenerationMode) -> None:
    """Each time as somebody else; those who look after patients get further, and come more often."""

    @ASKING
    @given(case=operation.as_strategy(generation_mode=mode), who=st.sampled_from(ROLES), data=st.data())
    def ask(case: Case, who: str, data: st.DataObject) -> None:
        visitor = visitors[who]
        visitor.ask(fitted(case, visitor, data.draw) if mode is GenerationMode.POSITIVE else case)

    ask()


def takes_something(operation: APIOperation) -> bool:
    said = operation.definition.raw
    return bool(said.get("parameters") or said.get("requestBody"))


@pytest.fixture
def visitors(visitor_of, town) -> dict[str, Visitor]:
    ours = make_authority("test", datetime.now(UTC)).certificate  # as the clock makes it when it first runs
    town.sql("insert into authority (certificate, made_at) values (%s, now())", ours)
    return {role: visitor_of(role) for role in set(ROLES)}


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_anybody_asks_is_answered_as_the_document_says(visitors, visitor_of, mode, subtests):
    for operation in operations():
        if mode is GenerationMode.NEGATIVE and not takes_something(operation):
            continue
        with subtests.test(operation.label):
            walk(visitors, operation, mode=mode)
            if operation.definition.raw["operationId"] == "sign_out":
                visitors |= {role: visitor_of(role) for role in visitors}
