"""OpenAPI of the three services, from their real applications."""

import asyncio
import inspect
import logging
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Route

from codelab_core.protocol.inference import ChatAnswer, InferenceRequest
from codelab_core.settings import GatewaySettings, LLMProxySettings, RuntimeSettings
from codelab_gateway.app import gateway
from codelab_llmproxy.app import create_app
from codelab_runtime.app import runtime
from json_schemas import text, without_nulls

PROBES: Final = frozenset({"/health/live", "/health/ready", "/metrics"})
PROBLEM: Final = "application/problem+json"
STREAM: Final = {"description": "Server-sent events", "content": {"text/event-stream": {}}}
PASSED_ON: Final = {
    "/api/v1/sessions": "/agent/sessions",
    "/api/v1/sessions/{session_id}": "/agent/sessions/{session_id}",
    "/api/v1/sessions/{session_id}/history": "/agent/sessions/{session_id}/history",
    "/api/v1/sessions/{session_id}/pending-approvals": (
        "/agent/sessions/{session_id}/pending-approvals"
    ),
    "/api/v1/sessions/{session_id}/usage": "/agent/sessions/{session_id}/usage",
    "/api/v1/events/metrics/session/{session_id}": "/agent/sessions/{session_id}/usage",
    "/api/v1/models": "/agent/models",
}
"""Paths of the gateway whose bodies and answers are the runtime's, by the runtime's path."""
ANY_VIEW: Final = "/api/v1/sessions/{session_id}/{view}"
POSITIONS: Final = (
    ("header", "Last-Event-ID", "`<epoch>:<seq>`: events after this one"),
    ("query", "after", "the same, where a header cannot be sent"),
    ("query", "from", "`start`, `head` or `pending`"),
)


def runtime_document() -> str:
    """OpenAPI of the runtime."""
    return text(asyncio.run(_runtime()))


def gateway_document() -> str:
    """OpenAPI of the gateway; what it passes on is described as the runtime describes it."""
    return text(asyncio.run(_gateway()))


def llmproxy_document() -> str:
    """OpenAPI of the LLM proxy."""
    app = create_app(LLMProxySettings.exactly())
    document = _document(app, "internal")
    for path, answer in (("/llm/stream", None), ("/llm/chat", ChatAnswer)):
        operation = document["paths"][path]["post"]
        operation["requestBody"] = _body(_added(document, InferenceRequest))
        if answer:
            operation["responses"]["200"] = _answer(_added(document, answer))
    return text(document)


async def _runtime() -> dict[str, Any]:
    """The document of a runtime that runs on a store inside the process."""
    logging.getLogger("codelab_runtime").setLevel("ERROR")  # no word that nothing is kept
    settings = RuntimeSettings.exactly(port=0, redis_url="embedded:memory")
    async with runtime(settings) as running:
        document = _document(running.app, "internal")
    operation = document["paths"]["/agent/sessions/{session_id}/events"]["get"]
    operation["parameters"] += [
        {"in": place, "name": name, "description": meaning, "schema": {"type": "string"}}
        for place, name, meaning in POSITIONS
    ]
    return document


async def _gateway() -> dict[str, Any]:
    """The document of a gateway, with the shapes of the runtime behind it."""
    behind = await _runtime()
    async with _tokens() as tokens_file:
        settings = GatewaySettings.exactly(port=0, tokens_file=tokens_file)
        async with gateway(settings) as running:
            document = _document(running.app, "bearer")
    offered = {*document["paths"], *PASSED_ON}
    for path, inner in PASSED_ON.items():
        methods = document["paths"].get(path) or document["paths"][ANY_VIEW]
        document["paths"][path] = {
            method: _outside(behind["paths"][inner][method], tag["tags"])
            for method, tag in sorted(methods.items())
        }
    del document["paths"][ANY_VIEW]
    document["paths"] = {path: document["paths"][path] for path in sorted(offered - {ANY_VIEW})}
    _adopt(document, behind)
    return document


