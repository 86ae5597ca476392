"""Work that a process does again and again beside its requests; one failure never ends it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from codelab_core.errors import CodelabError

SPREAD: Final = 0.1
"""Part of the pause by which it varies, so that processes do not march in step."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Repeated:
    """`work`, with a pause of about `every_s` seconds before each run."""

    name: str
    every_s: float
    work: Callable[[], Awaitable[None]]

    async def run(self, jitter: Random) -> None:
        """Go on until cancelled; what fails is logged and done again the next time."""
        while True:
            await asyncio.sleep(self.every_s * jitter.uniform(1 - SPREAD, 1 + SPREAD))
            try:
                await self.work()
            except CodelabError as error:
                log.warning("repeated work failed", extra={"work": self.name, "code": str(error)})
            except Exception:
                log.exception("repeated work failed", extra={"work": self.name})
