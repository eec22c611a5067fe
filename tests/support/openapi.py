"""The OpenAPI document, and what holds answers and bodies against it."""

import json
from typing import Any

from jsonschema import Draft202012Validator

from app.jsonapi.openapi import openapi_document
from tests.support.jsonapi import MEDIA_TYPE

DOCUMENT = json.loads(json.dumps(openapi_document()))


def validator(schema: Any) -> Draft202012Validator:
    """Return what holds a value against a schema of the document."""
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def assert_described(answer: Any, path: str, method: str) -> None:
    """Hold an answer against what the document says of its address, method and status."""
    response = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    validator(response["content"][MEDIA_TYPE]["schema"]).validate(answer.json())


def body_schema(path: str) -> Any:
    return DOCUMENT["paths"][path]["post"]["requestBody"]["content"][MEDIA_TYPE]["schema"]
