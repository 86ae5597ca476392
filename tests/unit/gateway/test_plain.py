from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_gateway.plain import MAX_HELD_BYTES, PlainView, Shown

ME, OTHER = "x_me", "x_other"
MIB = 1_048_576


def text(token: str, *, final: bool = False, seq: int = 1, message: str = "m1-1-0") -> bytes:
    """An `assistant_message` as the runtime encodes it."""
    event = {"type": "assistant_message", "seq": seq, "turn_id": "t1", "message_id": message}
    return orjson.dumps({**event, "token": token, "content": token, "is_final": final})


def delta(token: str, *, final: bool = False, message: str = "m1-1-0") -> dict[str, Any]:
    """The frame that the view makes of held text."""
    ids = {"type": "assistant_message", "turn_id": "t1", "message_id": message}
    return {**ids, "token": token, "content": token, "is_final": final}


def call_event(number: int = 0, *, asks: bool = False, seq: int = 7) -> dict[str, Any]:
    return {
        "type": "tool_call",
        "seq": seq,
        "turn_id": "t1",
        "message_id": "m1-1-0",
        "call_id": f"c1-1-{number}",
        "tool_name": "write_file",
        "arguments": {"path": "a", "content": None},
        "requires_approval": asks,
        "digest": "d",
    }


def resolved(outcome: str, *, phase: str = "decision", number: int = 0, **more: Any) -> bytes:
    event = {"type": "tool_resolved", "seq": 8, "turn_id": "t1", "call_id": f"c1-1-{number}"}
    return orjson.dumps({**event, "phase": phase, "outcome": outcome, **more})


def driver(connection_id: str | None) -> bytes:
    event = {"type": "client_attached", "seq": 9, "connection_id": OTHER, "client_id": "c"}
    return orjson.dumps(event if connection_id is None else {**event, "driver": connection_id})


def frames(shown: list[Shown]) -> list[Any]:
    return [orjson.loads(item.frame) for item in shown]


def view(*, whole_turns: bool = False) -> PlainView:
    return PlainView(ME, whole_turns=whole_turns)


class TestTokens:
    """Text as it comes."""

    def test_a_delta_is_passed_on_as_it_is(self) -> None:
        """P5."""
        data = text("Hel")

        assert view().event(data) == [Shown(data)]

    def test_an_empty_final_delta_too(self) -> None:
        """P6."""
        data = text("", final=True)

        assert view().event(data) == [Shown(data)]

    def test_an_error_is_passed_on_as_it_is(self) -> None:
        """P9."""
        data = b'{"type":"error","seq":3,"code":"PROVIDER_ERROR","content":"Cut."}'

        assert view().event(data) == [Shown(data)]

    @pytest.mark.parametrize(
        "kind", ["turn_started", "turn_completed", "message_accepted", "session_snapshot", "new"]
    )
    def test_other_events_mean_nothing_to_a_plain_client(self, kind: str) -> None:
        assert view().event(orjson.dumps({"type": kind, "seq": 1})) == []

    def test_a_retracted_answer_cannot_be_unsaid_so_the_client_is_told(self) -> None:
        """P16."""
        plain = view()
        event = {"type": "message_retracted", "seq": 2, "message_id": "m1-1-0", "turn_id": "t1"}

        shown = plain.event(orjson.dumps({**event, "reason": "regenerated"}))

        assert frames(shown) == [delta("\n\n[answer restarted]\n\n")]

    def test_a_queued_message_that_was_taken_back_was_never_shown(self) -> None:
        event = {"type": "message_retracted", "seq": 2, "message_id": "u-1", "reason": "cancelled"}

        assert view().event(orjson.dumps(event)) == []


