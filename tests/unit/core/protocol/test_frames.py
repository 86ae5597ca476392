import typing
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from codelab_core.protocol import frames
from codelab_core.protocol.frames import (
    Ack,
    Auth,
    CallId,
    Cid,
    ClientId,
    CloseCode,
    Epoch,
    Hello,
    Limits,
    MessageId,
    Ok,
    Outgoing,
    Ping,
    Pong,
    ServerInfo,
    SessionId,
    Status,
    ToolDeclaration,
    Welcome,
)

# docs/protocol.md, close codes: the number, and whether a client must not come back by itself
CLOSE_CODES = {
    "NORMAL": (1000, True),
    "GOING_AWAY": (1001, False),
    "PROTOCOL_ERROR": (1002, False),
    "BAD_UTF8": (1007, False),
    "TOO_BIG": (1009, False),
    "INTERNAL_ERROR": (1011, False),
    "SERVICE_RESTART": (1012, False),
    "MALFORMED": (4400, True),
    "UNAUTHORIZED": (4401, True),
    "FORBIDDEN": (4403, True),
    "SESSION_UNKNOWN": (4404, True),
    "VERSION_UNSUPPORTED": (4406, True),
    "HELLO_TIMEOUT": (4408, False),
    "REPLACED": (4409, True),
    "RATE_LIMITED": (4429, False),
    "UNAVAILABLE": (4503, False),
    "SLOW_CONSUMER": (4508, False),
    "RESYNC_FAILED": (4510, False),
}
WELCOME = Welcome(
    session_id="6f1c",
    connection_id="x_12",
    epoch="9f0c1d2e3a4b5c6d",
    head=46,
    replay="tail",
    limits=Limits(max_frame_bytes=1_048_576, max_user_message_chars=10_000, max_queued_messages=16),
    server=ServerInfo(version="0.1.0"),
    features=["steer", "review_lines"],
)


def test_close_codes_are_those_of_the_protocol() -> None:
    assert {code.name: (code.value, code.is_final) for code in CloseCode} == CLOSE_CODES


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        pytest.param(
            WELCOME,
            b'{"type":"welcome","version":1,"session_id":"6f1c","connection_id":"x_12",'
            b'"epoch":"9f0c1d2e3a4b5c6d","head":46,"replay":"tail","heartbeat_ms":15000,'
            b'"limits":{"max_frame_bytes":1048576,"max_user_message_chars":10000,'
            b'"max_queued_messages":16},"server":{"name":"codelab-gateway","version":"0.1.0"},'
            b'"features":["steer","review_lines"]}',
            id="welcome",
        ),
        pytest.param(
            Ok(cid="k-12", turn_id="t7", message_id="u-7"),
            b'{"type":"ok","cid":"k-12","turn_id":"t7","message_id":"u-7"}',
            id="ok",
        ),
        pytest.param(
            Ok(cid="k", duplicate=True, late=True, noop=True),
            b'{"type":"ok","cid":"k","duplicate":true,"late":true,"noop":true}',
            id="ok-flags",
        ),
        pytest.param(Status(state="live"), b'{"type":"status","state":"live"}', id="live"),
        pytest.param(
            Status(state="degraded"), b'{"type":"status","state":"degraded"}', id="degraded"
        ),
        pytest.param(
            Status(state="draining"), b'{"type":"status","state":"draining"}', id="draining"
        ),
        pytest.param(Pong(), b'{"type":"pong"}', id="pong"),
        pytest.param(Pong(t=1), b'{"type":"pong","t":1}', id="pong-number"),
        pytest.param(Pong(t=True), b'{"type":"pong","t":true}', id="pong-bool"),
        pytest.param(Pong(t="\u00e9"), '{"type":"pong","t":"\u00e9"}'.encode(), id="pong-text"),
    ],
)
def test_a_frame_is_sent_as_these_bytes(frame: Outgoing, wire: bytes) -> None:
    assert frame.encode() == wire


def test_what_we_send_is_closed_and_does_not_change() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Status.model_validate({"type": "status", "state": "live", "since": 1})
    with pytest.raises(ValidationError, match="frozen"):
        Ok(cid="k").cid = "l"  # type: ignore[misc] # frozen: this is the point


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        pytest.param(
            SessionId,
            ["a", "A.b_c-9", "x" * 128, "new_1700000000", "..", "-"],
            ["", "x" * 129, "a b", "a/b", "a\n", "é", 7],
            id="session",
        ),
        pytest.param(Epoch, ["0" * 16], ["0" * 15, "0" * 17, "G" * 16, "0" * 16 + "\n"]),
        pytest.param(
            Cid, ["k", "a b~!", "x" * 64], ["", "x" * 65, "é", "a\n", "\x7f", 7], id="cid"
        ),
        pytest.param(MessageId, ["u-7", "x" * 64], ["", "x" * 65, "\t"], id="message"),
        pytest.param(ClientId, ["a1b2"], ["", "x" * 65, "é"], id="client"),
        pytest.param(CallId, ["c7-1-0", "é" * 64], ["", "x" * 65], id="call"),
    ],
)
def test_ids_have_the_form_of_the_protocol(kind: Any, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if not accepts(kind, value)] == []
    assert [value for value in bad if accepts(kind, value)] == []


