from itertools import count
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from codelab_core.protocol.events import (
    LOG_EVENT,
    SERVER_FRAME,
    AssistantMessage,
    ClientAttached,
    ClientDetached,
    ErrorFrame,
    ErrorSummary,
    Event,
    LogEvent,
    MessageAccepted,
    MessageRetracted,
    Resync,
    SessionSnapshot,
    Snapshot,
    TextDigest,
    ToolCall,
    ToolResolved,
    TurnCompleted,
    TurnStarted,
    TurnUsage,
)
from codelab_core.protocol.frames import Outgoing

SNAPSHOT = Snapshot(session={"id": "s"}, messages=[{"message_id": "u-1", "role": "user"}])
SNAPSHOT_WIRE = (
    b'{"session":{"id":"s"},"messages":[{"message_id":"u-1","role":"user"}],"tool_calls":[],'
    b'"queue":[],"cids":[],"truncated":false}'
)
PINNED: list[tuple[Outgoing, bytes]] = [
    (
        ClientAttached(
            seq=1, connection_id="x_1", client_id="a", role="driver", mode="v1", driver="x_1"
        ),
        b'{"type":"client_attached","seq":1,"connection_id":"x_1","client_id":"a",'
        b'"role":"driver","mode":"v1","driver":"x_1"}',
    ),
    (
        ClientDetached(seq=2, connection_id="x_1", client_id="a", role="observer", mode="plain"),
        b'{"type":"client_detached","seq":2,"connection_id":"x_1","client_id":"a",'
        b'"role":"observer","mode":"plain"}',
    ),
    (
        MessageAccepted(
            seq=3, message_id="u-7", content="hi", delivery="queue", cid="k", turn_id="t7"
        ),
        b'{"type":"message_accepted","seq":3,"message_id":"u-7","content":"hi",'
        b'"delivery":"queue","cid":"k","turn_id":"t7"}',
    ),
    (
        TurnStarted(seq=4, turn_id="t7", message_id="u-7", model="scripted/agent"),
        b'{"type":"turn_started","seq":4,"turn_id":"t7","message_id":"u-7",'
        b'"model":"scripted/agent"}',
    ),
    (
        AssistantMessage(
            seq=42, turn_id="t7", message_id="m7-1-0", token="Hel", content="Hel", is_final=False
        ),
        b'{"type":"assistant_message","seq":42,"turn_id":"t7","message_id":"m7-1-0",'
        b'"token":"Hel","content":"Hel","is_final":false}',
    ),
    (
        MessageRetracted(
            seq=5,
            message_id="m7-1-0",
            turn_id="t7",
            reason="regenerated",
            replaced_by="m7-1-1",
        ),
        b'{"type":"message_retracted","seq":5,"message_id":"m7-1-0","turn_id":"t7",'
        b'"reason":"regenerated","replaced_by":"m7-1-1"}',
    ),
    (
        ToolCall(
            seq=43,
            turn_id="t7",
            message_id="m7-1-0",
            call_id="c7-1-0",
            tool_name="read_file",
            arguments={"path": "src/auth.js", "start_line": None},
            requires_approval=False,
            digest="77ab",
            timeout_ms=60_000,
        ),
        b'{"type":"tool_call","seq":43,"turn_id":"t7","message_id":"m7-1-0","call_id":"c7-1-0",'
        b'"tool_name":"read_file","arguments":{"path":"src/auth.js","start_line":null},'
        b'"requires_approval":false,"digest":"77ab","origin":"model","timeout_ms":60000}',
    ),
    (
        ToolCall(
            seq=44,
            turn_id="t7",
            message_id="m7-1-0",
            call_id="c7-1-r0",
            tool_name="apply_patch",
            arguments={},
            requires_approval=True,
            digest="77ab",
            origin="runtime",
            reason="why",
            guard={"files": []},
            review={"hunks": []},
        ),
        b'{"type":"tool_call","seq":44,"turn_id":"t7","message_id":"m7-1-0","call_id":"c7-1-r0",'
        b'"tool_name":"apply_patch","arguments":{},"requires_approval":true,"digest":"77ab",'
        b'"origin":"runtime","reason":"why","guard":{"files":[]},"review":{"hunks":[]}}',
    ),
    (
        ToolResolved(
            seq=44, turn_id="t7", call_id="c7-1-0", phase="result", outcome="completed", by="a1b2"
        ),
        b'{"type":"tool_resolved","seq":44,"turn_id":"t7","call_id":"c7-1-0","phase":"result",'
        b'"outcome":"completed","by":"a1b2"}',
    ),
    (
        ToolResolved(
            seq=45,
            turn_id="t7",
            call_id="c",
            phase="decision",
            outcome="edited",
            arguments={"a": None},
            guard={},
            digest="d",
            code="X",
        ),
        b'{"type":"tool_resolved","seq":45,"turn_id":"t7","call_id":"c","phase":"decision",'
        b'"outcome":"edited","arguments":{"a":null},"guard":{},"digest":"d","code":"X"}',
    ),
    (
        TurnCompleted(
            seq=47,
            turn_id="t7",
            reason="completed",
            model="scripted/agent",
            provider="scripted",
            usage=TurnUsage(inferences=2, prompt_tokens=812, tool_calls=1, duration_ms=5120),
            digests=[TextDigest(message_id="m7-1-0", chars=211, sha256="e3b0")],
        ),
        b'{"type":"turn_completed","seq":47,"turn_id":"t7","reason":"completed",'
        b'"model":"scripted/agent","provider":"scripted","usage":{"inferences":2,'
        b'"prompt_tokens":812,"tool_calls":1,"duration_ms":5120},"digests":'
        b'[{"message_id":"m7-1-0","chars":211,"sha256":"e3b0"}]}',
    ),
    (
        TurnCompleted(
            seq=48,
            turn_id="t8",
            reason="failed",
            usage=TurnUsage(inferences=0, tool_calls=0, duration_ms=1),
            error=ErrorSummary(code="PROVIDER_ERROR", class_="cut", message="Cut."),
        ),
        b'{"type":"turn_completed","seq":48,"turn_id":"t8","reason":"failed","usage":'
        b'{"inferences":0,"tool_calls":0,"duration_ms":1},"digests":[],"error":'
        b'{"code":"PROVIDER_ERROR","class":"cut","message":"Cut."}}',
    ),
    (
        ErrorFrame(
            seq=45,
            code="PROVIDER_TIMEOUT",
            class_="silent",
            message="Late.",
            content="Late.",
            retryable=True,
            retry_after_ms=5,
            details={"a": None},
            cid="k",
            call_id="c",
            turn_id="t7",
        ),
        b'{"type":"error","seq":45,"code":"PROVIDER_TIMEOUT","class":"silent","message":"Late.",'
        b'"content":"Late.","retryable":true,"retry_after_ms":5,"details":{"a":null},"cid":"k",'
        b'"call_id":"c","turn_id":"t7"}',
    ),
    (
        Resync(epoch="9f0c1d2e3a4b5c6d", seq=46, reason="first_attach", snapshot=SNAPSHOT),
        b'{"type":"resync","epoch":"9f0c1d2e3a4b5c6d","seq":46,"reason":"first_attach",'
        b'"snapshot":' + SNAPSHOT_WIRE + b"}",
    ),
    (
        SessionSnapshot(seq=1, snapshot=SNAPSHOT),
        b'{"type":"session_snapshot","seq":1,"snapshot":' + SNAPSHOT_WIRE + b"}",
    ),
]


@pytest.mark.parametrize(("frame", "wire"), PINNED, ids=count())
def test_a_frame_is_sent_as_these_bytes_and_comes_back(frame: Outgoing, wire: bytes) -> None:
    """W-03, W-04."""
    assert frame.encode() == wire
    assert SERVER_FRAME.validate_json(wire) == frame


def test_every_event_of_the_log_is_pinned() -> None:
    """W-04."""
    assert {type(frame) for frame, _ in PINNED} - {Resync} == set(get_args(LogEvent))


@pytest.mark.parametrize("kind", get_args(LogEvent))
def test_type_and_number_come_first_so_that_a_reader_tells_an_event_by_its_prefix(
    kind: type[Event],
) -> None:
    assert list(kind.model_fields)[:2] == ["type", "seq"]


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param({"type": "resync"}, id="no-event"),
        pytest.param(
            {"type": "turn_started", "turn_id": "t", "message_id": "m", "x": 1}, id="more"
        ),
        pytest.param({"type": "turn_started", "turn_id": "t"}, id="less"),
    ],
)
def test_the_log_holds_its_events_and_nothing_else(frame: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        LOG_EVENT.validate_python(frame)
