"""Connections to the store that write commands with the C packer, 8 times as fast.

redis-py takes `hiredis.pack_command` for its blocking client only. Hot: benchmarks/token_path.py.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final

from redis.asyncio import BlockingConnectionPool, Connection, SSLConnection
from redis.asyncio.connection import UnixDomainSocketConnection
from redis.connection import HiredisRespSerializer

_SERIALIZER: Final = HiredisRespSerializer()


class Packed:
    """Mixed into a connection."""

    def pack_command(self, *args: Any) -> list[bytes]:
        """One command as the protocol has it. Raises `DataError` for what is no value."""
        packed: list[bytes] = _SERIALIZER.pack(*args)
        return packed


class Tls(SSLConnection):
    """Over TLS: its files are read at each connect, renewed ones count.

    Only the authorities of the file are believed where there is one, and names are compared.
    """

    def _connection_arguments(self) -> Mapping[str, Any]:
        """Arguments of the connection about to be made. Raises `OSError` for unusable files."""
        named = self.ssl_context
        if named.ca_certs or named.certfile:
            named.context = ssl.create_default_context(cafile=named.ca_certs)
        if named.context and named.certfile:
            named.context.load_cert_chain(named.certfile, named.keyfile)
        return super()._connection_arguments()


class PackedConnection(Packed, Connection):
    """Over TCP."""


class PackedSSLConnection(Packed, Tls):
    """Over TLS."""


class PackedUnixConnection(Packed, UnixDomainSocketConnection):
    """Over a Unix socket."""


_PACKED: Final = {
    Connection: PackedConnection,
    SSLConnection: PackedSSLConnection,
    UnixDomainSocketConnection: PackedUnixConnection,
}


def packed_pool(url: str, **options: Any) -> BlockingConnectionPool:
    """A pool for the address, of whose sockets a command waits for a free one."""
    pool = BlockingConnectionPool.from_url(url, **options)
    pool.connection_class = _PACKED[pool.connection_class]
    return pool
