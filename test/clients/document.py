"""The server's own OpenAPI document: is it valid, and do real answers fit it?"""

import json

from openapi_schema_validator import OAS30ReadValidator
from openapi_spec_validator import validate

import wire

# Headers of any HTTP answer, which the document leaves to HTTP.
OF_HTTP = {"connection", "content-length", "content-type", "date", "transfer-encoding"}

# Refusals of requests that no route has read; a route lists its others.
UNREAD = {405, 408, 414, 417, 431, 505}


class Document:
    """The document, closed: in its schemas an object has no member that is not described."""

    def __init__(self, address):
        status, _, body = wire.fetch(address, "GET", "/openapi.json")
        if status != 200:
            raise AssertionError(f"/openapi.json is {status}")
        self.open = json.loads(body)
        self.closed = json.loads(body, object_hook=closed)
        self.asked = set()

    def validate(self):
        validate(self.open)
        return f"{len(self.operations())} operations"

    def operations(self):
        return {
            (method, path) for path, operations in self.closed["paths"].items() for method in operations
        }

    def check(self, method, path, status, headers, body):
        """Fails unless an answer of a route is one that the document has; `path` is the route's pattern."""
        operation = self.closed["paths"][path][method]
        self.asked.add((method, path))
        answers = operation["responses"]
        where = f"{method} {path} {status}"
        listed = "default" if status in UNREAD else str(status)
        if listed not in answers:
            raise AssertionError(f"{where} is not described")
        answer = self._at(answers[listed])
        self._headers(where, answer, headers)
        content = answer.get("content", {})
        if not body and method == "head":
            return
        kind = headers["Content-Type"]
        if kind not in content:
            raise AssertionError(f"{where}: a body of type {kind!r} is not described")
        length = headers["Inference-Header-Content-Length"]
        if kind == "application/json":
            self._fits(where, content[kind]["schema"], strict(body))
        elif length is None:
            raise AssertionError(f"{where}: no Inference-Header-Content-Length")
        else:
            schema = {"$ref": "#/components/schemas/InferResponse"}
            self._fits(where, schema, strict(body[: int(length)]))

    def check_request(self, method, path, body):
        """Fails unless a good request is one that the document has."""
        content = self.closed["paths"][path][method]["requestBody"]["content"]
        self._fits(f"request of {method} {path}", content["application/json"]["schema"], strict(body))

    def check_parameters(self, method, path, headers):
        """Fails unless the headers of a good request are described and hold what they may hold."""
        listed = [self._at(p) for p in self.closed["paths"][path][method].get("parameters", [])]
        by_name = {p["name"].lower(): p for p in listed if p["in"] == "header"}
        for name, value in headers.items():
            if name.lower() not in by_name:
                raise AssertionError(f"{method} {path}: the request's header {name} is not described")
            schema = by_name[name.lower()]["schema"]
            self._fits(f"{method} {path}: header {name}", schema, of_type(schema, value))

    def _at(self, node):
        while "$ref" in node:
            found = self.closed
            for key in node["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            node = found
        return node

    def _headers(self, where, answer, headers):
        described = {name.lower(): self._at(header) for name, header in answer.get("headers", {}).items()}
        for name, value in headers.items():
            if name.lower() in OF_HTTP:
                continue
            if name.lower() not in described:
                raise AssertionError(f"{where}: the header {name} is not described")
            schema = described[name.lower()]["schema"]
            self._fits(f"{where}: header {name}", schema, of_type(schema, value))

    def _fits(self, where, schema, value):
        validator = OAS30ReadValidator({**schema, "components": self.closed["components"]})
        for fault in validator.iter_errors(value):
            at = "/".join(map(str, fault.absolute_path))
            raise AssertionError(f"{where}: {at or 'the whole'}: {fault.message[:200]}")


def closed(node):
    if node.get("type") == "object" and "properties" in node and "additionalProperties" not in node:
        return {**node, "additionalProperties": False}
    return node


def strict(text):
    """Parses JSON that any parser reads: no NaN and no Infinity."""

    def no_number(word):
        raise AssertionError(f"{word} is not JSON")

    return json.loads(text, parse_constant=no_number)


def of_type(schema, text):
    return {"integer": int, "number": float}.get(schema.get("type"), str)(text)
