import json
from collections.abc import Mapping
from typing import Any

import pytest

from codelab_client.task import Both, Summary, write_json

PATCH = {
    "type": "tool_call",
    "call_id": "c1",
    "tool_name": "apply_patch",
    "arguments": {"diff": "diff --git a/a.py b/a.py\n"},
    "guard": {"files": [{"path": "a.py"}, {"path": "b.py"}]},
}
READ = {
    "type": "tool_call",
    "call_id": "c2",
    "tool_name": "read_file",
    "arguments": {"path": "c.py"},
}


def resolved(call_id: str, outcome: str = "completed", **fields: str) -> dict[str, str]:
    event = {"type": "tool_resolved", "call_id": call_id, "phase": "result", "outcome": outcome}
    return {**event, **fields}


def summary_of(*frames: Mapping[str, Any]) -> Summary:
    summary = Summary()
    for frame in frames:
        summary.show(frame)
    return summary


def test_every_call_is_listed_with_its_outcome() -> None:
    summary = summary_of(PATCH, READ, resolved("c2", "failed", code="FILE_NOT_FOUND"))

    assert summary.calls == [
        {
            "call": "read_file c.py",
            "tool": "read_file",
            "outcome": "failed",
            "files": [],
            "code": "FILE_NOT_FOUND",
        }
    ]


def test_changed_files_are_those_of_writes_that_were_completed() -> None:
    again = {**PATCH, "call_id": "c3"}
    refused = {**PATCH, "call_id": "c4", "guard": {"files": [{"path": "z.py"}]}}

    summary = summary_of(
        PATCH, again, READ, refused, resolved("c1"), resolved("c3"), resolved("c2")
    )
    summary.show(resolved("c4", "rejected", phase="decision"))

    assert summary.changed_files == ["a.py", "b.py"]


def test_decisions_that_let_a_call_run_are_not_its_end() -> None:
    summary = summary_of(PATCH, resolved("c1", "approved", phase="decision"))

    assert summary.calls == []


def test_unknown_calls_are_left_out() -> None:
    assert summary_of(resolved("c9")).calls == []


def test_errors_are_collected() -> None:
    error = {"type": "error", "code": "PROVIDER_ERROR", "message": "The model failed."}

    assert summary_of(error).errors == ["PROVIDER_ERROR: The model failed."]


def test_two_screens_are_shown_the_same() -> None:
    first, second = Summary(), Summary()

    Both(first, second).show({"type": "error", "code": "A", "message": "b"})

    assert first.errors == second.errors == ["A: b"]


def test_json_is_one_document_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"reason": "completed"})

    assert json.loads(capsys.readouterr().out) == {"reason": "completed"}
