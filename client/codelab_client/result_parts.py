"""The answer of a tool as the frames that carry it. Pure.

A large one travels as pieces of its JSON text (docs/protocol.md, `tool_result`).
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from codelab_client.excerpt import character_spans
from codelab_core.protocol.frames import MAX_PART_CHARS, MAX_PARTED_BYTES, MAX_RESULT_BYTES
from codelab_core.tool_errors import ToolCode, ToolError

Frame = dict[str, Any]

# Cut by bytes, which bounds the characters too: a frame holds a piece even when JSON escapes every
# second character of it once more.
_PIECE_BYTES: Final = MAX_PART_CHARS
_MESSAGE_CHARS: Final = 4_000


def frames(call_id: str, answer: Mapping[str, Any]) -> list[Frame]:
    """The `tool_result` frames of an answer, `{"result": …}` or `{"error": …}`, without `cid`.

    One frame, or several with `part` and `chunk` when the result is longer than 512 KiB in UTF-8.
    A result that JSON cannot hold, or above 8 MiB, becomes an error in one frame.
    """
    head = {"type": "tool_result", "call_id": call_id}
    if "error" in answer:
        return [{**head, "error": _cut(answer["error"])}]
    try:
        encoded = _encode(answer["result"])
    except ToolError as error:
        return [{**head, "error": error.to_wire()}]
    if len(encoded) <= MAX_RESULT_BYTES:
        return [{**head, "result": answer["result"]}]
    spans = list(character_spans(encoded, _PIECE_BYTES))
    return [
        {
            **head,
            "part": {"index": index, "last": index == len(spans) - 1},
            "chunk": encoded[span].decode(),
        }
        for index, span in enumerate(spans)
    ]


def _cut(error: Mapping[str, Any]) -> dict[str, Any]:
    """An error as the server takes it, whose messages are short."""
    return {**error, "message": str(error["message"])[:_MESSAGE_CHARS]}


def _encode(result: Any) -> bytes:
    """The JSON text. Raises `ToolError`: `TOO_LARGE`, `TOOL_FAILED` for what is no JSON."""
    try:
        encoded = json.dumps(
            result, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        ).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolError(ToolCode.TOOL_FAILED, "The result cannot be written as JSON.") from error
    if len(encoded) > MAX_PARTED_BYTES:
        message = f"The result is too large: {len(encoded)} bytes."
        facts = {"class": "result", "max": MAX_PARTED_BYTES, "actual": len(encoded)}
        raise ToolError(ToolCode.TOO_LARGE, message, **facts)
    return encoded
