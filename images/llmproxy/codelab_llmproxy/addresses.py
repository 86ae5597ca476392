"""Which network addresses a call to a public provider may go to. Pure.

Sources: IANA special-purpose address registries (by the standard library), RFC 6052 (NAT64).
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_NAT64: Final = IPv6Network("64:ff9b::/96")
_FORBIDDEN: Final = frozenset(
    {
        IPv4Address("168.63.129.16"),  # Azure's platform address: global, but inside each machine
    }
)


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet; text that is none is not.

    IPv4 addresses inside IPv6 ones (mapped, 6to4, Teredo, NAT64) count as themselves.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    return all(_is_public(inner) for inner in (found, *_inside(found)))


def is_address(host: str) -> bool:
    """Whether a host is an address, not a name."""
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _inside(address: IPv4Address | IPv6Address) -> tuple[IPv4Address, ...]:
    """The IPv4 addresses that an IPv6 one carries."""
    if isinstance(address, IPv4Address):
        return ()
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    carried = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()), nat64)
    return tuple(inner for inner in carried if inner)


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether one address is public, whatever it carries; a mapped one is what it carries."""
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return True
    return address.is_global and not address.is_multicast and address not in _FORBIDDEN
