"""The public record of the API as OpenAPI, with the socket's messages as webhooks: OpenAPI has no word for a socket."""

from collections.abc import Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from server.api.live_schemas import ClientMessage, ServerMessage
from server.api.problems import MEDIA_TYPE
from server.api.schemas import Problem

VERSION: Final = "1"
PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
UNREADABLE: Final = {"400": "The body cannot be read as JSON", "422": "The request does not fit"}
STRANGER: Final = {"401": "Not signed in"}
SIGNED_IN: Final = {"403": "Not with this role, or not from this page"}
SOMETHING: Final = {"404": "Not there, or not yours"}
CHANGING: Final = {
    "403": "Not with this role, or not from this page",
    "411": "The length of the body is not said",
    "413": "The body is too large",
}
KNOCKING: Final = {
    "401": "The login, the password or the code is wrong",
    "429": "Too many tries: wait as `Retry-After` says",
}
DATABASE: Final = {"503": "The database does not answer, or too many ask: try again as `Retry-After` says"}
RETRY_AFTER: Final = {"Retry-After": {"description": "seconds", "schema": {"type": "integer", "minimum": 0}}}
CHANGES: Final = frozenset({"post", "put", "patch", "delete"})
# Said once for all routes; a route that means something else says so itself.
PARAMETERS: Final = {
    "alert": "the alert's number",
    "patient": "the patient's number",
    "team": "the team's number",
    "staff": "the staff member's number",
    "home": "the home's number",
    "device": "the device's number",
    "gateway": "the gateway's name",
    "fact": "the number of what was said, from the list of facts",
    "excuse": "the excuse's number, from the list of excuses",
    "kind": "what is measured",
    "rule": "the rule's name, from the list of rules",
    "pathway": "default limits, rules and measuring plan of a group of patients",
    "from": "the first instant or day that is asked for",
    "to": "the end of what is asked for",
    "points": "how many points at most; each stands for the same length of time",
    "days": "how many days back from now",
    "window_days": "how many days the proposal rests on",
    "before": "`next` of the page before; without it the newest",
    "after": "`next` of the page before; without it from the start",
    "most": "how many at most",
    "group": "whose targets",
}


def declare_socket_messages(app: FastAPI) -> None:
    @app.webhooks.post("client-message", tags=["live"])
    def client_message(message: ClientMessage) -> None:
        """What a screen sends on the WebSocket /api/v1/live; `hello` comes first."""

    @app.webhooks.post("server-message", tags=["live"])
    def server_message(message: ServerMessage) -> None:
        """What a screen receives on the WebSocket /api/v1/live.

        Close codes: 1012 and 1013 connect again and resume, 4401 sign in first, 4403 this role has no board, 1008 the
        screen broke the protocol."""


def describe(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title="Hjemvakt",
        version=VERSION,
        description="Home monitoring: the team's board, its alerts, and the live socket.",
        routes=app.routes,
        webhooks=app.webhooks.routes,
    )
    schemas = made["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    for path in made["paths"].values():
        for method, operation in path.items():
            _say_problems(method, operation)
            _say_parameters(operation)
    for hook in made["webhooks"].values():
        hook["post"]["responses"] = {"204": {"description": "There is no answer"}}
    return made


def _say_problems(method: str, operation: dict[str, Any]) -> None:
    """Those that can come; what a route says of its own stays."""
    responses: dict[str, Any] = operation["responses"]
    if "parameters" not in operation and "requestBody" not in operation:
        responses.pop("422", None)
    for status, said in _refusals(method, operation):
        response = responses.get(status)
        if response is None or "HTTPValidationError" in str(response):
            responses[status] = {"description": said, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    for status, response in responses.items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
        if status in ("429", "503"):
            response["headers"] = RETRY_AFTER


def _refusals(method: str, operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if method in CHANGES:
        yield from CHANGING.items()
    if "requestBody" in operation:
        yield from UNREADABLE.items()
    if parameters := operation.get("parameters"):
        yield "422", UNREADABLE["422"]
        if any(each["in"] == "path" for each in parameters):
            yield from SOMETHING.items()
    if "security" in operation:
        yield from (STRANGER | SIGNED_IN).items()
        if "requestBody" in operation:  # which may name somebody
            yield from SOMETHING.items()
    elif "requestBody" in operation:
        yield from KNOCKING.items()
    if operation["operationId"] != "alive":
        yield from DATABASE.items()


def _say_parameters(operation: dict[str, Any]) -> None:
    for each in operation.get("parameters", ()):
        if "description" not in each and (said := each["schema"].get("description") or PARAMETERS.get(each["name"])):
            each["description"] = said
