"""Pub/sub of the store: wake-ups of owners and events of other processes' sessions.

A message that is lost is only ever a delay: positions are checked, inboxes are read on renewal.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

CONFIRM_TIMEOUT_S: Final = 2.0
POLL_S: Final = 10.0
RETRY_S: Final = 0.5

Handler = Callable[[bytes], None]

log = logging.getLogger(__name__)


class Channels:
    """One subscribed connection, shared by all sessions of this process.

    `lost` is called after every reconnect: messages in between are gone.
    """

    def __init__(self, redis: Redis) -> None:
        self.lost: Callable[[], None] | None = None
        self._redis = redis
        self._handlers: dict[bytes, Handler] = {}
        self._confirmed: dict[bytes, asyncio.Event] = {}
        self._pubsub: PubSub | None = None

    async def run(self) -> None:
        """Receive until cancelled; reconnect for ever."""
        while True:
            try:
                await self._receive()
            except (RedisError, OSError):
                log.warning("store channel lost")
            except Exception:
                log.exception("store channel failed")
            self._pubsub = None
            for event in self._confirmed.values():
                event.clear()
            await asyncio.sleep(RETRY_S)
            if self.lost:
                self.lost()

    def hear(self, channel: str, handler: Handler) -> None:
        """Hear a channel from the first connection on."""
        self._handlers[channel.encode()] = handler

    async def subscribe(self, channel: str, handler: Handler) -> None:
        """Hear a channel; returns when the server has confirmed, or after 2 s of silence."""
        name = channel.encode()
        self._handlers[name] = handler
        confirmed = self._confirmed.setdefault(name, asyncio.Event())
        if self._pubsub:
            with suppress(RedisError, OSError):  # the receiver notices too, and subscribes again
                await self._pubsub.subscribe(channel)
        try:
            async with asyncio.timeout(CONFIRM_TIMEOUT_S):
                await confirmed.wait()
        except TimeoutError:
            log.warning("subscription not confirmed")

    async def unsubscribe(self, channel: str) -> None:
        """Stop hearing a channel."""
        name = channel.encode()
        self._handlers.pop(name, None)
        confirmed = self._confirmed.pop(name, None)
        if confirmed:
            confirmed.set()  # whoever waits for it has nothing more to wait for
        if self._pubsub:
            with suppress(RedisError, OSError):
                await self._pubsub.unsubscribe(channel)

    async def _receive(self) -> None:
        """Subscribe to everything wanted, then hand out messages."""
        async with self._redis.pubsub() as pubsub:
            wanted = set(self._handlers)
            await pubsub.subscribe(*wanted)
            self._pubsub = pubsub
            late = set(self._handlers) - wanted  # they came while the first ones were sent
            if late:
                await pubsub.subscribe(*late)
            while True:
                message = await pubsub.get_message(timeout=POLL_S)
                if message:
                    self._hand_out(message)

    def _hand_out(self, message: dict[str, Any]) -> None:
        """A confirmation releases who waits for it, a message goes to its handler."""
        name = message["channel"]
        if message["type"] == "subscribe" and name in self._confirmed:
            self._confirmed[name].set()
        elif message["type"] == "message" and name in self._handlers:
            self._handlers[name](message["data"])
