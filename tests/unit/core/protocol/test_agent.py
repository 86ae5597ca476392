from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from codelab_core.protocol.agent import (
    Accepted,
    AckBody,
    AttachBody,
    Attached,
    CancelAccepted,
    CancelBody,
    DecisionAccepted,
    DecisionBody,
    DetachBody,
    History,
    MessageBody,
    PendingApprovals,
    ResultReceived,
    SessionCreate,
    SessionList,
    SessionPatch,
    SessionView,
    ToolResultBody,
    UsageList,
)
from codelab_core.protocol.frames import Outgoing

VIEW = SessionView(
    id="6f1c",
    session_id="6f1c",
    title="Add logging",
    message_count=4,
    created_at="2026-01-05T09:30:00.000Z",
    updated_at="2026-01-05T09:31:10.000Z",
    last_activity="2026-01-05T09:31:10.000Z",
    is_active=True,
    state="idle",
    model="scripted/agent",
    epoch="9f0c1d2e3a4b5c6d",
    head=47,
)
VIEW_WIRE = (
    b'{"id":"6f1c","session_id":"6f1c","title":"Add logging","message_count":4,'
    b'"created_at":"2026-01-05T09:30:00.000Z","updated_at":"2026-01-05T09:31:10.000Z",'
    b'"last_activity":"2026-01-05T09:31:10.000Z","current_agent":"codelab","is_active":true,'
    b'"state":"idle","model":"scripted/agent","epoch":"9f0c1d2e3a4b5c6d","head":47}'
)


@pytest.mark.parametrize(
    ("answer", "wire"),
    [
        pytest.param(
            Accepted(echo="hi", session_id="s", cid="k", message_id="u-1", turn_id="t1"),
            b'{"status":"accepted","echo":"hi","session_id":"s","cid":"k","message_id":"u-1",'
            b'"turn_id":"t1","duplicate":false}',
            id="message",
        ),
        pytest.param(
            ResultReceived(call_id="c1-1-0", late=True),
            b'{"status":"received","call_id":"c1-1-0","duplicate":false,"late":true}',
            id="tool-result",
        ),
        pytest.param(
            DecisionAccepted(call_id="c1-1-0", outcome="approved"),
            b'{"status":"accepted","call_id":"c1-1-0","outcome":"approved","duplicate":false}',
            id="decision",
        ),
        pytest.param(CancelAccepted(noop=True), b'{"status":"accepted","noop":true}', id="cancel"),
        pytest.param(
            Attached(epoch="e", head=0), b'{"status":"accepted","epoch":"e","head":0}', id="attach"
        ),
        pytest.param(VIEW, VIEW_WIRE, id="session"),
        pytest.param(
            SessionList(sessions=[VIEW], total=9),
            b'{"sessions":[' + VIEW_WIRE + b'],"total":9}',
            id="sessions",
        ),
        pytest.param(
            History(
                session_id="s",
                messages=[{"role": "user", "content": "hi"}],
                message_count=1,
                last_activity="2026-01-05T09:31:10.000Z",
            ),
            b'{"session_id":"s","messages":[{"role":"user","content":"hi"}],"message_count":1,'
            b'"last_activity":"2026-01-05T09:31:10.000Z","current_agent":"codelab",'
            b'"agent_history":[]}',
            id="history",
        ),
        pytest.param(
            PendingApprovals(session_id="s", pending_approvals=[{"call_id": "c"}], count=1),
            b'{"session_id":"s","pending_approvals":[{"call_id":"c"}],"count":1}',
            id="approvals",
        ),
        pytest.param(
            UsageList(requests=[], total_tokens=0, total_duration_ms=0),
            b'{"requests":[],"total_tokens":0,"total_duration_ms":0}',
            id="usage",
        ),
    ],
)
def test_an_answer_is_sent_as_these_bytes(answer: Outgoing, wire: bytes) -> None:
    assert answer.encode() == wire


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (
            MessageBody,
            {"session_id": "s", "message": {"type": "user_message", "content": "hi"}},
        ),
        (MessageBody, {"session_id": "s", "message": {"type": "cancel"}, "cid": "k"}),
        (ToolResultBody, {"session_id": "s", "call_id": "c", "result": {"a": None}}),
        (DecisionBody, {"session_id": "s", "call_id": "c", "decision": "approve"}),
        (CancelBody, {"session_id": "s", "turn_id": "t1"}),
        (
            AttachBody,
            {
                "session_id": "s",
                "connection_id": "x_1",
                "client_id": "c",
                "role": "driver",
                "mode": "v1",
                "tools": ["read_file"],
                "create": False,
            },
        ),
        (DetachBody, {"session_id": "s", "connection_id": "x_1"}),
        (AckBody, {"session_id": "s", "connection_id": "x_1", "seq": 0}),
        (SessionCreate, {}),
        (SessionCreate, {"session_id": "s", "title": "t" * 200, "model": "m"}),
        (SessionPatch, {"description": "d" * 2000}),
    ],
)
def test_a_body_is_read_and_more_fields_do_not_harm(
    kind: type[BaseModel], body: dict[str, Any]
) -> None:
    parsed = kind.model_validate(body | {"later": 1})

    assert parsed.model_dump(exclude_unset=True) == body


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param(MessageBody, {"session_id": "s"}, id="no-message"),
        pytest.param(
            MessageBody, {"session_id": "a b", "message": {"type": "cancel"}}, id="session-id"
        ),
        pytest.param(
            MessageBody, {"session_id": "s", "message": {"type": "ping"}}, id="no-command"
        ),
        pytest.param(
            AttachBody,
            {
                "session_id": "s",
                "connection_id": "x 1",
                "client_id": "c",
                "role": "driver",
                "mode": "v1",
            },
            id="connection-id",
        ),
        pytest.param(
            AckBody, {"session_id": "s", "connection_id": "x", "seq": -1}, id="negative-ack"
        ),
        pytest.param(SessionCreate, {"title": "t" * 201}, id="long-title"),
        pytest.param(SessionPatch, {"description": "d" * 2001}, id="long-description"),
    ],
)
def test_a_body_with_a_fault_is_refused(kind: type[BaseModel], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(body)
