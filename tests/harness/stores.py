"""One store, seen by several runtime processes, with a hand in its keys."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from codelab_core.clock import SYSTEM_CLOCK
from codelab_core.settings import RuntimeSettings
from codelab_runtime.answers import Claim, Committed, Ingested, committed
from codelab_runtime.backend import Backend, open_backend
from codelab_runtime.connection import Call, Connection
from codelab_runtime.keys import Keys
from codelab_runtime.reading import Reader
from codelab_runtime.store import Commit, NewCommand, Store

SID = "s-1"
ANN = "ann"
TTL_S = 3600
LEASE_MS = 3_000


@dataclass
class Bench:
    """Two processes, `one` and `two`, and the server's own view of what they leave."""

    backend: Backend
    keys: Keys
    one: Store
    two: Store
    reader: Reader

    @property
    def redis(self) -> Any:
        """A bare client."""
        return self.backend.commands

    def key(self, part: str, session_id: str = SID) -> str:
        """Name of one key of the session."""
        return self.keys.session(session_id, part)

    async def opened(self, session_id: str = SID, principal: str = ANN) -> None:
        """The session exists."""
        await self.one.open(session_id, principal, TTL_S)

    async def claimed(self, store: Store | None = None) -> Claim:
        """The session exists and is driven."""
        await self.opened()
        claim = await (store or self.one).claim(SID)
        assert claim is not None
        return claim

    async def put(self, cid: str, store: Store | None = None, **fields: Any) -> Ingested:
        """A command; nobody claims the session with it unless `want` is given."""
        return await (store or self.one).ingest(command(cid, **fields))

    async def commit(self, wanted: Commit, store: Store | None = None) -> Committed:
        """Commit once."""
        by = store or self.one
        return committed(await by.connection.run(by.commit_call(wanted)))

    async def reply(self, call: Call) -> list[Any]:
        """The bare reply of a script."""
        return await self.one.connection.run(call)

    async def meta(self, *names: str) -> list[str | None]:
        """Fields of the session's hash."""
        found = await self.redis.hmget(self.key("meta"), *names)
        return [None if value is None else value.decode() for value in found]

    async def set_meta(self, **fields: Any) -> None:
        """Change the session's hash behind everybody's back."""
        await self.redis.hset(self.key("meta"), mapping=fields)

    async def slots(self) -> dict[str, str]:
        """The table of calls."""
        found = await self.redis.hgetall(self.key("tc"))
        return {name.decode(): value.decode() for name, value in found.items()}

    async def set_slots(self, **slots: str) -> None:
        """Open calls without an owner; `c1_a` stands for `c1#a`."""
        named = {name.replace("_", "#"): value for name, value in slots.items()}
        await self.redis.hset(self.key("tc"), mapping=named)

    async def lease_is_over(self, by_ms: int = 1) -> None:
        """Let the lease of the session have ended that long ago; negative: it ends later."""
        end = await self.now_ms() - by_ms
        await self.set_meta(lu=end)
        await self.redis.zadd(self.keys.lease(0), {SID: end})

    async def now_ms(self) -> int:
        """The server's time."""
        seconds, micros = await self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000

    async def queues(self) -> tuple[list[str], list[str]]:
        """Sessions that are ready, and those that are owned."""
        ready = await self.redis.zrange(self.keys.ready(0), 0, -1)
        owned = await self.redis.zrange(self.keys.lease(0), 0, -1)
        return [name.decode() for name in ready], [name.decode() for name in owned]

    async def stream(self, part: str) -> list[tuple[str, bytes]]:
        """Ids and contents of a stream of the session."""
        found = await self.redis.xrange(self.key(part))
        return [(entry.decode(), fields[b"d"]) for entry, fields in found]


def command(cid: str, **fields: Any) -> NewCommand:
    """A command of ann's client `k`; its digest and body follow from the `cid`."""
    plain = NewCommand(SID, ANN, f"k/{cid}", f"d-{cid}", f'{{"cid":"{cid}"}}'.encode(), want=False)
    return replace(plain, **fields)


def commit_of(claim: Claim, op: str = "op-1", **fields: Any) -> Commit:
    """A commit from where the claim found the session."""
    plain = Commit(SID, claim.fence, op, claim.head, claim.jn, claim.ic)
    return replace(plain, **fields)


@asynccontextmanager
async def bench_of(url: str, buckets: int = 1) -> AsyncIterator[Bench]:
    """A bench on that store, under a key prefix of its own."""
    keys = Keys(f"t{secrets.token_hex(6)}", buckets)
    async with open_backend(RuntimeSettings.load(redis_url=url)) as backend:
        connection = Connection(backend.commands)
        one, two = (Store(connection, keys, SYSTEM_CLOCK, LEASE_MS) for _ in "12")
        yield Bench(backend, keys, one, two, Reader(connection, keys))


async def run(bench: Bench, name: str, keys: list[str], *args: Any) -> list[Any]:
    """The bare reply of any script."""
    scripts = cast("Any", bench.one)._scripts
    return await bench.reply(Call(scripts[name], keys, args))
