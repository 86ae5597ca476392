"""The gateway of a command: one that was named or runs here, or a whole system for the occasion."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from codelab_client.opening import Where
from codelab_client.places import (
    Gateway,
    GatewayError,
    UnreachableError,
    codelab_folder,
    parse_url,
    running_gateway,
)
from codelab_client.up import Options, stack


@asynccontextmanager
async def opened_gateway(where: Where) -> AsyncIterator[Gateway]:
    """The gateway named, else the one that runs here, else one of our own while the block runs.

    Raises `UnreachableError` where nothing answers at the address named: a session would wait.
    """
    folder = codelab_folder(where.state_home)
    if where.url:
        named = parse_url(where.url, where.token)
        await _reach(named)
        yield named
        return
    running = await running_gateway(folder)
    if running:
        yield running
        return
    async with stack(Options(folder)) as own:
        yield Gateway(own.gateway_url, own.token)


async def _reach(gateway: Gateway) -> None:
    """Raise `UnreachableError` where nothing is there; any answer is one, also a refusal."""
    try:
        await gateway.request("GET", "/health/live")
    except UnreachableError:
        raise
    except GatewayError:
        return
