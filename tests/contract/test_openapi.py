"""The document from which the dashboard's types are made."""

import json
import subprocess
import sys
from typing import get_args

import pytest

from server.api import live_schemas


@pytest.fixture(scope="module")
def document() -> dict:
    printed = subprocess.run(
        [sys.executable, "-m", "server.api.openapi"], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(printed.stdout)


def references(node: object) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    if isinstance(node, list):
        return set().union(*(references(value) for value in node))
    return set()


def resolve(document: dict, reference: str) -> object:
    node: object = document
    for step in reference.removeprefix("#/").split("/"):
        assert isinstance(node, dict)
        node = node[step]
    return node


def test_the_document_is_openapi_3_1_and_every_reference_leads_somewhere(document):
    assert document["openapi"].startswith("3.1")
    found = references(document)
    assert found
    for reference in found:
        assert resolve(document, reference)


@pytest.mark.parametrize(
    ("hook", "union"), [("server-message", live_schemas.ServerMessage), ("client-message", live_schemas.ClientMessage)]
)
def test_every_message_of_the_socket_is_in_the_document(document, hook, union):
    said = document["webhooks"][hook]["post"]["requestBody"]["content"]["application/json"]["schema"]
    messages = get_args(get_args(union)[0])
    assert {each["$ref"].rpartition("/")[2] for each in said["oneOf"]} == {each.__name__ for each in messages}
    words = {schema.model_fields["type"].annotation.__args__[0]: schema.__name__ for schema in messages}
    assert {word: ref.rpartition("/")[2] for word, ref in said["discriminator"]["mapping"].items()} == words


def test_no_two_shapes_have_one_name(document):
    """FastAPI tells them apart by our modules' names, which are no word of the API."""
    assert not [name for name in document["components"]["schemas"] if "__" in name]


def test_every_refusal_is_a_problem(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], (method, path, status)
    assert "HTTPValidationError" not in document["components"]["schemas"]
    conflict = document["paths"]["/api/v1/alerts/{alert}/acknowledge"]["post"]["responses"]["409"]["content"]
    assert conflict["application/problem+json"]["schema"]["$ref"].endswith("/AlertConflict")


def test_every_operation_has_a_name_of_its_own(document):
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names)) >= 11


def test_nothing_in_the_document_is_of_any_type(document):
    """Generated types are as strict as this document."""

    def vague(node: object, where: str) -> list[str]:
        if isinstance(node, list):
            return [each for item in node for each in vague(item, where)]
        if not isinstance(node, dict):
            return []
        open_ended = node.get("type") == "object" and "properties" not in node and "additionalProperties" not in node
        return ([where] if open_ended else []) + [
            each for key, item in node.items() for each in vague(item, f"{where}/{key}")
        ]

    assert vague(document["components"], "") == []
