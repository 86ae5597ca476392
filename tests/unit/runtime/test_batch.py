from dataclasses import replace

import orjson
import pytest

from codelab_core.protocol.events import TurnStarted
from codelab_runtime.batch import WAIT_MARGIN_MS, Batch, merged, meta
from codelab_runtime.turn.draft import MAX_DELTA_CHARS, Draft
from codelab_runtime.turn.facts import Chunks, Fact, Infer, Rules, TimerFired
from codelab_runtime.turn.records import SessionClosed
from codelab_runtime.turn.state import Call, Connection, SessionState, Turn

IDLE = SessionState("s1", principal="ann")
BUSY = replace(IDLE, turn=Turn(1, "u1", "hi", "m", 5))


def text(of: str, n: int, inference_id: str = "i") -> Chunks:
    return Chunks(inference_id, of, n, n * 7)


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([text("a", 1), text("b", 2)], [text("ab", 2)], id="neighbours"),
        pytest.param(
            [text("a", 1), TimerFired(), text("b", 2)],
            [text("a", 1), TimerFired(), text("b", 2)],
            id="something between",
        ),
        pytest.param(
            [text("a", 1), text("b", 1, "j")],
            [text("a", 1), text("b", 1, "j")],
            id="two inferences",
        ),
        pytest.param(
            [text("a" * MAX_DELTA_CHARS, 1), text("b", 2)],
            [text("a" * MAX_DELTA_CHARS, 1), text("b", 2)],
            id="too long together",
        ),
    ],
)
def test_neighbouring_text_is_joined(facts: list[Fact], wanted: list[Fact]) -> None:
    assert merged(facts) == wanted


def test_a_batch_takes_steps_one_after_the_other() -> None:
    batch = Batch(IDLE, {})
    first = Draft(IDLE, Rules(), 1)
    first.emit(TurnStarted(turn_id="t1", message_id="u1"))
    first.record(SessionClosed())
    second = Draft(first.state, Rules(), 2)
    second.slots["c1"] = "open"
    second.after(Infer("open", "i-1"))

    batch.add(first)
    batch.add(second)

    assert batch.state == replace(IDLE, head=1, closed=True)
    assert [orjson.loads(event)["seq"] for event in batch.encoded(41)] == [42]
    assert batch.records == [SessionClosed()]
    assert (batch.slots, batch.effects) == ({"c1": "open"}, [Infer("open", "i-1")])
    assert not batch.is_empty


def test_a_batch_is_empty_until_something_is_to_be_kept_or_done() -> None:
    nothing, consumed = Batch(IDLE, {}), Batch(IDLE, {})
    nothing.add(Draft(replace(IDLE, head=0), Rules(), 1))
    consumed.add(Draft(replace(IDLE, consumed=1), Rules(), 1))

    assert (nothing.is_empty, consumed.is_empty) == (True, False)


def test_only_what_changed_is_sent() -> None:
    batch = Batch(IDLE, {name: value for name, value in meta(IDLE).items() if name != "st"})

    assert batch.meta_changes() == {"st": "idle"}


def test_the_hash_of_a_session_at_rest() -> None:
    assert meta(IDLE) == {
        "st": "idle",
        "turn": "",
        "q": "0",
        "wait": "0",
        "drv": "",
        "title": "",
        "desc": "",
        "model": "",
        "n": "0",
        "cur": "",
    }
    assert meta(replace(IDLE, closed=True))["st"] == "closed"
    assert meta(replace(IDLE, updated_ms=7))["mt"] == "7"


def test_the_hash_of_a_session_at_work() -> None:
    calls = (
        Call("c1", "read_file", {}, phase="open", deadline_ms=50),
        Call("c2", "read_file", {}, phase="open"),
        Call("c3", "read_file", {}, phase="settled", deadline_ms=99),
    )
    turn = replace(BUSY.turn, inference_id="i-1", shown_chunks=3, crc=9, calls=calls)  # type: ignore[type-var]  # BUSY has a turn
    driver = Connection("x1", "k", "driver", "v1", ())

    fields = meta(replace(BUSY, turn=turn, connections=(driver,)))

    assert (fields["st"], fields["turn"], fields["cur"]) == ("active", "t1", "i-1 3 9")
    assert (fields["wait"], fields["drv"]) == (str(50 + WAIT_MARGIN_MS), "v1")
