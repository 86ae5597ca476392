import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.protocol.events import AssistantMessage, TurnStarted
from codelab_runtime.encoder import encode_event, encode_events
from codelab_runtime.turn.draft import TextDelta


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    is_final=st.booleans(),
    seq=st.integers(1, 10**12),
)
@settings(max_examples=200)
def test_text_is_encoded_as_its_type_would(text: str, seq: int, *, is_final: bool) -> None:
    delta = TextDelta("t1", "m1-1-0", text, is_final)
    event = AssistantMessage(
        seq=seq, turn_id="t1", message_id="m1-1-0", token=text, content=text, is_final=is_final
    )

    assert encode_event(delta, seq) == event.encode()


def test_events_are_numbered_from_the_head() -> None:
    started = TurnStarted(turn_id="t1", message_id="u1", model="m")

    encoded = encode_events([started, TextDelta("t1", "m1-1-0", "a\nb")], 41)

    assert [orjson.loads(event)["seq"] for event in encoded] == [42, 43]
    assert [event.startswith(b'{"type":"') for event in encoded] == [True, True]
    assert [b"\n" in event for event in encoded] == [False, False]
