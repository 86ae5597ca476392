"""Histories of sessions, as short as a test wants them."""

from collections.abc import Mapping
from typing import Any

from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.state import Message


def person(text: str = "hi", turn: int = 1) -> Message:
    """What a person wrote."""
    return Message("user", turn, 0, f"u{turn}", text)


def note(call_id: str, body: Mapping[str, Any], turn: int = 1) -> Message:
    """A late result."""
    return Message("note", turn, 0, "", call_id=call_id, body=body)


def step(
    *bodies: Mapping[str, Any], turn: int = 1, text: str = "", number: int = 1
) -> list[Message]:
    """An answer of the model with one `read_file` for each body, and the results."""
    ids = [f"c{turn}-{number}-{n}" for n in range(len(bodies))]
    calls = [AskedTool(call_id=i, tool="read_file", arguments={"path": "a"}) for i in ids]
    answer = Message("assistant", turn, 0, f"m{turn}-{number}-0", text, calls=tuple(calls))
    results = (
        Message("tool", turn, 0, "", call_id=i, body=b) for i, b in zip(ids, bodies, strict=True)
    )
    return [answer, *results]