class TestWholeTurns:
    """P15: one frame per answer."""

    def test_text_is_held_until_the_turn_is_over(self) -> None:
        plain = view(whole_turns=True)

        shown = [plain.event(text(token)) for token in ("Hel", "lo")]
        last = plain.event(text("", final=True))

        assert shown == [[], []]
        assert frames(last) == [delta("Hello", final=True)]

    def test_what_is_held_comes_before_a_call(self) -> None:
        plain, call = view(whole_turns=True), call_event()
        plain.event(text("I read it."))

        shown = plain.event(orjson.dumps(call))

        assert frames(shown) == [delta("I read it."), call]

    def test_a_turn_without_text_still_has_its_final_frame(self) -> None:
        plain = view(whole_turns=True)

        assert frames(plain.event(text("", final=True))) == [delta("", final=True)]

    def test_nothing_held_makes_no_frame_before_a_call(self) -> None:
        assert len(view(whole_turns=True).event(orjson.dumps(call_event()))) == 1

    def test_retracted_text_was_held_and_is_dropped(self) -> None:
        """P16."""
        plain = view(whole_turns=True)
        plain.event(text("wrong"))

        event = {"type": "message_retracted", "seq": 2, "message_id": "m1-1-0", "turn_id": "t1"}
        shown = plain.event(orjson.dumps({**event, "reason": "regenerated"}))
        last = plain.event(text("right", final=True, message="m1-1-1"))

        assert shown == []
        assert frames(last) == [delta("right", final=True, message="m1-1-1")]

    @pytest.mark.parametrize("character", ["a", "é", "\U0001f600", '"', "\n", "\x01"], ids=ascii)
    def test_no_frame_is_larger_than_a_client_takes(self, character: str) -> None:
        plain, token = view(whole_turns=True), character * 10_000

        shown = [item for _ in range(200) for item in plain.event(text(token))]
        shown += plain.event(text(token, final=True))

        sizes = [len(item.frame) for item in shown]
        assert max(sizes) <= MIB
        assert min(sizes[:-1]) > MAX_HELD_BYTES / 2
        assert "".join(frame["token"] for frame in frames(shown)) == token * 201
        assert [frame["is_final"] for frame in frames(shown)] == [False] * (len(shown) - 1) + [True]


class TestCalls:
    """Who gets a call, and when again."""

    def test_the_driver_gets_a_call_with_the_same_bytes(self) -> None:
        data = orjson.dumps(call_event())

        assert view().event(data) == [Shown(data, call_seq=7)]

    def test_others_get_no_call(self) -> None:
        plain = view()
        plain.event(driver(OTHER))

        assert plain.event(orjson.dumps(call_event())) == []

    def test_who_becomes_the_driver_gets_the_open_calls_it_has_not_seen(self) -> None:
        plain = view()
        first, second, third = (call_event(n, seq=10 + n) for n in range(3))
        plain.event(orjson.dumps(first))
        plain.event(driver(OTHER))
        plain.event(orjson.dumps(second))
        plain.event(orjson.dumps(third))
        plain.event(resolved("completed", phase="result", number=1))

        shown = plain.event(driver(ME))

        assert frames(shown) == [third]

    def test_a_call_that_was_approved_meanwhile_comes_without_the_question(self) -> None:
        plain = view()
        plain.event(driver(OTHER))
        plain.event(orjson.dumps(call_event(asks=True)))
        plain.event(resolved("approved"))

        shown = plain.event(driver(ME))

        assert frames(shown) == [call_event(asks=False)]

    def test_nobody_drives_when_the_last_candidate_has_left(self) -> None:
        plain = view()
        plain.event(driver(None))

        assert plain.event(orjson.dumps(call_event())) == []

    def test_an_approved_call_comes_again_without_the_question(self) -> None:
        """P11."""
        plain = view()
        plain.event(orjson.dumps(call_event(asks=True)))

        shown = plain.event(resolved("approved"))

        assert shown == [Shown(orjson.dumps(call_event(asks=False)), call_seq=7)]

    def test_an_edited_call_comes_again_as_it_will_run(self) -> None:
        """P11."""
        plain = view()
        plain.event(orjson.dumps(call_event(asks=True)))
        final: dict[str, Any] = {"arguments": {"path": "b"}, "guard": {"files": []}, "digest": "e"}

        shown = plain.event(resolved("edited", **final))

        assert frames(shown) == [{**call_event(asks=False), **final}]

    def test_a_rejected_call_is_over(self) -> None:
        """P11."""
        plain = view()
        plain.event(orjson.dumps(call_event(asks=True)))

        assert plain.event(resolved("rejected")) == []
        assert plain.event(resolved("approved")) == []

    def test_a_result_is_the_decision_and_the_call_does_not_come_again(self) -> None:
        """P11: to run it twice would write the file twice."""
        plain = view()
        plain.event(orjson.dumps(call_event(asks=True)))
        plain.answered("c1-1-0")

        assert plain.event(resolved("approved")) == []
        assert plain.event(resolved("completed", phase="result")) == []

    def test_a_call_that_is_asked_again_after_a_bad_answer_is_shown_again(self) -> None:
        plain, again = view(), orjson.dumps(call_event(asks=True, seq=12))
        plain.event(orjson.dumps(call_event(asks=True)))
        plain.answered("c1-1-0")

        assert plain.event(again) == [Shown(again, call_seq=12)]
        assert len(plain.event(resolved("approved"))) == 1

    def test_what_is_not_open_is_not_shown(self) -> None:
        plain = view()
        plain.answered("c9-9-9")

        assert plain.event(resolved("approved", number=9)) == []

    def test_a_turn_that_is_over_leaves_no_call_behind(self) -> None:
        plain = view()
        plain.event(driver(OTHER))
        plain.event(orjson.dumps(call_event()))
        plain.event(b'{"type":"turn_completed","seq":20,"turn_id":"t1"}')

        assert plain.event(driver(ME)) == []


