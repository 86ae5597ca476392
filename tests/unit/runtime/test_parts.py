from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import ToolResult
from codelab_core.protocol.frames import MAX_PART_CHARS, MAX_PARTED_BYTES
from codelab_runtime.answers import Ingested
from codelab_runtime.commands import Sender
from codelab_runtime.parts import MAX_KEPT_BYTES, MAX_PARTS, Parts
from harness.stores import SID, Bench, bench_of

SENDER = Sender(SID, "ann", "k", "1")


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        await made.opened()
        await made.set_slots(c1="open")
        yield made


def parts(bench: Bench) -> Parts:
    return Parts(bench.one, bench.reader)


def piece(index: int, chunk: str, *, last: bool = False, call_id: str = "c1") -> ToolResult:
    fields: dict[str, Any] = {"part": {"index": index, "last": last}, "chunk": chunk}
    return ToolResult.model_validate({"type": "tool_result", "call_id": call_id, **fields})


async def refusal(made: Parts, what: ToolResult, sender: Sender = SENDER) -> tuple[Code, Any]:
    with pytest.raises(CodelabError) as caught:
        await made.take(sender, what)
    return caught.value.code, caught.value.reason


async def test_the_last_piece_makes_the_whole(bench: Bench) -> None:
    made = parts(bench)

    first = await made.take(SENDER, piece(0, '{"a":"ä'))
    whole = await made.take(SENDER, piece(1, 'ö"}', last=True))
    again = await made.take(SENDER, piece(1, 'ö"}', last=True))

    assert (first, whole, again) == (None, {"result": {"a": "äö"}}, {"result": {"a": "äö"}})
    await made.drop(SENDER, piece(1, "", last=True))
    assert await bench.redis.hgetall(bench.key("blob")) == {}


async def test_a_missing_piece_may_still_come(bench: Bench) -> None:
    made = parts(bench)

    refused = await refusal(made, piece(1, "2]", last=True))
    await made.take(SENDER, piece(0, "[1,"))

    assert refused == (Code.INVALID_REQUEST, "body")
    assert await made.take(SENDER, piece(1, "2]", last=True)) == {"result": [1, 2]}


async def test_pieces_that_make_no_json_are_dropped(bench: Bench) -> None:
    made = parts(bench)
    await made.take(SENDER, piece(0, "{"))

    assert await refusal(made, piece(1, "{", last=True)) == (Code.INVALID_REQUEST, "body")
    assert await bench.redis.hgetall(bench.key("blob")) == {}


async def test_a_result_has_a_largest_size(bench: Bench) -> None:
    made = parts(bench)
    chunk = "x" * MAX_PART_CHARS
    count = MAX_PARTED_BYTES // MAX_PART_CHARS
    for index in range(count):
        await made.take(SENDER, piece(index, chunk))

    assert await refusal(made, piece(count, chunk)) == (Code.TOO_LARGE, "result")
    assert await bench.reader.part_sizes(SID) == {}
    assert await refusal(made, piece(MAX_PARTS, "x")) == (Code.TOO_LARGE, "result")


async def test_the_pieces_of_a_session_have_a_largest_size(bench: Bench) -> None:
    made = parts(bench)
    for name in ("part:c2:0", "part:c3:0"):
        await bench.reader.keep_part(SID, name, b"x" * (MAX_KEPT_BYTES // 2))

    assert await refusal(made, piece(0, "x")) == (Code.TOO_LARGE, "result")


async def test_pieces_are_for_calls_of_ones_own_session(bench: Bench) -> None:
    made = parts(bench)
    bob = Sender(SID, "bob", "k", "1")

    assert await refusal(made, piece(0, "x", call_id="c9")) == (Code.NOT_FOUND, "call_unknown")
    assert await refusal(made, piece(0, "x"), bob) == (Code.SESSION_NOT_FOUND, None)
    with pytest.raises(CodelabError, match="SESSION_NOT_FOUND"):
        await made.accepted(bob)


async def test_what_is_no_piece_is_refused(bench: Bench) -> None:
    whole = ToolResult(type="tool_result", call_id="c1", result=1)

    assert await refusal(parts(bench), whole) == (Code.INVALID_REQUEST, "body")


async def test_a_last_piece_that_was_accepted_is_known(bench: Bench) -> None:
    await bench.put("1", slot="c1", answer_digest="x")

    assert await parts(bench).accepted(SENDER) == Ingested(1, duplicate=True)
    assert await parts(bench).accepted(Sender(SID, "ann", "k", "2")) is None


async def test_half_a_surrogate_pair_may_end_a_piece(bench: Bench) -> None:
    made = parts(bench)
    text = orjson.dumps("😀").decode()

    await made.take(SENDER, piece(0, text[:1]))

    assert await made.take(SENDER, piece(1, text[1:], last=True)) == {"result": "😀"}
