"""The request of an inference."""

from dataclasses import replace

import orjson
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import InferenceRequest
from codelab_runtime.prompts import left_out, request_tools, system_prompt
from codelab_runtime.requests import inference_request
from codelab_runtime.turn.facts import Rules
from codelab_runtime.turn.records import AskedTool
from codelab_runtime.turn.releasing import offered
from codelab_runtime.turn.state import Message, SessionState, Turn
from codelab_runtime.window import Model
from fakes.histories import person, step
from fakes.turns import SIX

RULES = Rules(plain_tools=SIX)
BODY = {"success": True, "content": "x" * 700}
TURN = Turn(1, "u1", "hi", "gpt-4", 1, step=1, inference_id="i-1")
STATE = SessionState("s1", principal="ann", history=(person(),), turn=TURN)


def long_talk(turns: int) -> SessionState:
    history = [m for n in range(1, turns + 1) for m in (person("hi", n), *step(BODY, turn=n))]
    history.append(person("and now?", turns + 1))
    return replace(STATE, history=tuple(history), turn=replace(TURN, number=turns + 1))


def test_a_request_has_prompt_history_tools_and_says_for_whom_it_is() -> None:
    request = inference_request(STATE, TURN, RULES, Model("gpt"))

    tools = offered(TURN, SIX)
    assert request == {
        "inference_id": "i-1",
        "model": "gpt-4",
        "messages": [
            {"role": "system", "content": system_prompt("gpt", tools)},
            {"role": "user", "content": "hi"},
        ],
        "tools": request_tools(tools),
        "metadata": {"session_id": "s1", "turn_id": "t1", "principal": "ann"},
    }
    InferenceRequest.model_validate(request)


def test_long_results_are_shortened_to_the_setting() -> None:
    state = replace(STATE, history=(person(), *step({"success": True, "content": "y" * 5_000})))

    request = inference_request(state, TURN, replace(RULES, max_tool_output_bytes=1_024), Model())

    assert len(request["messages"][-1]["content"].encode()) <= 1_024


def test_what_is_left_out_is_said() -> None:
    state = long_talk(60)

    request = inference_request(state, state.turn or TURN, RULES, Model("x", 8_192, 1_024))

    missing = len(state.history) + 1 - len(request["messages"])
    assert missing > 0
    assert request["messages"][0]["content"].endswith(left_out(missing))
    assert len(orjson.dumps(request)) <= 7_168 * 3.2


def test_each_squeeze_halves_the_request() -> None:
    state, model = long_talk(120), Model("x", 32_768, 1_024)
    turn = state.turn or TURN

    sizes = [
        len(orjson.dumps(inference_request(state, replace(turn, squeezes=n), RULES, model)))
        for n in range(3)
    ]

    assert [size <= (model.room_bytes >> n) for n, size in enumerate(sizes)] == [True] * 3
    assert sizes[0] > 1.5 * sizes[1] > 2 * sizes[2]


def test_tools_that_fill_the_window_alone_are_too_long() -> None:
    with pytest.raises(CodelabError) as caught:
        inference_request(STATE, TURN, RULES, Model("x", 512, 128))

    wire = caught.value.to_wire()
    assert (wire["code"], wire["details"]["max"]) == (Code.CONTEXT_TOO_LONG, 384)
    assert wire["details"]["needed"] > 384


async def test_the_same_state_makes_the_same_request_bytes() -> None:
    state = long_talk(60)
    turn, model = state.turn or TURN, Model("x", 8_192, 1_024)

    requests = [orjson.dumps(inference_request(state, turn, RULES, model)) for _ in range(2)]

    assert requests[0] == requests[1]


def test_a_turn_of_two_tools_is_asked_with_these_messages() -> None:
    """R-07, R-14: one result for each call, right after them, in their order."""
    calls = (
        AskedTool(call_id="c1-1-0", tool="read_file", arguments={"path": "a"}),
        AskedTool(call_id="c1-1-1", tool="git.diff", arguments={}),
    )
    history = (
        person("Look."),
        Message("assistant", 1, 0, "m1-1-0", "Looking.", calls=calls, provider_state="opaque"),
        Message("tool", 1, 0, "", call_id="c1-1-0", body={"success": True, "content": "x\r\n"}),
        Message("tool", 1, 0, "", call_id="c1-1-1", body={"success": True, "diff": ""}),
    )

    request = inference_request(replace(STATE, history=history), TURN, RULES, Model())

    assert orjson.dumps(request["messages"][1:]).decode() == (
        '[{"role":"user","content":"Look."},'
        '{"role":"assistant","content":"Looking.","tool_calls":['
        '{"call_id":"c1-1-0","name":"read_file","arguments":{"path":"a"}},'
        '{"call_id":"c1-1-1","name":"git.diff","arguments":{}}],"provider_state":"opaque"},'
        '{"role":"tool","call_id":"c1-1-0","content":"{\\"success\\":true,\\"content\\":\\"x\\\\n\\"}"},'
        '{"role":"tool","call_id":"c1-1-1","content":"{\\"success\\":true,\\"diff\\":\\"\\"}"}]'
    )
    assert [tool["name"] for tool in request["tools"]] == [*SIX]
    InferenceRequest.model_validate(request)