HELLO: dict[str, Any] = {"type": "hello", "version": 1, "client": {"id": "a1b2"}}


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({}, id="least"),
        pytest.param({"role": "observer"}, id="observer"),
        pytest.param({"resume": {"epoch": "e", "seq": 0}}, id="resume"),
        pytest.param({"tools": ["read_file", {"name": "x", "parameters": {}}]}, id="tools"),
        pytest.param({"tools": []}, id="no-tools"),
        pytest.param({"client": {"id": "a", "name": "n", "version": "1", "os": "x"}}, id="client"),
        pytest.param({"later": "field"}, id="unknown-field"),
    ],
)
def test_a_hello_is_read(fields: dict[str, Any]) -> None:
    assert Hello.model_validate(HELLO | fields).type == "hello"


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"version": "1"}, id="version-is-text"),
        pytest.param({"client": {}}, id="client-without-id"),
        pytest.param({"client": {"id": "x" * 65}}, id="client-id-too-long"),
        pytest.param({"role": "owner"}, id="unknown-role"),
        pytest.param({"resume": {"epoch": "e", "seq": -1}}, id="negative-position"),
        pytest.param({"resume": {"epoch": "e", "seq": True}}, id="position-is-a-bool"),
        pytest.param({"tools": ["x"] * 65}, id="too-many-tools"),
        pytest.param({"tools": [{"name": "1x", "parameters": {}}]}, id="tool-name"),
        pytest.param({"tools": [{"name": "x"}]}, id="tool-without-parameters"),
    ],
)
def test_a_hello_with_a_fault_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Hello.model_validate(HELLO | fields)


@pytest.mark.parametrize(
    ("timeout_ms", "is_good"), [(999, False), (1000, True), (3_600_000, True), (3_600_001, False)]
)
def test_a_declared_tool_has_a_bounded_timeout(timeout_ms: int, *, is_good: bool) -> None:
    declaration = {"name": "x", "parameters": {}, "timeout_ms": timeout_ms}

    assert accepts(ToolDeclaration, declaration) is is_good


def test_given_fields_are_those_that_are_there_and_share_their_values() -> None:
    parameters = {"properties": {"a": None}}
    hello = Hello.model_validate(
        HELLO | {"tools": [{"name": "x", "parameters": parameters}], "later": 1}
    )

    given = hello.given()

    assert given == {
        "type": "hello",
        "version": 1,
        "client": {"id": "a1b2"},
        "role": "driver",
        "tools": hello.tools,
    }
    assert hello.tools is not None
    (tool,) = hello.tools
    assert isinstance(tool, ToolDeclaration)
    assert tool.given()["parameters"] == parameters


@pytest.mark.parametrize("t", [None, "x", 1, 1.5, True])
def test_a_ping_may_carry_any_scalar(t: Any) -> None:
    assert Ping.model_validate({"type": "ping", "t": t}).t is t


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        pytest.param(Ping, {"type": "ping", "t": []}, id="ping-list"),
        pytest.param(Ack, {"type": "ack", "seq": -1}, id="ack-negative"),
        pytest.param(Ack, {"type": "ack", "seq": 1.0}, id="ack-float"),
        pytest.param(Auth, {"type": "auth", "token": "", "cid": "k"}, id="auth-empty"),
        pytest.param(Auth, {"type": "auth", "token": "x" * 8193, "cid": "k"}, id="auth-long"),
        pytest.param(Auth, {"type": "auth", "token": "x"}, id="auth-without-cid"),
    ],
)
def test_small_frames_with_a_fault_are_refused(
    kind: type[BaseModel], frame: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(frame)


def test_limits_are_those_of_the_protocol() -> None:
    assert frames.MAX_FRAME_BYTES == 1_048_576
    assert frames.MAX_RESULT_BYTES == 524_288
    assert frames.MAX_PART_CHARS == 393_216
    assert frames.MAX_PARTED_BYTES == 8_388_608
    assert frames.SNAPSHOT_MAX_BYTES == 786_432
    assert (frames.HEARTBEAT_MS, frames.RECENT_CIDS, frames.PROTOCOL_VERSION) == (15_000, 64, 1)
    assert (frames.SUBPROTOCOL, frames.BEARER_SUBPROTOCOL) == ("codelab.v1", "codelab.bearer.")
    assert typing.get_args(frames.Delivery) == ("queue", "steer", "interrupt")
