import asyncio
from pathlib import Path
from typing import Any

import pytest

from codelab_client.path_locks import Claim
from codelab_client.prompt_tool import PromptTools
from codelab_client.tool import Job
from codelab_core.tools import ApplyPatchReviewArguments, PromptUserArguments
from fakes.dialogs import ScriptedDialogs
from fakes.tool_bench import ToolBench, tool_call

QUESTION: dict[str, Any] = {"message": "This changes 5 files. Continue?", "actions": ["yes", "no"]}


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    return ToolBench(tmp_path)


async def asked(bench: ToolBench, answer: Any, **more: Any) -> dict[str, Any]:
    call = tool_call("prompt_user", **QUESTION, **more)
    bench.dialogs.answers[call.call_id] = answer
    return await bench.answer(call)


@pytest.mark.parametrize("action", ["yes", "no"])
async def test_the_chosen_action_comes_back(bench: ToolBench, action: str) -> None:
    """T-06."""
    assert {"result": {"action": action}} == await asked(bench, {"action": action})


async def test_typed_text_comes_back_where_it_was_allowed(bench: ToolBench) -> None:
    typed = {"action": "text", "text": "only the first two"}

    assert {"result": typed} == await asked(bench, typed, allow_text=True)


@pytest.mark.parametrize(
    ("answer", "more"),
    [
        pytest.param({"action": "maybe"}, {}, id="not-offered"),
        pytest.param({"action": "text", "text": "x"}, {}, id="text-not-allowed"),
        pytest.param({"action": "text"}, {"allow_text": True}, id="text-without-text"),
        pytest.param({}, {}, id="nothing"),
    ],
)
async def test_an_answer_that_was_not_offered_is_a_failed_tool(
    bench: ToolBench, answer: Any, more: dict[str, Any]
) -> None:
    assert (await asked(bench, answer, **more))["error"]["code"] == "TOOL_FAILED"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"message": "x", "actions": []}, id="no-actions"),
        pytest.param({"message": "", "actions": ["a"]}, id="no-message"),
        pytest.param({"message": "x", "actions": ["a"] * 9}, id="nine-actions"),
    ],
)
async def test_a_question_without_sense_is_not_asked(
    bench: ToolBench, arguments: dict[str, Any]
) -> None:
    assert await bench.code("prompt_user", **arguments) == "INVALID_ARGUMENTS"
    assert bench.dialogs.asked == []


REVIEWS: list[dict[str, Any]] = [
    {"action": "apply", "hunks": {"1f0a": {"decision": "apply"}}},
    {"action": "apply", "chunks_selected": [1, 3], "chunks_total": 3},
    {"action": "cancel", "message": "not now"},
]


@pytest.mark.parametrize("review", REVIEWS)
async def test_a_review_comes_back_as_it_was_made(bench: ToolBench, review: dict[str, Any]) -> None:
    """T-05."""
    bench.dialogs.answers["c1-1-0"] = review

    assert {"result": review} == await bench.ask("apply_patch_review", diff="a diff")
    assert bench.files() == {}


async def test_a_review_without_an_action_is_a_failed_tool(bench: ToolBench) -> None:
    bench.dialogs.answers["c1-1-0"] = {"action": "maybe"}

    assert await bench.code("apply_patch_review", diff="a diff") == "TOOL_FAILED"


async def test_one_dialog_is_open_at_a_time() -> None:
    dialogs = ScriptedDialogs({"c2": {"action": "cancel"}})
    tools = PromptTools(dialogs)
    prompt, review = tools.prompt_user(), tools.apply_patch_review()
    first = Job(tool_call("prompt_user", call_id="c1"), PromptUserArguments(**QUESTION), None)
    second = Job(
        tool_call("apply_patch_review", call_id="c2"), ApplyPatchReviewArguments(diff="d"), None
    )

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(prompt.run(first))
        await dialogs.opened.wait()
        reviewing = tasks.create_task(review.run(second))
        await asyncio.sleep(0)
        open_at_first = list(dialogs.asked)
        asking.cancel()

    assert ["c1"] == open_at_first == dialogs.withdrawn
    assert dialogs.asked == ["c1", "c2"]
    assert reviewing.result() == {"action": "cancel"}


def test_a_dialog_touches_no_file() -> None:
    tool = PromptTools(ScriptedDialogs()).prompt_user()
    job = Job(tool_call("prompt_user"), PromptUserArguments(**QUESTION), None)

    assert (Claim(), "prompt", 86_400_000) == (tool.claim(job), tool.kind, tool.timeout_ms)
