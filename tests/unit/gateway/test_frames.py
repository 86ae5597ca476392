import gc
import time
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import Cancel, HitlDecision, ToolResult, UserMessage
from codelab_core.protocol.frames import Ack, Auth, Ping
from codelab_core.settings import GatewaySettings
from codelab_gateway.frames import FrameBounds, parse_command, parse_hello, parse_object

BOUNDS = FrameBounds.of(GatewaySettings())
MIB = 1_048_576
MAX_STALL_S = 0.25


def refused(raw: bytes | None, bounds: FrameBounds = BOUNDS) -> tuple[Code, str | None]:
    with pytest.raises(CodelabError) as error:
        parse_object(raw, bounds)
    return error.value.code, error.value.reason


def nested(levels: int) -> bytes:
    """An object with `levels` levels, itself included."""
    return b'{"a":' + b"[" * (levels - 1) + b"]" * (levels - 1) + b"}"


class TestObject:
    """Bytes to a JSON object."""

    @pytest.mark.parametrize(
        ("raw", "frame"),
        [
            pytest.param(b"{}", {}, id="empty"),
            pytest.param(b' {"type":"ping"} ', {"type": "ping"}, id="blanks"),
            pytest.param(b'{"a":null,"b":{"c":null}}', {"b": {"c": None}}, id="null-is-absent"),
            pytest.param(b'{"a":1,"a":2}', {"a": 2}, id="last-duplicate-counts"),
            pytest.param(b'{"a":1,"a":null}', {}, id="last-duplicate-is-null"),
            pytest.param('{"a":"é\\u00e9"}'.encode(), {"a": "éé"}, id="unicode"),
            pytest.param(b'{"a":"\\ud83d\\ude00"}', {"a": "\U0001f600"}, id="surrogate-pair"),
        ],
    )
    def test_an_object_is_read(self, raw: bytes, frame: dict[str, Any]) -> None:
        assert parse_object(raw, BOUNDS) == frame

    @pytest.mark.parametrize(
        "raw",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"{", id="half"),
            pytest.param(b"[]", id="array"),
            pytest.param(b'"x"', id="text"),
            pytest.param(b"null", id="null"),
            pytest.param(b'{"a":NaN}', id="nan"),
            pytest.param(b'{"a":Infinity}', id="infinity"),
            pytest.param(b'{"a":1e999}', id="beyond-a-double"),
            pytest.param(b'{"a":"\\ud800"}', id="lone-surrogate"),
            pytest.param("\ud800".encode("utf-8", "surrogatepass"), id="surrogate-bytes"),
            pytest.param(b'{"a":"\x00"}', id="nul"),
            pytest.param(b"\xff\xfe{}", id="other-encoding"),
            pytest.param(b"{}{}", id="two-objects"),
            pytest.param(b"{'a':1}", id="single-quotes"),
            pytest.param(b'{"a":1,}', id="trailing-comma"),
        ],
    )
    def test_anything_else_is_no_frame(self, raw: bytes) -> None:
        assert refused(raw) == (Code.INVALID_FORMAT, "json")

    def test_a_binary_frame_is_refused(self) -> None:
        assert refused(None) == (Code.INVALID_FORMAT, "binary")

    def test_the_bound_is_in_bytes_and_inclusive(self) -> None:
        full = b'{"a":"' + "é".encode() * ((MIB - 8) // 2) + b'"}'

        assert len(full) == MIB
        assert parse_object(full, BOUNDS)
        assert refused(full + b" ") == (Code.TOO_LARGE, "frame")

    @pytest.mark.parametrize("levels", [64, 63, 2])
    def test_64_levels_are_fine(self, levels: int) -> None:
        assert parse_object(nested(levels), BOUNDS) is not None

    @pytest.mark.parametrize("levels", [65, 1000, 1025, 10_000, 500_000])
    def test_more_are_too_deep(self, levels: int) -> None:
        assert refused(nested(levels)) == (Code.INVALID_FORMAT, "depth")

    def test_brackets_in_strings_are_text(self) -> None:
        text = '[{"\\[{' * 100

        raw = orjson.dumps({text: [text], "b": {"c": text}})

        assert parse_object(raw, BOUNDS) == {text: [text], "b": {"c": text}}

    def test_breadth_is_no_depth(self) -> None:
        raw = b'{"a":[' + b",".join([b"[]", b"{}"] * 1000) + b"]}"

        assert len(parse_object(raw, BOUNDS)["a"]) == 2000

    @settings(max_examples=200)
    @given(
        st.recursive(
            st.none() | st.text(st.sampled_from('[]{}"\\a'), max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
            max_leaves=30,
        )
    )
    def test_depth_is_that_of_the_value(self, value: Any) -> None:
        def depth(node: Any) -> int:
            inner = node.values() if isinstance(node, dict) else node
            return 1 + max(map(depth, inner), default=0) if isinstance(node, dict | list) else 0

        raw, levels = orjson.dumps({"a": value}), depth({"a": value})
        at_bound = FrameBounds(MIB, levels, 1, 1)

        parse_object(raw, at_bound)
        if levels > 1:
            below = FrameBounds(MIB, levels - 1, 1, 1)
            assert refused(raw, below) == (Code.INVALID_FORMAT, "depth")


def full_frame(unit: bytes, opening: bytes = b"[", closing: bytes = b"]") -> bytes:
    """A tool result of 1 MiB that consists of one thing, again and again."""
    head = b'{"type":"tool_result","call_id":"c","result":' + opening
    count = (MIB - len(head) - len(closing) - 1) // (len(unit) + 1)
    return head + b",".join([unit] * count) + closing + b"}"


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Only what a test makes itself is looked at by the garbage collector, as in a service."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(full_frame(b"[]"), id="lists"),
        pytest.param(full_frame(b"{}"), id="objects"),
        pytest.param(full_frame(b"[" * 60 + b"]" * 60), id="deep-lists"),
        pytest.param(full_frame(b'{"a":{"b":[]}}'), id="deep-objects"),
        pytest.param(full_frame(b"1.5"), id="numbers"),
        pytest.param(full_frame(b'"["'), id="texts"),
        pytest.param(full_frame(b'"a":[]', b"{", b"}"), id="duplicate-keys"),
        pytest.param(full_frame(b'\\"[', b'"', b'"'), id="quotes-in-a-text"),
        pytest.param(b'"' + b'\\"' * (MIB // 2 - 1), id="text-without-end"),
        pytest.param(b"[" * MIB, id="brackets-without-end"),
    ],
)
@pytest.mark.usefixtures("small_heap")
def test_no_frame_of_a_mebibyte_holds_up_the_others(raw: bytes) -> None:
    """P19."""
    began = time.process_time()
    try:
        command = parse_command(parse_object(raw, BOUNDS), BOUNDS, plain=False)
        assert isinstance(command, ToolResult)
        orjson.dumps(command.given())
    except CodelabError as error:
        assert error.code is Code.INVALID_FORMAT  # noqa: PT017 -- either is fine, if it is fast

    assert time.process_time() - began < MAX_STALL_S


class TestHello:
    """The first frame of version 1."""

    def test_a_hello_is_read(self) -> None:
        frame = {"type": "hello", "version": 1, "client": {"id": "a1b2"}}

        assert parse_hello(frame).client.id == "a1b2"

    @pytest.mark.parametrize("rest", [{}, {"client": "of another shape"}])
    def test_another_version_is_refused_by_its_number_alone(self, rest: dict[str, Any]) -> None:
        with pytest.raises(CodelabError) as error:
            parse_hello({"type": "hello", "version": 2, **rest})

        assert error.value.code is Code.UNSUPPORTED_VERSION
        assert error.value.details == {"supported": [1]}

    @pytest.mark.parametrize(
        "frame",
        [
            pytest.param({"type": "hello", "client": {"id": "a"}}, id="no-version"),
            pytest.param({"type": "hello", "version": "1", "client": {"id": "a"}}, id="text"),
            pytest.param({"type": "hello", "version": 1}, id="no-client"),
            pytest.param({"type": "ping"}, id="no-hello"),
        ],
    )
    def test_a_fault_is_named(self, frame: dict[str, Any]) -> None:
        with pytest.raises(CodelabError) as error:
            parse_hello(frame)

        assert (error.value.code, error.value.reason) == (Code.INVALID_FORMAT, "field")


def parsed(frame: dict[str, Any], *, plain: bool = False) -> Any:
    return parse_command(frame, BOUNDS, plain=plain)


def fault(frame: dict[str, Any], *, plain: bool = False) -> tuple[Code, str | None, str]:
    with pytest.raises(CodelabError) as error:
        parsed(frame, plain=plain)
    return error.value.code, error.value.reason, error.value.message


class TestCommand:
    """An object to what is asked."""

    @pytest.mark.parametrize("plain", [True, False])
    @pytest.mark.parametrize(
        ("frame", "kind"),
        [
            ({"type": "user_message", "content": "x"}, UserMessage),
            ({"type": "user_message", "content": "x", "role": "user"}, UserMessage),
            ({"type": "tool_result", "call_id": "c"}, ToolResult),
            ({"type": "hitl_decision", "call_id": "c", "decision": "approve"}, HitlDecision),
            ({"type": "cancel"}, Cancel),
            ({"type": "ping", "t": 1}, Ping),
        ],
    )
    def test_each_type_is_read_in_both_modes(
        self, frame: dict[str, Any], kind: type, *, plain: bool
    ) -> None:
        assert isinstance(parsed(frame, plain=plain), kind)

    def test_plain_clients_have_nothing_to_acknowledge(self) -> None:
        frame = {"type": "ack", "seq": 1}

        assert parsed(frame) == Ack(type="ack", seq=1)
        assert fault(frame, plain=True)[0] is Code.UNKNOWN_TYPE

    def test_a_token_is_renewed_in_version_1_only(self) -> None:
        frame = {"type": "auth", "token": "t", "cid": "k"}

        assert parsed(frame) == Auth(type="auth", token="t", cid="k")
        assert parsed(frame, plain=True) is None

    @pytest.mark.parametrize("kind", ["plan_decision", "system_event", "auth"])
    def test_frames_of_older_clients_mean_nothing(self, kind: str) -> None:
        """P4."""
        assert parsed({"type": kind, "content": 7}, plain=True) is None

    @pytest.mark.parametrize("kind", ["plan_decision", "system_event", "switch_agent"])
    def test_version_1_does_not_know_them(self, kind: str) -> None:
        assert fault({"type": kind, "content": "x"})[0] is Code.UNKNOWN_TYPE

    def test_switching_the_agent_with_a_text_is_a_message(self) -> None:
        """P4."""
        frame = {"type": "switch_agent", "content": "hi", "agent_type": "coder"}

        assert parsed(frame, plain=True) == UserMessage(type="user_message", content="hi")

    def test_switching_the_agent_without_a_text_is_unknown(self) -> None:
        assert fault({"type": "switch_agent"}, plain=True)[0] is Code.UNKNOWN_TYPE

    def test_the_other_fields_of_a_flat_object_do_not_disturb(self) -> None:
        """P3."""
        frame = {
            "type": "tool_result",
            "call_id": "c",
            "result": {"a": None},
            "tool_name": 7,
            "arguments": "x",
            "requires_approval": "x",
            "role": 7,
            "metadata": [],
            "seq": -1,
        }

        assert parsed(frame, plain=True).given() == {
            "type": "tool_result",
            "call_id": "c",
            "result": {"a": None},
        }

    def test_a_plain_client_may_say_what_the_protocol_lists(self) -> None:
        cancel = {"type": "cancel", "turn_id": "t1", "message_id": "u-1", "cid": "k"}
        message = {"type": "user_message", "content": "x", "delivery": "steer", "model": "m"}

        assert parsed(cancel, plain=True).given() == cancel
        assert parsed(message, plain=True).given() == message

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            pytest.param("nonsense", "'nonsense'", id="text"),
            pytest.param("x" * 1000, "'" + "x" * 63, id="long-text-is-cut"),
            pytest.param(7, "int", id="number"),
            pytest.param(["ping"], "list", id="list"),
            pytest.param(None, "NoneType", id="absent"),
        ],
    )
    @pytest.mark.parametrize("plain", [True, False])
    def test_an_unknown_type_is_named(self, kind: Any, shown: str, *, plain: bool) -> None:
        frame = {"content": "x"} if kind is None else {"type": kind}

        expected = (Code.UNKNOWN_TYPE, None, f"Unknown type of frame: {shown}.")
        assert fault(frame, plain=plain) == expected

    def test_a_second_hello_is_told_that_it_is_late(self) -> None:
        frame = {"type": "hello", "version": 1, "client": {"id": "a"}}

        assert fault(frame) == (Code.UNKNOWN_TYPE, None, "Only the first frame can be hello.")

    @pytest.mark.parametrize("role", ["system", "assistant", "", 7])
    @pytest.mark.parametrize("plain", [True, False])
    def test_nobody_speaks_in_another_role(self, role: Any, *, plain: bool) -> None:
        """P2."""
        frame = {"type": "user_message", "content": "x", "role": role}

        assert fault(frame, plain=plain)[:2] == (Code.INVALID_FORMAT, "role")

    @pytest.mark.parametrize(
        ("frame", "message"),
        [
            pytest.param({"type": "user_message"}, "user_message.content: Field required"),
            pytest.param({"type": "ack", "seq": "1"}, "ack.seq: Input should be a valid integer"),
            pytest.param(
                {"type": "tool_result", "call_id": "c", "chunk": "secret"},
                "tool_result: Value error, part and chunk belong together",
            ),
        ],
    )
    def test_the_first_fault_is_named_without_its_value(
        self, frame: dict[str, Any], message: str
    ) -> None:
        assert fault(frame) == (Code.INVALID_FORMAT, "field", message)

    @pytest.mark.parametrize(
        ("frame", "limit"),
        [
            pytest.param({"type": "user_message", "content": "é" * 10_001}, 10_000, id="message"),
            pytest.param(
                {
                    "type": "hitl_decision",
                    "call_id": "c",
                    "decision": "reject",
                    "feedback": "x" * 4001,
                },
                4000,
                id="feedback",
            ),
        ],
    )
    def test_texts_of_people_have_a_bound(self, frame: dict[str, Any], limit: int) -> None:
        with pytest.raises(CodelabError) as error:
            parsed(frame)

        assert (error.value.code, error.value.reason) == (Code.TOO_LARGE, "message")
        assert error.value.details == {"max": limit}

    def test_texts_at_the_bound_pass(self) -> None:
        assert parsed({"type": "user_message", "content": "é" * 10_000})
        assert parsed(
            {"type": "hitl_decision", "call_id": "c", "decision": "reject", "feedback": "x" * 4000}
        )
