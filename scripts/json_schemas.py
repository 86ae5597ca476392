"""JSON Schemas of the wire, from the types that parse and render it; AsyncAPI of the WebSocket.

On the wire an absent field is left out, never `null`: the schemas say so too.
"""

import json
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from codelab_core.protocol import commands, events, frames, inference
from codelab_core.service import release

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FROM_CLIENT: Final = (
    frames.Hello,
    commands.UserMessage,
    commands.ToolResult,
    commands.HitlDecision,
    commands.Cancel,
    frames.Ack,
    frames.Auth,
    frames.Ping,
)
FROM_SERVER: Final = (
    frames.Welcome,
    frames.Ok,
    frames.Status,
    frames.Pong,
    events.Resync,
    events.ClientAttached,
    events.ClientDetached,
    events.MessageAccepted,
    events.TurnStarted,
    events.AssistantMessage,
    events.MessageRetracted,
    events.ToolCall,
    events.ToolResolved,
    events.TurnCompleted,
    events.ErrorFrame,
    events.SessionSnapshot,
)
CHUNKS: Final[dict[str, type[BaseModel]]] = {
    "token": inference.Token,
    "thinking": inference.Thinking,
    "tool_call": inference.WholeCall,
    "restart": inference.Restart,
    "usage": inference.Usage,
    "done": inference.Done,
    "error": inference.InferenceError,
}
"""Data of the server-sent events of `POST /llm/stream`, by their kind."""


def frames_schema() -> str:
    """Every frame of the WebSocket: `$defs/ClientFrame` and `$defs/ServerFrame` are the unions."""
    schema = _schema("Frames between client and gateway", FROM_CLIENT, FROM_SERVER)
    schema["$defs"]["ClientFrame"] = {"oneOf": [_ref(kind) for kind in FROM_CLIENT]}
    schema["$defs"]["ServerFrame"] = {"oneOf": [_ref(kind) for kind in FROM_SERVER]}
    return text(schema | {"anyOf": [{"$ref": f"#/$defs/{name}Frame"} for name in _SIDES]})


def chunks_schema() -> str:
    """The request of an inference, and the data of each kind of event that answers it."""
    schema = _schema("The hop to the LLM proxy", (inference.InferenceRequest,), (*CHUNKS.values(),))
    kinds = {kind: _ref(model) for kind, model in CHUNKS.items()}
    return text(schema | {"x-events": kinds})


def asyncapi() -> str:
    """AsyncAPI of the WebSocket; payloads are those of the frames' schema."""
    messages = {kind.__name__: _message(kind) for kind in (*FROM_CLIENT, *FROM_SERVER)}
    channel = {
        "address": "/ws/{session_id}",
        "parameters": {"session_id": {"description": "1 to 128 of A-Z a-z 0-9 . _ -"}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "codelab gateway", "version": release()},
        "defaultContentType": "application/json",
        "channels": {"session": channel},
        "operations": {
            "receive": _operation("receive", FROM_CLIENT),
            "send": _operation("send", FROM_SERVER),
        },
        "components": {"messages": messages},
    }
    return text(document)


_SIDES: Final = ("Client", "Server")


def _schema(
    title: str, incoming: tuple[type[BaseModel], ...], outgoing: tuple[type[BaseModel], ...]
) -> dict[str, Any]:
    """A document whose `$defs` hold the models and what they refer to."""
    wanted: list[Any] = [(kind, "validation") for kind in incoming]
    wanted += [(kind, "serialization") for kind in outgoing]
    _, made = models_json_schema(wanted)
    return {"$schema": DIALECT, "title": title, **without_nulls(made)}


def without_nulls(schema: Any) -> Any:
    """The schema with fields that may be absent where the types say `None`; no noise of titles."""
    if isinstance(schema, list):
        return [without_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    properties = schema.get("properties")
    cleaned = {name: without_nulls(part) for name, part in schema.items()}
    if isinstance(properties, dict):
        absent = {name for name, part in properties.items() if _may_be_null(part)}
        cleaned["properties"] = {
            name: _untitled(without_nulls(part)) for name, part in properties.items()
        }
        is_ours = cleaned.pop("additionalProperties", True) is False  # readers allow for more
        told = properties if is_ours else schema.get("required", [])
        cleaned["required"] = [name for name in told if name not in absent]
    return _only_choice(cleaned)


def _may_be_null(schema: Any) -> bool:
    """Whether a field is left out where it has nothing to say."""
    if not isinstance(schema, dict):
        return False
    return schema.get("default", ...) is None or _NULL in schema.get("anyOf", [])


_NULL: Final = {"type": "null"}


def _untitled(schema: Any) -> Any:
    """A field's schema without the title that only repeats its name."""
    if not isinstance(schema, dict):
        return schema
    return {name: part for name, part in schema.items() if name != "title"}


def _only_choice(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without `null` among its choices and as its default."""
    if schema.get("default", ...) is None:
        schema = {name: part for name, part in schema.items() if name != "default"}
    choices = [choice for choice in schema.get("anyOf", []) if choice != _NULL]
    if len(choices) == 1:
        rest = {name: part for name, part in schema.items() if name != "anyOf"}
        return {**choices[0], **rest}
    return {**schema, "anyOf": choices} if choices else schema


def _ref(kind: type[BaseModel]) -> dict[str, str]:
    """A reference to a model of the same document."""
    return {"$ref": f"#/$defs/{kind.__name__}"}


def _message(kind: type[BaseModel]) -> dict[str, Any]:
    """One message of AsyncAPI."""
    summary = " ".join((kind.__doc__ or "").partition("\n\n")[0].split())
    tag = get_args(kind.model_fields["type"].annotation)[0]
    payload = {"$ref": f"frames.schema.json#/$defs/{kind.__name__}"}
    return {"name": tag, "summary": summary, "payload": payload}


def _operation(action: str, kinds: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    """What the gateway does on the channel."""
    references = [{"$ref": f"#/channels/session/messages/{kind.__name__}"} for kind in kinds]
    return {"action": action, "channel": {"$ref": "#/channels/session"}, "messages": references}


def text(document: Any) -> str:
    """A document as its file holds it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
