import io
from typing import Any

import pytest
from rich.console import Console

from codelab_client.render import SilentScreen, TerminalScreen, call_summary, diff_text


def shown(*frames: dict[str, Any]) -> str:
    output = io.StringIO()
    screen = TerminalScreen(Console(file=output, width=100))
    for frame in frames:
        screen.show(frame)
    return output.getvalue()


def token(text: str) -> dict[str, Any]:
    return {"type": "assistant_message", "token": text, "is_final": False}


CALL = {
    "type": "tool_call",
    "call_id": "c1",
    "tool_name": "read_file",
    "arguments": {"path": "a.py"},
}
DONE = {"type": "turn_completed", "reason": "completed"}


def test_text_goes_out_as_it_is() -> None:
    assert shown(token("[red]not "), token("markup[/red]"), DONE) == "[red]not markup[/red]\n"


def test_a_call_is_one_line_when_it_is_over() -> None:
    resolved = {"type": "tool_resolved", "call_id": "c1", "phase": "result"}

    assert shown(CALL, {**resolved, "outcome": "completed"}) == "✓ read_file a.py\n"
    failed = {**resolved, "outcome": "failed", "code": "FILE_NOT_FOUND"}
    assert shown(CALL, failed) == "✗ read_file a.py  FILE_NOT_FOUND\n"


def test_an_approval_alone_is_not_a_line() -> None:
    approved = {
        "type": "tool_resolved",
        "call_id": "c1",
        "phase": "decision",
        "outcome": "approved",
    }

    assert shown(CALL, approved) == ""
    assert shown({**approved, "phase": "result", "outcome": "completed"}) == ""


def test_a_line_in_the_middle_of_a_text_starts_a_new_one() -> None:
    error = {"type": "error", "code": "PROVIDER_ERROR", "message": "The model failed."}

    assert shown(token("Hel"), error) == "Hel\nerror PROVIDER_ERROR: The model failed.\n"


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        ({"type": "turn_completed", "reason": "cancelled"}, "[turn cancelled]\n"),
        ({"type": "message_retracted", "reason": "regenerated"}, "[the answer starts again]\n"),
        ({"type": "message_retracted", "reason": "cancelled"}, ""),
        (
            {"type": "status", "state": "degraded"},
            "the connection to the agent is interrupted; waiting …\n",
        ),
        ({"type": "status", "state": "live"}, ""),
        ({"type": "assistant_message", "token": "", "is_final": True}, ""),
    ],
)
def test_other_frames(frame: dict[str, Any], text: str) -> None:
    assert shown(frame) == text


def test_diff_lines_have_their_colours_and_carriage_returns_show() -> None:
    text = diff_text("@@ -1 +1 @@\n-old\r\n+new\n same\n")

    assert text.plain == "@@ -1 +1 @@\n-old␍\n+new\n same\n"
    assert [(text.plain[s.start : s.end], s.style) for s in text.spans] == [
        ("@@ -1 +1 @@\n", "cyan"),
        ("-old␍\n", "red"),
        ("+new\n", "green"),
    ]


@pytest.mark.parametrize(
    ("tool", "arguments", "line"),
    [
        ("write_file", {"path": "a", "content": "x"}, "write_file a"),
        (
            "apply_patch",
            {"diff": "diff --git a/x b/x\n--- a/x\n+++ b/x\ndiff --git a/y b/y\n"},
            "apply_patch x, y",
        ),
        ("prompt_user", {"message": "Go on?", "actions": ["y"]}, "prompt_user Go on?"),
        ("git.diff", {"staged": True}, "git.diff staged=True"),
        ("list_files", {}, "list_files"),
        ("prompt_user", {"message": "x" * 100}, f"prompt_user {'x' * 71}…"),
    ],
)
def test_summaries(tool: str, arguments: dict[str, Any], line: str) -> None:
    assert call_summary(tool, arguments) == line


def test_the_silent_screen_takes_everything() -> None:
    SilentScreen().show(CALL)
