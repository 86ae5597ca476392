import io
from typing import Any

import pytest
from rich.console import Console

from codelab_client import sample
from codelab_client.demo import DemoDialogs, run_demo
from codelab_core.protocol.events import ToolCall

DIFF = """diff --git a/CHANGELOG.md b/CHANGELOG.md
--- a/CHANGELOG.md
+++ b/CHANGELOG.md
@@ -4 +4 @@
-- 1.0: `greet` says hello
+- 1.0: `welcome` says hello
diff --git a/src/words.py b/src/words.py
--- a/src/words.py
+++ b/src/words.py
@@ -4 +4 @@
-def greet(name: str) -> str:
+def welcome(name: str) -> str:
"""


def call(tool: str, arguments: dict[str, Any], **fields: Any) -> ToolCall:
    ids = {"seq": 1, "turn_id": "t1", "message_id": "m1-1-0", "call_id": "c1", "digest": "d"}
    asked = {"tool_name": tool, "arguments": arguments, "requires_approval": False}
    return ToolCall.model_validate(ids | asked | fields)


def screen() -> tuple[Console, io.StringIO]:
    """A wide screen without colours, and what is on it."""
    shown = io.StringIO()
    return Console(file=shown, width=300, color_system=None), shown


async def test_the_whole_system_changes_the_sample_as_approved() -> None:
    """D-10: `make run` without a terminal."""
    console, shown = screen()

    status = await run_demo(console, interactive=False)

    text = shown.getvalue()
    assert status == 0
    assert f"> {sample.TASK}" in text
    assert "refused: history keeps its names" in text
    assert "✓ Done: both files use the new name, CHANGELOG.md was left alone" in text
    assert "Now it is your turn" not in text


async def test_files_that_are_not_as_approved_are_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console, shown = screen()
    monkeypatch.setattr(sample, "TASK", "echo nothing")

    status = await run_demo(console, interactive=True)

    assert status == 1
    assert "✗ The files are not as approved." in shown.getvalue()


async def test_every_hunk_is_shown_with_the_answer_that_it_gets() -> None:
    console, shown = screen()
    hunks = [
        {"hunk_id": "h1", "ordinal": 1, "path": "CHANGELOG.md", "new_start": 4},
        {"hunk_id": "h2", "ordinal": 2, "path": "src/words.py", "new_start": 4},
    ]
    asked = call(
        "apply_patch_review", {"diff": DIFF, "message": "Rename it?"}, review={"hunks": hunks}
    )

    result = await DemoDialogs(console).review(asked)

    assert result == {
        "action": "apply",
        "hunks": {"h1": {"decision": "refuse"}, "h2": {"decision": "apply"}},
    }
    lines = [line for line in shown.getvalue().splitlines() if line.startswith(("[", "Rename"))]
    assert [line.partition(" — ")[0] for line in lines] == [
        "Rename it?",
        "[1] CHANGELOG.md:4",
        "[2] src/words.py:4",
    ]


async def test_what_the_demo_does_not_ask_for_is_refused() -> None:
    dialogs = DemoDialogs(screen()[0])

    prompt = await dialogs.prompt(call("prompt_user", {"message": "?", "actions": ["a", "b"]}))
    decision = await dialogs.approve(call("write_file", {"path": "a", "content": ""}))

    assert prompt == {"action": "a"}
    assert (decision.decision, decision.feedback) == ("reject", "not part of the demo: write_file")
