"""Store addresses that name more than one server. Pure.

`redis+sentinel://h1:26379,h2/<master>`: Sentinels, and the master that they watch.
"""

import re
from dataclasses import dataclass
from typing import Final

SENTINEL_PORT: Final = 26379
MAX_PORT: Final = 65535
DIRECT: Final = ("redis://", "rediss://", "unix://", "embedded://", "embedded:memory")
_MASTER: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::([0-9]{1,5}))?")


class StoreAddressError(ValueError):
    """The text is no address of a store that this release can use; it says why."""


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where Sentinels listen, as (host, port), and the name of the master they watch."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    is_tls: bool


def sentinel_address(url: str) -> SentinelAddress | None:
    """The Sentinels that an address names; `None` for the address of one server.

    Raises `StoreAddressError`, which shows no part of the address: it may hold a password.
    """
    if url.startswith(DIRECT):
        return None
    scheme, found, rest = url.partition("://")
    if not found or scheme not in {"redis+sentinel", "rediss+sentinel"}:
        raise StoreAddressError(_refusal(scheme if found else ""))
    hosts, _, master = rest.partition("/")
    if not _MASTER.fullmatch(master):
        raise StoreAddressError("a Sentinel address ends in /<name of the master>")
    sentinels = tuple(_host(part.strip()) for part in hosts.split(","))
    return SentinelAddress(sentinels, master, scheme.startswith("rediss"))


def _refusal(scheme: str) -> str:
    """Why an address of another kind cannot be used."""
    if scheme in {"redis+cluster", "rediss+cluster"}:
        return (
            "Redis Cluster is not supported by this release: name one server (redis://) or "
            "Sentinels (redis+sentinel://)"
        )
    known = ", ".join((*DIRECT, "redis+sentinel://", "rediss+sentinel://"))
    return f"the address of a store begins with one of {known}"


def _host(part: str) -> tuple[str, int]:
    """One `host`, `host:port` or `[v6]:port`. Raises `StoreAddressError`."""
    fits = _HOST.fullmatch(part)
    port = int(fits[3] or SENTINEL_PORT) if fits else 0
    if not fits or not 0 < port <= MAX_PORT:
        raise StoreAddressError("Sentinels are named as host:port, with commas between them")
    return fits[1] or fits[2], port
