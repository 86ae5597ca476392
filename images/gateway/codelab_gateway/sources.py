"""Where requests come from, and addresses that are shut out after too many bad tokens. Pure."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.middleware import Scope
from codelab_gateway.limits import Window

MAX_FAILURES: Final = 10
WINDOW_S: Final = 60.0
SHUT_OUT_S: Final = 60.0
MAX_SOURCES: Final = 10_000
"""Addresses that are remembered; beyond it the one heard of first is forgotten."""
IPV6_PREFIX: Final = 64
"""A customer of a provider has at least this many bits to choose addresses from (RFC 6177)."""

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


def parse_networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks, separated by commas. Raises `ValueError` for what is neither."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def source_of(scope: Scope, trusted: Collection[Network]) -> str:
    """The address that a request comes from; IPv6 as its /64, unknown as empty text.

    `X-Forwarded-For` is read from its end, through our own proxies, up to the first address that is
    not theirs: everything before it was written by that stranger.
    """
    client = scope.get("client")
    forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    source, *hops = [client[0] if client else "", *reversed(forwarded.decode("latin-1").split(","))]
    address = _parsed(source)
    for hop in hops:
        nearer = _parsed(hop.strip())
        if address is None or nearer is None or not any(address in own for own in trusted):
            break
        address = nearer
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, IPV6_PREFIX), strict=False))
    return str(address or "")


def _parsed(text: str) -> Address | None:
    """An address, of IPv4 where it is one in the clothes of IPv6."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@dataclass(slots=True)
class _Source:
    """Bad tokens of one address, and until when it is shut out."""

    failures: Window = field(default_factory=lambda: Window(WINDOW_S))
    until: float = -math.inf


class Sources:
    """Failed authentications per address: ten in a minute shut it out for a minute."""

    def __init__(self) -> None:
        self._known: dict[str, _Source] = {}

    def check(self, address: str, now: float) -> None:
        """Raise `RATE_LIMIT`/auth for an address that is shut out."""
        known = self._known.get(address)
        if known and now < known.until:
            wait_ms = math.ceil((known.until - now) * 1000)
            raise CodelabError(Code.RATE_LIMIT, "auth", retry_after_ms=wait_ms)

    def failed(self, address: str, now: float) -> None:
        """Count a bad token."""
        known = self._known.setdefault(address, _Source())
        if known.failures.add(now) >= MAX_FAILURES:
            known.until = now + SHUT_OUT_S
        if len(self._known) > MAX_SOURCES:
            del self._known[next(iter(self._known))]
