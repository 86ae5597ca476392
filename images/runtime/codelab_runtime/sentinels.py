"""A pool of connections to whichever server the Sentinels call the master now.

Every new connection asks them. A server that lost its rank refuses writes, or closes; then the
next try asks again.
"""

from collections.abc import Mapping
from typing import Any, Final, cast

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from codelab_runtime.packing import Packed
from codelab_runtime.store_address import SentinelAddress

SENTINEL_TIMEOUT_S: Final = 1.0
"""Of one question to one Sentinel; the next is asked then."""


class PackedMaster(Packed, SentinelManagedConnection):
    """Over TCP."""


class PackedTlsMaster(Packed, SentinelManagedSSLConnection):
    """Over TLS."""


class MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master; a command waits for a free one."""

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 -- the library's
        """Close connections; with those in use, the ones to Sentinels too."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            await self.sentinel_manager.aclose()


def master_pool(
    address: SentinelAddress, login: Mapping[str, Any], **options: Any
) -> BlockingConnectionPool:
    """A pool for the master; `login` says who we are to the Sentinels, `options` to the master."""
    watch, pool = cast("Any", Sentinel), cast("Any", MasterPool)  # the library has no types here
    watchers = watch(
        address.sentinels,
        sentinel_kwargs={
            "ssl": address.is_tls,
            "socket_timeout": SENTINEL_TIMEOUT_S,
            "socket_connect_timeout": SENTINEL_TIMEOUT_S,
            "retry": Retry(NoBackoff(), 0),
            **login,
        },
    )
    kind = PackedTlsMaster if address.is_tls else PackedMaster
    made: BlockingConnectionPool = pool(address.master, watchers, connection_class=kind, **options)
    return made
