"""The journal's records survive their way through the store."""

from typing import Any

import pytest
from pydantic import ValidationError

from codelab_runtime.turn import records as rec
from codelab_runtime.turn.split_record import FileWrite, ToolSplit

ASKED = rec.AskedTool(call_id="c1-1-0", tool="read_file", arguments={"path": "a", "x": None})
GUARD: dict[str, Any] = {"files": [{"path": "a", "pre_sha": "absent"}]}

ALL: list[rec.Record] = [
    rec.SessionOpened(principal="ann"),
    rec.Attached(
        connection_id="x1",
        client_id="c1",
        role="driver",
        mode="v1",
        tools=["read_file", {"name": "t", "parameters": {"default": None}}],
    ),
    rec.Detached(connection_id="x1"),
    rec.Queued(message_id="u1", text="hi", delivery="steer", model=None, at_ms=1),
    rec.Dropped(message_id="u1"),
    rec.Renamed(title="", model="m-2"),
    rec.TurnStarted(turn=1, message_id="u1", text="hi", model="m", at_ms=1),
    rec.LlmRequested(step=1, gen=0, inference_id="i-1", seq=3, at_ms=1),
    rec.LlmDone(
        message_id="m1-1-0",
        text="hi",
        calls=[ASKED],
        finish="stop",
        chunks=2,
        model="m",
        provider="p",
        provider_state="opaque",
        usage={"prompt_tokens": 1},
        at_ms=2,
    ),
    rec.LlmRetracted(message_id="m1-1-0", reason="regenerated"),
    rec.ToolReleased(
        call_id="c1-1-0",
        tool="write_file",
        arguments={"path": "a", "content": "\u0000é\u2028"},
        digest="d",
        requires_approval=True,
        seq=4,
        guard=GUARD,
        review={"hunks": []},
        timeout_ms=5,
    ),
    ToolSplit(
        call_id="c1-1-0",
        diff="--- a\n",
        guard=GUARD,
        review={"hunks": []},
        writes=[FileWrite(call_id="c1-1-0-f0", path="a", content="\u2028")],
    ),
    rec.ToolDelivered(call_id="c1-1-0", deadline_ms=9),
    rec.Answered(call_id="c1-1-0", kind="edit", given={"a": None}, by="ann"),
    rec.Reopened(call_id="c1-1-0"),
    rec.Decided(call_id="c1-1-0", decision="edited", arguments={"a": None}, guard=GUARD),
    rec.ToolSettled(
        call_id="c1-1-0", outcome="failed", body={"success": False, "error": None}, at_ms=3
    ),
    rec.LateResult(call_id="c1-1-0", body={"success": True, "x": None}, at_ms=3),
    rec.TurnDone(turn=1, reason="failed", code="INTERNAL", text="half", at_ms=4),
    rec.SessionClosed(),
]


@pytest.mark.parametrize("record", [pytest.param(r, id=r.rec) for r in ALL])
def test_a_record_reads_back_as_it_was_written(record: rec.Record) -> None:
    assert rec.RECORD.validate_json(record.encode()) == record


def test_every_kind_of_record_is_tried_here() -> None:
    assert {type(record) for record in ALL} == set(rec.Record.__args__)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b'{"rec":"from_a_newer_release"}', id="unknown-kind"),
        pytest.param(b'{"rec":"dropped","message_id":"u","more":1}', id="unknown-field"),
        pytest.param(b'{"message_id":"u"}', id="no-kind"),
    ],
)
def test_a_record_of_another_release_is_refused(text: bytes) -> None:
    with pytest.raises(ValidationError):
        rec.RECORD.validate_json(text)
