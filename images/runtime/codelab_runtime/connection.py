"""The connection to the store: which server, how scripts get there, what its failures mean."""

import hashlib
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, OutOfMemoryError, RedisError, ResponseError

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.packing import packed_pool
from codelab_runtime.sentinels import MasterPool, master_pool
from codelab_runtime.store_address import sentinel_address

CONNECT_TIMEOUT_S: Final = 1.0
COMMAND_TIMEOUT_S: Final = 2.0
TRIES: Final = 3
MAX_SOCKETS: Final = 12
"""Of one client; commits of all sessions share one."""
_FULL: Final = ("OOM", "MISCONF")
_WITH_PRELUDE: Final = frozenset({"ingest", "claim", "renew", "release", "due", "purge"})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Script:
    """One Lua text and the hash by which the server knows it."""

    text: bytes
    sha: str

    @classmethod
    def load(cls, name: str) -> "Script":
        """The script of that name, behind the prelude where it uses it."""
        folder = files("codelab_runtime") / "scripts"
        parts = ["prelude", name] if name in _WITH_PRELUDE else [name]
        text = b"\n".join((folder / f"{part}.lua").read_bytes() for part in parts)
        return cls(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


@dataclass(frozen=True, slots=True)
class Call:
    """One run of a script."""

    script: Script
    keys: Sequence[str]
    args: Sequence[str | bytes | int | float]


def client(
    url: str,
    *,
    timeout_s: float | None = COMMAND_TIMEOUT_S,
    sentinel_login: Mapping[str, Any] = MappingProxyType({}),
    **options: Any,
) -> Redis:
    """A client for any address of a server; it never repeats a command by itself.

    `options` say who we are to the server, `sentinel_login` to its Sentinels: see `store_login`.
    With all of its sockets in use a command waits for one, at most 2 s: the library's own pool
    would refuse it, and a burst of new sessions with it. Raises `StoreAddressError`.
    """
    over_network = {} if url.startswith("unix://") else {"socket_keepalive": True}
    common: dict[str, Any] = {
        "max_connections": MAX_SOCKETS,
        "timeout": COMMAND_TIMEOUT_S,
        "protocol": 3,
        "retry": Retry(NoBackoff(), 0),
        "socket_connect_timeout": CONNECT_TIMEOUT_S,
        "socket_timeout": timeout_s,
        **over_network,
        **options,
    }
    address = sentinel_address(url)
    if address:
        return Redis.from_pool(master_pool(address, sentinel_login, **common))
    return Redis.from_pool(packed_pool(url, **common))


class Connection:
    """Runs scripts on one server.

    A call whose outcome is unknown is sent again: every script is idempotent.
    """

    def __init__(self, redis: Redis) -> None:
        self.redis = redis

    @property
    def term(self) -> str:
        """Which of several servers is the master; empty where there is only one."""
        pool = self.redis.connection_pool
        return pool.term if isinstance(pool, MasterPool) else ""

    async def run(self, call: Call) -> list[Any]:
        """The reply of one script.

        Raises `UNAVAILABLE`: store_unavailable after three tries, store_full where the server has
        no room to write.
        """
        (reply,) = await self.run_each([call])
        if isinstance(reply, CodelabError):
            raise reply
        return reply

    async def run_each(self, calls: Sequence[Call]) -> list[list[Any] | CodelabError]:
        """The reply, or the refusal, of each of several scripts, sent in one round trip.

        Raises `UNAVAILABLE`/store_unavailable where the server itself cannot be reached.
        """
        error: Exception | None = None
        for _ in range(TRIES):
            try:
                replies = await self._pipeline(calls)
                await self._teach(calls, replies)
            except (RedisError, OSError) as fault:
                error = fault
                continue
            return [as_codelab_error(r) if isinstance(r, RedisError) else r for r in replies]
        raise CodelabError(Code.UNAVAILABLE, "store_unavailable") from error

    async def _teach(self, calls: Sequence[Call], replies: list[Any]) -> None:
        """Give the server the scripts that it does not know, and run those calls again."""
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if not unknown:
            return
        for text in {calls[i].script.text for i in unknown}:
            await _awaited(self.redis.script_load(text.decode()))
        again = await self._pipeline([calls[i] for i in unknown])
        for i, reply in zip(unknown, again, strict=True):
            replies[i] = reply

    async def _pipeline(self, calls: Sequence[Call]) -> list[Any]:
        """Send all, then read all; errors of single calls come as values."""
        async with self.redis.pipeline(transaction=False) as pipe:
            for call in calls:
                _ = pipe.evalsha(call.script.sha, len(call.keys), *call.keys, *call.args)
            return list(await pipe.execute(raise_on_error=False))

    async def ping(self) -> None:
        """Return when the server answers; raise what it says instead."""
        await _awaited(self.redis.ping())

    async def now_ms(self) -> int:
        """The server's time; raises what it says instead."""
        seconds, micros = await _awaited(self.redis.time())
        return int(seconds) * 1000 + int(micros) // 1000

    async def eviction_policy(self) -> str | None:
        """What the server drops when its memory is full; `None` where it does not tell.

        Raises what it says instead where it is away.
        """
        try:
            found: dict[str, Any] = await _awaited(self.redis.info("memory"))
        except ResponseError:  # no right to ask, or no such command
            return None
        return found.get("maxmemory_policy")

    async def close(self) -> None:
        """Close all sockets."""
        await self.redis.aclose()


async def reached(reply: Any) -> Any:
    """The value of a single command. Raises `UNAVAILABLE` where the server has none to give."""
    try:
        return await _awaited(reply)
    except (RedisError, OSError) as error:
        raise as_codelab_error(error) from error


async def _awaited(reply: Any) -> Any:
    """The library's types allow for its synchronous client too."""
    return await cast("Awaitable[Any]", reply)


def as_codelab_error(error: Exception) -> CodelabError:
    """What a server's error means to a caller."""
    full = isinstance(error, OutOfMemoryError) or str(error).startswith(_FULL)
    return CodelabError(Code.UNAVAILABLE, "store_full" if full else "store_unavailable")
