import pytest

from codelab_client.approvals import REFUSAL, FixedAnswers
from codelab_client.dialog_types import Decision
from codelab_core.protocol.events import ToolCall


def call(tool: str = "apply_patch_review", **fields: object) -> ToolCall:
    facts = {
        "turn_id": "t1",
        "message_id": "m1-1-0",
        "call_id": "c1-1-0",
        "tool_name": tool,
        "arguments": {"actions": ["Yes", "Later", "No"]},
        "requires_approval": True,
        "digest": "d",
        "review": {"hunks": [{"hunk_id": f"h{n}", "ordinal": n} for n in (1, 2, 3)]},
    }
    return ToolCall.model_validate({**facts, **fields})


async def test_all_takes_every_hunk() -> None:
    answer = await FixedAnswers.parse("all").review(call())

    applied = {"decision": "apply"}
    assert answer == {"action": "apply", "hunks": {"h1": applied, "h2": applied, "h3": applied}}


async def test_numbers_take_exactly_those_hunks() -> None:
    answer = await FixedAnswers.parse("1,3").review(call())

    decisions = {hunk: choice["decision"] for hunk, choice in answer["hunks"].items()}
    assert decisions == {"h1": "apply", "h2": "refuse", "h3": "apply"}


@pytest.mark.parametrize("given", ["none", "9"])
async def test_nothing_taken_is_a_cancel(given: str) -> None:
    assert await FixedAnswers.parse(given).review(call()) == {"action": "cancel"}


async def test_a_review_without_hunks_is_cancelled() -> None:
    assert await FixedAnswers.parse("all").review(call(review=None)) == {"action": "cancel"}


@pytest.mark.parametrize(("given", "action"), [("all", "Yes"), ("none", "No"), ("1,2", "No")])
async def test_questions_get_the_first_or_the_last_action(given: str, action: str) -> None:
    assert await FixedAnswers.parse(given).prompt(call("prompt_user")) == {"action": action}


async def test_a_question_whose_actions_are_no_list_is_a_fault_of_the_server() -> None:
    with pytest.raises(TypeError):
        await FixedAnswers.parse("all").prompt(call("prompt_user", arguments={"actions": "Yes"}))


async def test_calls_are_approved_only_by_all() -> None:
    assert await FixedAnswers.parse("all").approve(call("write_file")) == Decision("approve")
    refused = Decision("reject", feedback=REFUSAL)
    assert await FixedAnswers.parse("1,2").approve(call("write_file")) == refused


@pytest.mark.parametrize("text", ["", "some", "0", "1,x", "-1"])
def test_anything_else_is_no_answer(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        FixedAnswers.parse(text)
