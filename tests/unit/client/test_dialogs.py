import io
from typing import Any

import pytest
from rich.console import Console

from codelab_client.dialog_types import Decision
from codelab_client.dialogs import TerminalDialogs, parse_choice
from codelab_client.hunks import Shown
from codelab_core.protocol.events import ToolCall

HUNKS = {n: Shown(f"h{n}", f"a.py:{n}", "@@ -1 +1 @@\n-a\n+b\n", "b\n") for n in (1, 2, 3)}
DIFF = """\
diff --git a/a.py b/a.py
--- a/a.py
+++ b/a.py
@@ -1 +1 @@
-one
+ONE
@@ -9 +9 @@
-two
+TWO
"""


class Lines:
    """A person who types these lines, then closes the input."""

    def __init__(self, *lines: str) -> None:
        self.lines = list(lines)
        self.prompts: list[str] = []

    async def line(self, prompt: str) -> str:
        self.prompts.append(prompt)
        if not self.lines:
            raise EOFError
        return self.lines.pop(0)

    async def text(self, prompt: str, default: str) -> str:
        self.prompts.append(prompt)
        return default.upper()


def call(tool: str, arguments: dict[str, Any], **fields: Any) -> ToolCall:
    facts = {"turn_id": "t1", "message_id": "m1-1-0", "call_id": "c1-1-0", "digest": "d"}
    asked = {"tool_name": tool, "arguments": arguments, "requires_approval": False}
    return ToolCall.model_validate({**facts, **asked, **fields})


def review() -> ToolCall:
    places = [(1, 1), (2, 9)]
    hunks = [{"hunk_id": f"h{n}", "ordinal": n, "path": "a.py", "new_start": s} for n, s in places]
    arguments = {"diff": DIFF, "message": "Rename"}
    return call("apply_patch_review", arguments, review={"hunks": hunks})


def dialogs(*lines: str) -> tuple[TerminalDialogs, io.StringIO, Lines]:
    screen, typed = io.StringIO(), Lines(*lines)
    return TerminalDialogs(Console(file=screen, width=100), typed), screen, typed


async def test_a_review_shows_every_hunk_with_its_number_and_takes_the_chosen() -> None:
    """T-05."""
    asked, screen, _ = dialogs("2")

    answer = await asked.review(review())

    refused, applied = {"decision": "refuse"}, {"decision": "apply"}
    assert answer == {"action": "apply", "hunks": {"h1": refused, "h2": applied}}
    shown = screen.getvalue()
    assert "Rename" in shown
    assert "[1] a.py:1\n@@ -1 +1 @@\n-one\n+ONE\n" in shown
    assert "[2] a.py:9\n@@ -9 +9 @@\n-two\n+TWO\n" in shown


async def test_an_answer_that_is_none_is_explained_and_asked_again() -> None:
    asked, screen, typed = dialogs("maybe", "y")

    answer = await asked.review(review())

    assert answer["action"] == "apply"
    assert "all hunks" in screen.getvalue()
    assert len(typed.prompts) == 2


async def test_an_edited_hunk_carries_the_new_text() -> None:
    asked, _, _ = dialogs("e1")

    answer = await asked.review(review())

    edited = {"decision": "edit", "new_text": "ONE\n"}
    assert answer["hunks"] == {"h1": edited, "h2": {"decision": "refuse"}}


async def test_a_word_to_the_model_goes_with_the_choice() -> None:
    asked, _, _ = dialogs("m only the first", "1")

    answer = await asked.review(review())

    assert answer["message"] == "only the first"


@pytest.mark.parametrize("lines", [["n"], []], ids=["no", "input closed"])
async def test_no_and_a_closed_input_cancel_a_review(lines: list[str]) -> None:
    asked, _, _ = dialogs(*lines)

    assert await asked.review(review()) == {"action": "cancel"}


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        pytest.param("2", {"action": "No"}, id="number"),
        pytest.param("Yes", {"action": "Yes"}, id="word"),
    ],
)
async def test_a_question_is_answered_by_number_or_word(line: str, answer: dict[str, str]) -> None:
    """T-06."""
    asked, screen, _ = dialogs("7", "perhaps", line)

    result = await asked.prompt(
        call("prompt_user", {"message": "Continue?", "actions": ["Yes", "No"]})
    )

    assert result == answer
    assert "Continue?" in screen.getvalue()
    assert "[1] Yes" in screen.getvalue()


async def test_free_text_is_an_answer_where_it_is_allowed() -> None:
    asked, _, _ = dialogs("call it b")
    question = {"message": "Name?", "actions": ["Skip"], "allow_text": True}

    result = await asked.prompt(call("prompt_user", question))

    assert result == {"action": "text", "text": "call it b"}


@pytest.mark.parametrize(
    ("lines", "decision"),
    [
        pytest.param(["y"], Decision("approve"), id="yes"),
        pytest.param(["n"], Decision("reject"), id="no"),
        pytest.param(["wrong file"], Decision("reject", feedback="wrong file"), id="reason"),
        pytest.param([], Decision("reject"), id="input closed"),
    ],
)
async def test_an_approval_is_yes_no_or_a_reason(lines: list[str], decision: Decision) -> None:
    asked, screen, _ = dialogs(*lines)

    result = await asked.approve(call("write_file", {"path": "a.txt", "content": "[bold]x"}))

    assert result == decision
    assert "write_file a.txt" in screen.getvalue()
    assert "[bold]x" in screen.getvalue()


async def test_an_approval_shows_the_diff_and_the_reason_given() -> None:
    asked, screen, _ = dialogs("y")

    await asked.approve(call("apply_patch", {"diff": DIFF}, reason="apply_patch changes a.py"))

    assert "apply_patch changes a.py" in screen.getvalue()
    assert "+ONE" in screen.getvalue()


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("y", {1: False, 2: False, 3: False}),
        ("none", {}),
        ("1,3", {1: False, 3: False}),
        ("1-3", {1: False, 2: False, 3: False}),
        ("e2 3", {2: True, 3: False}),
        ("4", None),
        ("3-1", None),
        ("x", None),
        ("", None),
    ],
)
def test_choices(answer: str, chosen: dict[int, bool] | None) -> None:
    assert parse_choice(answer, HUNKS) == chosen
