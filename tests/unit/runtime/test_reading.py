from collections.abc import AsyncIterator

import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import Ingested
from codelab_runtime.reading import THREAD_FROM_BYTES, Facts
from codelab_runtime.turn.facts import Accepted
from codelab_runtime.turn.records import Renamed, SessionOpened, TurnStarted
from harness.stores import ANN, SID, Bench, bench_of, commit_of

OPENED = SessionOpened(principal=ANN)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


@pytest.mark.parametrize("size", [10, THREAD_FROM_BYTES])
async def test_the_state_is_the_fold_of_the_journal(bench: Bench, size: int) -> None:
    claim = await bench.claimed()
    started = TurnStarted(turn=1, message_id="u1", text="x" * size, model="m", at_ms=1)
    await bench.commit(commit_of(claim, records=[OPENED.encode(), started.encode()]))

    state, count = await bench.reader.state(SID)

    assert (state.principal, state.turns, count) == (ANN, 1, 2)
    assert await bench.reader.records(SID) == [OPENED, started]


async def test_a_journal_with_a_hole_is_not_folded(bench: Bench) -> None:
    claim = await bench.claimed()
    renamed = Renamed(title="x")
    await bench.commit(commit_of(claim, records=[OPENED.encode(), renamed.encode()]))
    await bench.redis.xdel(bench.key("jr"), "1-0")

    for read in (bench.reader.state, bench.reader.records):
        with pytest.raises(CodelabError) as caught:
            await read(SID)
        assert caught.value.code is Code.STATE_LOST


async def test_nothing_is_known_of_a_session_that_is_not_there(bench: Bench) -> None:
    assert (await bench.reader.state(SID))[1] == 0
    assert await bench.reader.facts([SID]) == [None]
    assert await bench.reader.facts([]) == []
    assert await bench.reader.positions([SID]) == [None]
    assert await bench.reader.positions([]) == []


async def test_the_inbox_is_read_in_order_and_in_pieces(bench: Bench) -> None:
    await bench.opened()
    await bench.set_slots(c1="expired")
    await bench.put("a")
    await bench.put("b", slot="c1", answer_digest="x")

    assert await bench.reader.inbox(SID, 0, 1) == [Accepted(1, {"cid": "a"})]
    assert await bench.reader.inbox(SID, 1, 9) == [Accepted(2, {"cid": "b"}, late=True)]


async def test_events_are_read_after_a_position(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.commit(commit_of(claim, events=[b'{"seq":1}', b'{"seq":2}']))

    assert await bench.reader.events(SID, 1) == [{"seq": 2}]
    assert await bench.reader.positions([SID]) == [(claim.epoch, 2)]


async def test_the_hash_of_a_session_as_values(bench: Bench) -> None:
    claim = await bench.claimed()
    await bench.put("a")
    fields = {"st": "active", "title": "T", "desc": "D", "model": "m", "n": "3", "turn": "t1"}
    await bench.commit(commit_of(claim, meta={**fields, "mt": "9"}, events=[b"{}"]))

    (facts,) = await bench.reader.facts([SID])

    assert facts is not None
    assert facts == Facts(
        session_id=SID,
        principal=ANN,
        epoch=claim.epoch,
        head=1,
        state="active",
        title="T",
        description="D",
        model="m",
        messages=3,
        turn="t1",
        unread=1,
        consumed=0,
        created_ms=facts.created_ms,
        updated_ms=9,
    )


async def test_accepted_commands_are_remembered(bench: Bench) -> None:
    await bench.opened()
    for cid in ("a", "attach/x1", "b", "ack/3", "c"):
        await bench.put(cid)

    assert await bench.reader.accepted(SID, "k/b") == Ingested(3, duplicate=True)
    assert await bench.reader.accepted(SID, "k/z") is None
    assert await bench.reader.recent_cids(SID, 5, 2) == ["k/b", "k/c"]
    assert await bench.reader.recent_cids(SID, 0, 2) == []


async def test_the_slot_of_a_call(bench: Bench) -> None:
    await bench.set_slots(c1="open")

    assert await bench.reader.slot(SID, "c1") == b"open"
    assert await bench.reader.slot(SID, "c2") is None
