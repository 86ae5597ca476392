"""Whatever is asked of it, the store inside the process answers as a real server does."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codelab_core.errors import CodelabError
from codelab_runtime.answers import DivergedError, FencedError
from codelab_runtime.keys import Keys
from codelab_runtime.store import Commit, Store
from harness.stores import SID, TTL_S, Bench, bench_of, command

TIMES = {"lu", "exp", "ct", "mt", "ep"}
"""What differs from server to server in the hash of a session."""


@dataclass
class Player:
    """One bench under a sequence of calls, and what it learned from the replies."""

    bench: Bench
    fence: int = 0
    head: int = 0
    jn: int = 0

    def store(self, second: bool) -> Store:  # noqa: FBT001 -- one of two
        return self.bench.two if second else self.bench.one

    async def open(self, principal: str) -> Any:
        return await self.bench.one.open(SID, principal, TTL_S)

    async def put(self, second: bool, **fields: Any) -> Any:  # noqa: FBT001
        return await self.store(second).ingest(command(**fields))

    async def claim(self, second: bool) -> Any:  # noqa: FBT001
        claim = await self.store(second).claim(SID)
        if claim:
            self.fence, self.head, self.jn = claim.fence, claim.head, claim.jn
        return claim

    async def commit(self, second: bool, shift: int, **fields: Any) -> Any:  # noqa: FBT001
        wanted = Commit(SID, self.fence, head=self.head + shift, jn=self.jn, **fields)
        done = await self.bench.commit(wanted, self.store(second))
        self.head, self.jn = done.head, done.jn
        return done

    async def release(self, second: bool, due: str) -> Any:  # noqa: FBT001
        return await self.store(second).release(SID, self.fence, due)

    async def renew(self, second: bool, shift: int) -> Any:  # noqa: FBT001
        return await self.store(second).renew(0, {SID: self.fence + shift})

    async def tail(self, after: int, principal: str) -> Any:
        return await self.bench.one.tail(SID, "", after, 2, principal)

    async def due(self) -> Any:
        due = await self.bench.one.due(0, 10)
        return replace(due, session_ids=tuple(sorted(due.session_ids)))

    async def purge(self) -> Any:
        return await self.bench.one.purge(SID, "ann", "closed")

    async def touch(self, second: bool) -> Any:  # noqa: FBT001
        return await self.store(second).touch(SID, self.fence, TTL_S)

    async def outcome(self, name: str, arguments: dict[str, Any]) -> str:
        """The reply, or the refusal, of one call, without what is random in it."""
        call: Callable[..., Awaitable[Any]] = getattr(self, name)
        try:
            reply = await call(**arguments)
        except (CodelabError, FencedError, DivergedError) as error:
            wire = error.to_wire() if isinstance(error, CodelabError) else error.args
            return f"{type(error).__name__} {wire}"
        (epoch,) = await self.bench.meta("ep")
        return repr(reply).replace(epoch or "none", "EPOCH")

    async def remains(self) -> dict[str, Any]:
        """Everything that the store holds, but for times."""
        bench = self.bench
        meta = await bench.redis.hgetall(bench.key("meta"))
        return {
            "meta": {k: v for k, v in meta.items() if k.decode() not in TIMES},
            "dd": await bench.redis.hgetall(bench.key("dd")),
            "slots": await bench.slots(),
            "streams": [await bench.stream(part) for part in ("ev", "jr", "in")],
            "queues": await bench.queues(),
        }

    async def end_lease(self) -> None:
        if await self.bench.redis.exists(self.bench.key("meta")):
            await self.bench.lease_is_over()

    async def lock(self, state: str) -> None:
        if await self.bench.redis.exists(self.bench.key("meta")):
            await self.bench.set_meta(st=state)


second = st.booleans()
slots = st.sampled_from(["", "", "c1", "c1#a"])
CALLS = st.one_of(
    st.tuples(
        st.just("open"), st.fixed_dictionaries({"principal": st.sampled_from(["ann", "bob"])})
    ),
    st.tuples(
        st.just("put"),
        st.fixed_dictionaries(
            {
                "second": second,
                "cid": st.sampled_from("abcdef"),
                "want": second,
                "slot": slots,
                "answer_digest": st.sampled_from("xy"),
                "max_queued": st.sampled_from([None, 0, 5]),
            }
        ),
    ),
    st.tuples(st.just("claim"), st.fixed_dictionaries({"second": second})),
    st.tuples(
        st.just("commit"),
        st.fixed_dictionaries(
            {
                "second": second,
                "shift": st.sampled_from([0, 0, 0, 1]),
                "op": st.sampled_from(["o1", "o2", "o3", "o4"]),
                "consumed": st.integers(0, 2),
                "rest": st.sampled_from(["", "", "0", "9999999999999"]),
                "events": st.lists(st.just(b"{}"), max_size=3),
                "records": st.lists(st.just(b"r"), max_size=2),
                "meta": st.sampled_from([{}, {"drv": "v1"}, {"drv": "plain", "q": "3"}]),
                "slots": st.sampled_from(
                    [{}, {"c1": "open", "c1#a": "open"}, {"c1": "expired"}, {"c1:d": ""}]
                ),
            }
        ),
    ),
    st.tuples(
        st.just("release"),
        st.fixed_dictionaries(
            {"second": second, "due": st.sampled_from(["", "0", "9999999999999"])}
        ),
    ),
    st.tuples(
        st.just("renew"), st.fixed_dictionaries({"second": second, "shift": st.integers(0, 1)})
    ),
    st.tuples(
        st.just("tail"),
        st.fixed_dictionaries(
            {"after": st.integers(0, 4), "principal": st.sampled_from(["", "bob"])}
        ),
    ),
    st.tuples(st.sampled_from(["due", "purge", "end_lease"]), st.just({})),
    st.tuples(st.just("touch"), st.fixed_dictionaries({"second": second})),
    st.tuples(
        st.just("lock"), st.fixed_dictionaries({"state": st.sampled_from(["closed", "idle"])})
    ),
)


@pytest.fixture
async def both(store_server: str) -> AsyncIterator[tuple[Bench, Bench]]:
    """One bench on each kind of store; owners of the same names."""
    async with AsyncExitStack() as stack:
        benches = [
            await stack.enter_async_context(bench_of(url))
            for url in (store_server, "embedded:memory")
        ]
        for bench in benches:
            bench.one.owner, bench.two.owner = "one", "two"
        yield benches[0], benches[1]


def under_new_prefix(bench: Bench) -> Bench:
    """The same processes before an empty store."""
    keys = Keys(f"t{secrets.token_hex(6)}")
    bench.one.keys = bench.two.keys = keys
    return replace(bench, keys=keys)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(calls=st.lists(CALLS, max_size=14))
async def test_both_stores_give_the_same_replies_and_keep_the_same(
    both: tuple[Bench, Bench], calls: list[tuple[str, dict[str, Any]]]
) -> None:
    players = [Player(under_new_prefix(bench)) for bench in both]
    opening: list[tuple[str, dict[str, Any]]] = [
        ("open", {"principal": "ann"}),
        ("claim", {"second": False}),
    ]

    for name, arguments in [*opening, *calls]:
        on_server, in_memory = [await player.outcome(name, arguments) for player in players]
        assert on_server == in_memory

    server, memory = [await player.remains() for player in players]
    assert server == memory
