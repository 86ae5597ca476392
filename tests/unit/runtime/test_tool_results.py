from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import ResultReceived
from codelab_core.protocol.commands import ToolResult
from codelab_runtime.commands import Inbox, Sender
from codelab_runtime.parts import Parts
from codelab_runtime.tool_results import ToolResults
from harness.stores import SID, Bench, bench_of


class Crew:
    """Workers of a process that has no room."""

    has_room = draining = is_overloaded = False

    def ingested(self, *_: object) -> None:
        """Nobody is woken."""


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        await made.opened()
        await made.set_slots(c1="open")
        yield made


def results(bench: Bench) -> ToolResults:
    inbox = Inbox(bench.one, cast("Any", Crew()), SYSTEM_CLOCK, 3600, 16)
    return ToolResults(inbox, Parts(bench.one, bench.reader))


def sender(cid: str) -> Sender:
    return Sender(SID, "ann", "k", cid)


def result(**fields: Any) -> ToolResult:
    return ToolResult.model_validate({"type": "tool_result", "call_id": "c1", **fields})


def piece(index: int, chunk: str, *, last: bool = False) -> ToolResult:
    return result(part={"index": index, "last": last}, chunk=chunk)


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [({"result": 1}, "completed"), ({"error": "no"}, "failed"), ({}, "completed")],
)
async def test_a_result_settles_its_call(
    bench: Bench, fields: dict[str, Any], outcome: str
) -> None:
    received = await results(bench).receive(sender("1"), result(**fields))

    assert received == ResultReceived(call_id="c1")
    assert (await bench.slots())["c1:d"].split()[1:] == [outcome, "k"]


async def test_pieces_settle_it_with_the_last_one_however_often_it_comes(bench: Bench) -> None:
    made = results(bench)

    answers = [
        await made.receive(sender(cid), what)
        for cid, what in (
            ("p0", piece(0, "[1,")),
            ("p1", piece(1, "2]", last=True)),
            ("p1", piece(1, "2]", last=True)),
        )
    ]

    assert [answer.duplicate for answer in answers] == [False, False, True]
    (command,) = await bench.reader.inbox(SID, 0, 9)
    assert command.command["result"] == [1, 2]
    assert await bench.redis.hgetall(bench.key("blob")) == {}


async def test_pieces_for_an_answered_call_are_not_kept(bench: Bench) -> None:
    made = results(bench)
    await made.receive(sender("1"), result(result=1))

    await made.receive(sender("p0"), piece(0, "[1,"))
    with pytest.raises(CodelabError) as caught:
        await made.receive(sender("p1"), piece(1, "2]", last=True))

    assert (caught.value.code, caught.value.reason) == (Code.ALREADY_ANSWERED, "result")
    assert await bench.redis.hgetall(bench.key("blob")) == {}


async def test_a_late_last_piece_says_so_again(bench: Bench) -> None:
    await bench.set_slots(c1="expired")
    made = results(bench)

    answers = [await made.receive(sender("p"), piece(0, "1", last=True)) for _ in range(2)]

    assert [(a.late, a.duplicate) for a in answers] == [(True, False), (True, True)]
