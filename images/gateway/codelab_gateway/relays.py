"""All relays of this process: started by the first connection of a session, ended by the last."""

import asyncio
from random import Random

from prometheus_client import Gauge

from codelab_gateway.relay import Relay, Subscriber
from codelab_gateway.runtime_client import RuntimeClient


class Relays:
    """One relay per session that somebody follows here."""

    def __init__(
        self, client: RuntimeClient, tasks: asyncio.TaskGroup, jitter: Random, gauge: Gauge
    ) -> None:
        self._client = client
        self._tasks = tasks
        self._jitter = jitter
        self._gauge = gauge
        self._relays: dict[str, tuple[Relay, asyncio.Task[None]]] = {}

    async def follow(self, session_id: str, principal: str, subscriber: Subscriber) -> None:
        """Let a subscriber follow a session from its position.

        Raises what the runtime refuses with, where the position is older than what is at hand.
        """
        while True:
            relay = self._relay(session_id, principal)
            if relay.join(subscriber):
                return
            await relay.catch_up(subscriber)

    def _relay(self, session_id: str, principal: str) -> Relay:
        """The session's relay; a new one starts reading once its first subscriber has joined."""
        if session_id not in self._relays:
            relay = Relay(session_id, principal, self._client, self._jitter)
            self._relays[session_id] = (relay, self._tasks.create_task(relay.run()))
            self._gauge.set(len(self._relays))
        return self._relays[session_id][0]

    def subscribers(self, session_id: str) -> set[Subscriber]:
        """Those who follow a session here."""
        found = self._relays.get(session_id)
        return set(found[0].subscribers) if found else set()

    def leave(self, session_id: str, subscriber: Subscriber) -> None:
        """A subscriber left; the last one ends the relay."""
        found = self._relays.get(session_id)
        if found is None:
            return
        relay, task = found
        relay.subscribers.discard(subscriber)
        if not relay.subscribers:
            task.cancel()
            del self._relays[session_id]
            self._gauge.set(len(self._relays))
