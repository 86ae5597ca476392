"""System prompt per model family, tools of a request."""

import pytest

from codelab_core.tools import BUILT_IN
from codelab_runtime.offered import offered_tools
from codelab_runtime.prompts import left_out, request_tools, system_prompt

ROLE = (
    "You are a coding agent. You work in the person's own workspace, only through the tools you are"
    " given; the person sees every change before it is made.\n\nRead a file before you change it."
)
MANNERS = (
    " When a tool reports an error, read its message: it says what to do differently. A refusal by"
    " the person stands. Where a text says [… shortened: …], ask for the part that you need. When"
    " the work is done, say briefly what was changed."
)
ALL_TOOLS = (
    ROLE + " Change existing files by apply_patch_review, so that the person can pick hunks, then"
    " call apply_patch with the filtered_diff that it returns; create new files by write_file."
    " Give each hunk enough unchanged lines around it that it fits in exactly one place." + MANNERS
)


@pytest.mark.parametrize(
    ("family", "hint"),
    [
        pytest.param("", "", id="none"),
        pytest.param("scripted", "", id="unknown"),
        pytest.param(
            "gpt", "\n\nCall tools in parallel when they do not depend on each other.", id="gpt"
        ),
        pytest.param(
            "claude",
            "\n\nCall several independent tools in one answer."
            " Do not repeat file content in prose.",
            id="claude",
        ),
        pytest.param(
            "llama",
            "\n\nCall one tool at a time. Answer with a tool call or with text, never with both.",
            id="llama",
        ),
    ],
)
def test_each_family_has_its_prompt(family: str, hint: str) -> None:
    """R-09."""
    assert system_prompt(family, BUILT_IN) == ALL_TOOLS + hint


@pytest.mark.parametrize(
    ("tools", "editing"),
    [
        pytest.param((), "", id="none"),
        pytest.param(("write_file",), " Write whole files by write_file.", id="write"),
        pytest.param(
            ("apply_patch",),
            " Change existing files by apply_patch."
            " Give each hunk enough unchanged lines around it that it fits in exactly one place.",
            id="patch",
        ),
        pytest.param(
            ("apply_patch", "write_file"),
            " Change existing files by apply_patch; create new files by write_file."
            " Give each hunk enough unchanged lines around it that it fits in exactly one place.",
            id="patch-and-write",
        ),
    ],
)
def test_the_prompt_speaks_only_of_tools_at_hand(tools: tuple[str, ...], editing: str) -> None:
    assert system_prompt("", tools) == ROLE + editing + MANNERS


def test_messages_that_are_left_out_are_counted_and_none_is_not_worth_a_word() -> None:
    assert left_out(0) == ""
    assert left_out(7).startswith("\n\nThe 7 oldest messages of this conversation are not shown")


def test_tools_go_in_the_order_of_the_driver() -> None:
    declared = {"name": "run", "description": "Runs.", "parameters": {"type": "object"}}

    told = request_tools(offered_tools(["git.diff", declared]))

    assert [tool["name"] for tool in told] == ["git.diff", "run"]
    assert told[1] == declared
