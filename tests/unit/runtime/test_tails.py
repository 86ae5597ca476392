import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.server import cancelled_at_end
from codelab_runtime.answers import Claim
from codelab_runtime.channels import Channels
from codelab_runtime.tail import Stream, Tail
from codelab_runtime.tails import CALM_AFTER, GONE, Tails
from harness.stores import ANN, SID, Bench, bench_of, commit_of


@dataclass
class Readers:
    """The tails of a process that owns nothing, and the owner's hand."""

    bench: Bench
    tails: Tails
    claim: Claim
    head: int = 0

    async def write(self, *events: bytes) -> None:
        """The owner, another process, commits."""
        wanted = commit_of(self.claim, f"op-{self.head}", head=self.head, events=events)
        self.head = (await self.bench.commit(wanted)).head

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[tuple[Tail, Stream]]:
        """A reader that has all there is so far."""
        async with self.tails.using(SID, ANN) as tail:
            stream = Stream()
            tail.join(stream, tail.last)
            yield tail, stream


@pytest.fixture
async def readers() -> AsyncIterator[Readers]:
    async with bench_of("embedded:memory") as bench, cancelled_at_end() as tasks:
        claim = await bench.claimed()
        channels = Channels(bench.backend.channels)
        channels.hear(bench.keys.wake(0), lambda _: None)
        tasks.create_task(channels.run())
        yield Readers(bench, Tails(bench.two, bench.reader, channels), claim)


async def taken(stream: Stream) -> bytes:
    with anyio.fail_after(20):
        return await stream.take()


def frame(tail: Tail, seq: int, event: bytes) -> bytes:
    return b"id: %b:%d\ndata: %b\n\n" % (tail.epoch.encode(), seq, event)


async def test_a_reader_hears_what_another_process_writes(readers: Readers) -> None:
    await readers.write(b"a")

    async with readers.reading() as (tail, stream):
        await readers.write(b"b")

        assert await taken(stream) == frame(tail, 2, b"b")
    assert readers.tails.get(SID) is None


@pytest.mark.parametrize("principal", ["bob", ANN])
async def test_a_session_that_is_not_ones_own_has_no_tail(readers: Readers, principal: str) -> None:
    name = SID if principal == "bob" else "s-none"

    with pytest.raises(CodelabError) as caught:
        async with readers.tails.using(name, principal):
            pass

    assert caught.value.code is Code.SESSION_NOT_FOUND
    assert readers.tails.get(name) is None


async def test_readers_of_one_session_share_its_tail(readers: Readers) -> None:
    async with readers.reading() as (one, _):
        async with readers.reading() as (two, _):
            assert one is two
        assert readers.tails.get(SID) is one
    assert readers.tails.get(SID) is None


async def test_a_lost_message_is_fetched_by_the_check(readers: Readers) -> None:
    async with readers.reading() as (tail, stream):
        await readers.tails.owned(SID)  # nothing is heard any more
        await readers.tails.mend()
        await readers.write(b"a")
        readers.tails._owned.discard(SID)

        await readers.tails.check()

        assert await taken(stream) == frame(tail, 1, b"a")


async def test_a_log_that_lost_its_end_goes_on_in_another_epoch(readers: Readers) -> None:
    await readers.write(b"a", b"b")
    async with readers.reading() as (tail, stream):
        await readers.bench.set_meta(head=1)

        await readers.tails.check()

        assert stream.ended
        (epoch,) = await readers.bench.meta("ep")
        assert epoch not in {None, tail.epoch}


async def test_a_session_of_ours_is_fed_by_its_worker(readers: Readers) -> None:
    async with readers.reading() as (tail, stream):
        await readers.tails.owned(SID)
        await readers.write(b"a")
        await readers.tails.mend()
        fetched = await taken(stream)
        tail.feed(tail.epoch, 2, [b"b"])
        fed = await taken(stream)
        await readers.tails.disowned(SID)
        await readers.write(b"never fed")

    assert (fetched, fed) == (frame(tail, 1, b"a"), frame(tail, 2, b"b"))


async def test_what_came_while_changing_hands_is_fetched(readers: Readers) -> None:
    async with readers.reading() as (tail, stream):
        await readers.tails.owned(SID)
        await readers.tails.mend()
        await readers.write(b"a")

        await readers.tails.disowned(SID)
        await readers.tails.mend()

        assert await taken(stream) == frame(tail, 1, b"a")


async def test_the_end_of_a_session_is_told_once(readers: Readers) -> None:
    async with readers.reading() as (_, stream):
        await readers.bench.redis.delete(readers.bench.key("meta"))

        await readers.tails.check()

        assert (await taken(stream), stream.ended) == (GONE, True)
    readers.tails.gone(SID)


async def test_a_log_that_began_anew_ends_its_readers(readers: Readers) -> None:
    async with readers.reading() as (old, stream):
        await readers.bench.set_meta(ep="f" * 16)

        await readers.tails.check()
        async with readers.reading() as (new, _):
            assert new.epoch == "f" * 16

    assert old is not new
    assert stream.ended


async def test_after_a_lost_connection_everything_is_looked_at(readers: Readers) -> None:
    async with readers.reading() as (tail, _):
        readers.tails.check_soon()

        assert tail.lacks
        await readers.tails.mend()
        assert not tail.lacks


async def test_a_session_without_news_is_looked_at_less_often(readers: Readers) -> None:
    async with readers.reading() as (tail, _):
        due = [readers.tails._is_due(tail) for _ in range(CALM_AFTER + 30)]

    assert all(due[: CALM_AFTER - 1])
    assert sum(due[CALM_AFTER:]) == 2


async def test_a_repair_that_fails_is_done_again(readers: Readers) -> None:
    async with readers.reading() as (tail, stream):
        await readers.tails.owned(SID)
        await readers.write(b"a")
        connection = readers.bench.two.connection
        redis, connection.redis = connection.redis, Broken()  # type: ignore[assignment]

        with pytest.raises(CodelabError, match="UNAVAILABLE"):
            await readers.tails.repair(tail)

        connection.redis = redis
        assert tail.lacks
        await readers.tails.mend()
        assert await taken(stream) == frame(tail, 1, b"a")


class Broken:
    """A client whose server is away."""

    def pipeline(self, **_: object) -> None:
        raise OSError


async def test_a_reader_that_comes_while_the_session_becomes_ours_does_not_wait(
    readers: Readers,
) -> None:
    with anyio.fail_after(1):
        async with asyncio.TaskGroup() as tasks:
            for _ in range(20):
                tasks.create_task(_come_and_go(readers))
                await readers.tails.owned(SID)
                await asyncio.sleep(0)
                tasks.create_task(readers.tails.disowned(SID))
                await asyncio.sleep(0)


async def _come_and_go(readers: Readers) -> None:
    async with readers.reading():
        await asyncio.sleep(0)