@asynccontextmanager
async def _tokens() -> AsyncIterator[Path]:
    """A file of client tokens, as a gateway wants one at start."""
    with tempfile.NamedTemporaryFile("w", suffix=".tokens") as file:
        file.write(f"{'0' * 64} nobody\n")
        file.flush()
        yield Path(file.name)


def _outside(operation: dict[str, Any], tags: list[str]) -> dict[str, Any]:
    """An operation of the runtime as the gateway offers it: the caller is told by the token."""
    parameters = [p for p in operation.get("parameters", []) if p["name"] != "X-Principal"]
    inner = {"parameters", "operationId"}
    kept = {name: part for name, part in operation.items() if name not in inner}
    return {**kept, "tags": tags} | ({"parameters": parameters} if parameters else {})


def _adopt(document: dict[str, Any], other: dict[str, Any]) -> None:
    """Take over the schemas that the document refers to and the other one has."""
    schemas, known = document["components"]["schemas"], other["components"]["schemas"]
    while missing := {name for name in _references(document) if name not in schemas}:
        schemas |= {name: known[name] for name in missing}
    document["components"]["schemas"] = dict(sorted(schemas.items()))


def _references(part: Any) -> Iterable[str]:
    """Names of the schemas that a part of a document refers to."""
    if isinstance(part, list):
        for item in part:
            yield from _references(item)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"].rpartition("/")[2]
        for item in part.values():
            yield from _references(item)


def _document(app: FastAPI, scheme: str) -> dict[str, Any]:
    """What FastAPI says of the application, completed by its raw routes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # ids of routes that take several methods
        document: dict[str, Any] = without_nulls(app.openapi())
    for route in app.routes:
        if isinstance(route, Route) and not isinstance(route, APIRoute):
            _add_raw(document, route)
    document["components"]["securitySchemes"] = {"key": _SCHEMES[scheme]}
    for path, operations in document["paths"].items():
        document["paths"][path] = dict(sorted(operations.items()))  # sets have no order
        for operation in operations.values():
            operation["security"] = [] if "health" in path else [{"key": []}]
            _as_problem(operation)
    return document


_SCHEMES: Final = {
    "internal": {"type": "apiKey", "in": "header", "name": "X-Internal-Auth"},
    "bearer": {"type": "http", "scheme": "bearer"},
}


def _add_raw(document: dict[str, Any], route: Route) -> None:
    """A route outside FastAPI, by the docstring of its endpoint."""
    if route.path in PROBES:
        return
    endpoint = route.endpoint if inspect.isfunction(route.endpoint) else type(route.endpoint)
    names = route.param_convertors
    operation = {
        "summary": (inspect.getdoc(endpoint) or "").partition("\n")[0],
        "parameters": [
            {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
            for name in names
        ],
        "responses": {"200": dict(STREAM), "default": _problem()},
    }
    for method in sorted((route.methods or {"GET"}) - {"HEAD"}):
        document["paths"].setdefault(route.path, {})[method.lower()] = dict(operation)


def _problem() -> dict[str, Any]:
    """The answer of every refusal."""
    reference = {"$ref": "#/components/schemas/Problem"}
    return {"description": "Refused, or failed", "content": {PROBLEM: {"schema": reference}}}


def _as_problem(operation: dict[str, Any]) -> None:
    """FastAPI files a refusal under plain JSON; ours has a media type of its own."""
    if "default" in operation["responses"]:
        operation["responses"]["default"] = _problem()


def _added(document: dict[str, Any], model: Any) -> dict[str, str]:
    """Add a model to the document's schemas; the reference to it."""
    template = "#/components/schemas/{model}"
    mode = "validation" if model is InferenceRequest else "serialization"
    schema = without_nulls(model.model_json_schema(ref_template=template, mode=mode))
    schemas = document["components"]["schemas"]
    schemas |= schema.pop("$defs", {}) | {model.__name__: schema}
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return {"$ref": template.format(model=model.__name__)}


def _body(schema: dict[str, str]) -> dict[str, Any]:
    """A required JSON body."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _answer(schema: dict[str, str]) -> dict[str, Any]:
    """A JSON answer."""
    return {"description": "The whole answer", "content": {"application/json": {"schema": schema}}}