class TestBegin:
    """P12: what a new connection gets at once."""

    def test_an_empty_session_begins_with_nothing(self) -> None:
        assert view().begin({"session": {}, "messages": []}) == []

    def test_open_calls_come_in_order_with_the_same_bytes(self) -> None:
        first, second = call_event(0, seq=7), call_event(1, asks=True, seq=9)
        snapshot = {
            "tool_calls": [{**first, "state": "ready"}, {**second, "state": "awaiting_approval"}],
            "turn": {"turn_id": "t1", "state": "active"},
        }

        shown = view().begin(snapshot)

        assert shown == [Shown(orjson.dumps(first), 7), Shown(orjson.dumps(second), 9)]

    def test_the_text_so_far_comes_as_one_delta(self) -> None:
        turn = {"turn_id": "t1", "state": "active", "message_id": "m1-1-0", "text": "Hello"}

        assert frames(view().begin({"turn": turn})) == [delta("Hello")]

    def test_the_text_before_an_open_call_is_over_and_in_the_history(self) -> None:
        turn = {"turn_id": "t1", "state": "active", "message_id": "m1-1-0", "text": "Hello"}

        shown = view().begin({"turn": turn, "tool_calls": [call_event()]})

        assert frames(shown) == [call_event()]

    def test_a_long_text_comes_in_pieces_that_fit(self) -> None:
        long = "\x01" * 200_000
        turn = {"turn_id": "t1", "state": "active", "message_id": "m1-1-0", "text": long}

        shown = view().begin({"turn": turn})

        assert max(len(item.frame) for item in shown) <= MIB
        assert "".join(frame["token"] for frame in frames(shown)) == long

    def test_in_whole_turns_the_text_so_far_waits_for_the_rest(self) -> None:
        plain = view(whole_turns=True)
        turn = {"turn_id": "t1", "state": "active", "message_id": "m1-1-0", "text": "Hel"}

        shown = plain.begin({"turn": turn}) + plain.event(text("lo", final=True))

        assert frames(shown) == [delta("Hello", final=True)]

    def test_beginning_again_forgets_what_was_there(self) -> None:
        plain = view(whole_turns=True)
        plain.event(text("old"))
        plain.event(driver(OTHER))
        plain.event(orjson.dumps(call_event()))

        shown = plain.begin({})

        assert shown == []
        assert plain.event(driver(ME)) == []
        assert frames(plain.event(text("new", final=True))) == [delta("new", final=True)]

    def test_a_call_of_the_snapshot_can_be_approved(self) -> None:
        plain = view()
        plain.begin({"tool_calls": [{**call_event(asks=True), "state": "awaiting_approval"}]})

        assert frames(plain.event(resolved("approved"))) == [call_event(asks=False)]


EVENTS = st.one_of(
    st.builds(text, st.text(max_size=5)),
    st.builds(lambda n: orjson.dumps(call_event(n)), st.integers(0, 2)),
    st.builds(
        resolved,
        st.sampled_from(["approved", "rejected", "completed"]),
        phase=st.sampled_from(["decision", "result"]),
        number=st.integers(0, 2),
    ),
    st.builds(driver, st.sampled_from([ME, OTHER, None])),
)


@settings(max_examples=200)
@given(st.lists(EVENTS, max_size=30))
def test_both_ways_of_showing_tell_the_same(events: list[bytes]) -> None:
    """The same text, and the same calls after the same text."""
    stories = []
    for whole_turns in (False, True):
        plain = view(whole_turns=whole_turns)
        shown = [item for event in [*events, text("", final=True)] for item in plain.event(event)]
        story: list[str] = [""]
        for frame in frames(shown):
            if frame["type"] == "tool_call":
                story += [frame["call_id"], ""]
            else:
                story[-1] += frame["token"]
        stories.append(story)

    assert stories[0] == stories[1]
