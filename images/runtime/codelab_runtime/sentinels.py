"""A pool of connections to whichever server the Sentinels call the master now.

Every new connection asks them, and `look` does so again and again: a master that slept through its
own replacement still takes commands, which are lost when it wakes up to it.
"""

import logging
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
from redis.exceptions import RedisError

from codelab_runtime.packing import Packed, Tls
from codelab_runtime.store_address import SentinelAddress

SENTINEL_TIMEOUT_S: Final = 1.0
"""Of one question to one Sentinel; the next is asked then."""
LOOK_S: Final = 0.5

log = logging.getLogger(__name__)


class PackedMaster(Packed, SentinelManagedConnection):
    """Over TCP."""


class PackedTlsMaster(Packed, Tls, SentinelManagedSSLConnection):
    """Over TLS."""


class Watchers(Sentinel):
    """The Sentinels. `term` is another one for each master that they agree on.

    It counts failovers, and names the master for Sentinels that were made anew and count from 0.
    """

    term = ""

    def check_master_state(self, state: dict[str, Any], service_name: str) -> bool:
        """Whether a Sentinel's word about the master can be used."""
        fits = bool(cast("Any", super()).check_master_state(state, service_name))
        if fits:
            self.term = f"{state['config-epoch']}@{state['ip']}:{state['port']}"
        return fits


class MasterPool(SentinelConnectionPool, BlockingConnectionPool):
    """Connections to the master; a command waits for a free one."""

    @property
    def term(self) -> str:
        """Which master that is; empty before the first connection."""
        return str(self.sentinel_manager.term)

    async def get_master_address(self) -> tuple[str, int]:
        """Ask where the master is. Connections to another server are closed, also those in use."""
        before, found = self.master_address, await self._found()
        if before != found:
            self.master_address = found
            await self.disconnect()
        if before and before != found:
            log.warning("the store has another master", extra={"term": self.term})
        return found

    async def _found(self) -> tuple[str, int]:
        """What the first Sentinel says that answers."""
        address: tuple[str, int] = await self.sentinel_manager.discover_master(self.service_name)
        return address

    async def look(self) -> None:
        """Follow the master; that no Sentinel answers is no error here."""
        try:
            await self.get_master_address()
        except (RedisError, OSError) as error:
            log.info("no Sentinel answers", extra={"cause": type(error).__name__})

    async def disconnect(self, inuse_connections: bool = True) -> None:  # noqa: FBT001, FBT002 -- the library's
        """Close connections, without waiting: nobody is to be handed one that is being closed."""
        used = self._in_use_connections if inuse_connections else ()
        for connection in (*self._available_connections, *used):
            await connection.disconnect(nowait=True)

    async def aclose(self) -> None:
        """Close all connections, those to Sentinels too."""
        await super().aclose()
        await self.sentinel_manager.aclose()


def master_pool(
    address: SentinelAddress, login: Mapping[str, Any], **options: Any
) -> BlockingConnectionPool:
    """A pool for the master; `login` says who we are to the Sentinels, `options` to the master."""
    watch, pool = cast("Any", Watchers), cast("Any", MasterPool)  # the library has no types here
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
    if address.is_tls:
        for sentinel in watchers.sentinels:
            sentinel.connection_pool.connection_class = Tls
    kind = PackedTlsMaster if address.is_tls else PackedMaster
    made: BlockingConnectionPool = pool(address.master, watchers, connection_class=kind, **options)
    return made
