"""The request of an inference, from the state of its session. Pure."""

from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.prompts import left_out, request_tools, system_prompt
from codelab_runtime.telling import size_of
from codelab_runtime.turn.facts import Rules
from codelab_runtime.turn.releasing import offered
from codelab_runtime.turn.state import SessionState, Turn
from codelab_runtime.window import Model, Room, fitted, tokens_of

ENVELOPE_BYTES: Final = 1_024
"""Ids and metadata, and the sentence about messages that are left out."""


def inference_request(
    state: SessionState, turn: Turn, rules: Rules, model: Model
) -> dict[str, Any]:
    """The body of `POST /llm/stream`: the same for every process that asks for the same step.

    Raises `CONTEXT_TOO_LONG` {max, needed} when the running turn alone is more than the model can
    read.
    """
    tools = offered(turn, rules.plain_tools)
    prompt, listed = system_prompt(model.family, tools), request_tools(tools)
    total = model.room_bytes >> turn.squeezes
    left = total - size_of(prompt) - size_of(listed) - ENVELOPE_BYTES
    if left <= 0:
        most, least = tokens_of(total), tokens_of(total - left)
        raise CodelabError(Code.CONTEXT_TOO_LONG, "context_length", max=most, needed=least)
    window = fitted(state.history, turn.number, Room(left, rules.max_tool_output_bytes))
    system = {"role": "system", "content": prompt + left_out(window.left_out)}
    return {
        "inference_id": turn.inference_id,
        "model": turn.model,
        "messages": [system, *window.messages],
        "tools": listed,
        "metadata": {
            "session_id": state.session_id,
            "turn_id": turn.turn_id,
            "principal": state.principal,
        },
    }
