"""The request of an inference, from the state of its session. Pure."""

from collections.abc import Mapping
from typing import Any

from codelab_runtime.prompts import request_messages, request_tools
from codelab_runtime.turn.facts import Rules
from codelab_runtime.turn.releasing import offered
from codelab_runtime.turn.state import SessionState, Turn


def inference_request(
    state: SessionState, turn: Turn, rules: Rules, families: Mapping[str, str]
) -> dict[str, Any]:
    """The body of `POST /llm/stream`: the same for every process that asks for the same step.

    `families` maps model ids to families; it chooses the system prompt.
    """
    family = families.get(turn.model, "")
    return {
        "inference_id": turn.inference_id,
        "model": turn.model,
        "messages": request_messages(state, family, rules.max_tool_output_bytes),
        "tools": request_tools(offered(turn, rules.plain_tools)),
        "metadata": {
            "session_id": state.session_id,
            "turn_id": turn.turn_id,
            "principal": state.principal,
        },
    }
