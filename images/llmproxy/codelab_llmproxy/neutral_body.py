"""Admission of a request body of the neutral lane: what is refused before a model is asked. Pure.

A body is decoded once; nothing may log or copy it.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import orjson
from pydantic import ValidationError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest, NeutralMessage

MAX_DEPTH: Final = 64
_FORBIDDEN: Final = ("api_base", "base_url", "api_key", "organization", "extra_headers")
"""A caller can never choose a host or a key."""
_SINGLE: Final = ("model", "stream", "max_tokens", "tools")
_SINGLE_KEY: Final = re.compile(b'"(?:%b)"' % "|".join(_SINGLE).encode())
_NOT_CONTENT: Final = frozenset(
    {"deadline_ms", "metadata", "from", "from_chunk", "crc", "fence", "shown"}
)
"""Fields that may differ when the same request is attached to again."""
_NUMBER: Final = re.compile(r"[0-9]{1,9}")
_SHOWN_ERRORS: Final = 20


def parse(
    body: bytes, last_event_id: bytes | None = None
) -> tuple[InferenceRequest, dict[str, Any]]:
    """The request in a body, and the body as it was decoded.

    `last_event_id`, `<inference_id>:<n>` of the last chunk that the caller has, wins over the field
    `from`. Raises `INVALID_REQUEST` of class body, forbidden_field, ambiguous_body or
    unpaired_tool_call.
    """
    decoded = _decoded(body)
    for name in _FORBIDDEN:
        if name in decoded:
            raise _refusal("forbidden_field", f"The field {name} is not for callers to set.")
    if _is_ambiguous(body):
        raise _refusal("ambiguous_body", "A field is there twice.")
    try:
        request = InferenceRequest.model_validate(decoded)
    except ValidationError as error:
        faults = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()]
        raise CodelabError(
            Code.INVALID_REQUEST, "body", errors=faults[:_SHOWN_ERRORS]
        ) from None  # its text holds values of the body
    if not _is_paired(request.messages):
        raise _refusal("unpaired_tool_call", "A tool call and its result do not pair.")
    if last_event_id is not None:
        request = request.model_copy(update={"from_chunk": _after(last_event_id, request)})
    return request, decoded


class BodyDigest:
    """SHA-256 of what makes an inference the same one: all but deadline, metadata, attaching.

    Computed when it is first asked for (1.5 ms per MB); lets go of the body then.
    """

    __slots__ = ("_body", "_digest")

    def __init__(self, decoded: dict[str, Any]) -> None:
        self._body: dict[str, Any] | None = decoded
        self._digest = ""

    def value(self) -> str:
        """The digest in hex."""
        if self._body is not None:
            content = {name: self._body[name] for name in self._body.keys() - _NOT_CONTENT}
            encoded = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
            self._digest = hashlib.sha256(encoded).hexdigest()
            self._body = None
        return self._digest


def _after(last_event_id: bytes, request: InferenceRequest) -> int:
    """The chunk after the one that a caller has."""
    inference_id, _, number = last_event_id.decode("latin-1").rpartition(":")
    if inference_id != request.inference_id or not _NUMBER.fullmatch(number):
        raise _refusal("body", "Last-Event-ID names no chunk of this inference.")
    return int(number) + 1


def _refusal(reason: str, message: str) -> CodelabError:
    """A request that is not valid."""
    return CodelabError(Code.INVALID_REQUEST, reason, message=message)


def _decoded(body: bytes) -> dict[str, Any]:
    """The object in a body; NaN, lone surrogates and invalid UTF-8 are refused by the parser."""
    try:
        decoded = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _refusal("body", "The body is not valid JSON.") from None
    if not isinstance(decoded, dict):
        raise _refusal("body", "The body is not an object.")
    if _is_deep(decoded):
        raise _refusal("body", f"The body is nested deeper than {MAX_DEPTH}.")
    return decoded


def _is_deep(decoded: dict[str, Any]) -> bool:
    """Whether there are values below level 64; goes level by level, without recursion."""
    level: list[Any] = [decoded]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def _is_ambiguous(body: bytes) -> bool:
    """Whether a field that decides about cost stands twice at the top; the last would win."""
    counts = Counter(_SINGLE_KEY.findall(body))
    if all(count == 1 for count in counts.values()):
        return False
    top: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        top[:] = pairs  # the outermost object is the last to end

    json.loads(body, object_pairs_hook=keep)
    names = Counter(name for name, _ in top)
    return any(names[name] > 1 for name in _SINGLE)


def _is_paired(messages: Sequence[NeutralMessage]) -> bool:
    """Whether every call of an answer has exactly one result before anybody speaks again."""
    waiting: set[str | None] = set()
    for message in messages:
        if message.role == "tool":
            if message.call_id not in waiting:
                return False
            waiting.remove(message.call_id)
        elif waiting:
            return False
        else:
            waiting = {call.call_id for call in message.tool_calls}
            if len(waiting) != len(message.tool_calls):
                return False
    return not waiting
