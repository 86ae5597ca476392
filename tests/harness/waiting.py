"""Waiting for what another task or thread does next, where nothing tells of it."""

import asyncio
from collections.abc import Callable
from typing import Any

LOOKS = 10_000


async def until(is_so: Callable[[], Any], pause_s: float = 0.001) -> None:
    """Return when it is so, look again after each pause; raises `AssertionError` after 10,000."""
    for _ in range(LOOKS):
        if is_so():
            return
        await asyncio.sleep(pause_s)
    raise AssertionError("it did not come to be so")
