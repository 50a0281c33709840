"""The public record of the API as OpenAPI, with the socket's messages as webhooks: OpenAPI has no word for a socket."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from server.api.problems import MEDIA_TYPE
from server.api.schemas import ClientMessage, Problem, ServerMessage

VERSION = "1"
PROBLEM = {"$ref": "#/components/schemas/Problem"}
REFUSALS = {
    "401": "Not signed in",
    "403": "Not with this role, or not from this page",
    "404": "Not there, or not yours",
    "422": "The request does not fit",
    "503": "The database does not answer",
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
        for operation in path.values():
            _say_problems(operation["responses"])
    for hook in made["webhooks"].values():
        hook["post"]["responses"] = {"204": {"description": "There is no answer"}}
    return made


def _say_problems(responses: dict[str, Any]) -> None:
    for status, said in REFUSALS.items():
        responses[status] = {"description": said, "content": {MEDIA_TYPE: {"schema": PROBLEM}}}
    for status, response in responses.items():
        if status >= "400" and "application/json" in response.get("content", {}):
            response["content"] = {MEDIA_TYPE: response["content"]["application/json"]}
