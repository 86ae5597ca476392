from collections.abc import AsyncIterator

import pytest

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.connection import Connection, client
from codelab_runtime.keys import Keys
from codelab_runtime.store import NAMES, Store
from harness.stores import ANN, SID, TTL_S, Bench, bench_of, command, commit_of


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with bench_of("embedded:memory") as made:
        yield made


def test_every_process_is_another_owner() -> None:
    connection = Connection(client("unix:///nowhere"))
    owners = {Store(connection, Keys("t"), SYSTEM_CLOCK, 3000).owner for _ in range(9)}

    assert len(owners) == 9


async def test_a_session_from_its_birth_to_its_death(bench: Bench) -> None:
    opened = await bench.one.open(SID, ANN, TTL_S)
    entry = await bench.one.ingest(command("a", want=True))
    assert entry.claim is not None
    done = await bench.commit(
        commit_of(entry.claim, events=[b"{}"], consumed=1, meta={"st": "closed"})
    )
    page = await bench.two.tail(SID, opened.epoch, 0)
    touched = await bench.one.touch(SID, entry.claim.fence, TTL_S)
    renewed = await bench.one.renew(0, {SID: entry.claim.fence})
    released = await bench.one.release(SID, entry.claim.fence, "0")
    due = await bench.two.due(0, 9)
    purged = await bench.two.purge(SID, ANN, "closed")

    assert (done.head, page.events, page.state) == (1, (b"{}",), "closed")
    assert (touched, renewed, released, purged) == (True, {SID: 1}, True, True)
    assert due.session_ids == ()
    assert await bench.reader.listed(ANN, 0, 9) == ([], 0)


async def test_a_list_that_cannot_be_written_is_no_reason_to_fail(bench: Bench) -> None:
    await bench.redis.set(bench.keys.of_principal(ANN), "not a list")

    opened = await bench.one.open(SID, ANN, TTL_S)

    assert opened.created


async def test_an_absent_store_is_unavailable() -> None:
    connection = Connection(client("unix:///nowhere/store.sock"))
    store = Store(connection, Keys("t"), SYSTEM_CLOCK, 3000)

    for call in (store.claim(SID), store.open(SID, ANN, TTL_S), store.due(0, 1)):
        with pytest.raises(CodelabError) as caught:
            await call
        assert caught.value.code is Code.UNAVAILABLE
    await connection.close()


def test_all_scripts_are_there() -> None:
    assert len(set(NAMES)) == 11
