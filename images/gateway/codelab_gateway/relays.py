"""All relays of this process: started by the first connection of a session, ended by the last."""

import asyncio
from random import Random

from prometheus_client import Gauge

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_gateway.relay import RETRY, Relay, Subscriber
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

        Where the position is older than what is at hand, this takes as long as the subscriber needs
        to take the history. Raises what the runtime refuses with, but for `UNAVAILABLE`.
        """
        delays = RETRY.delays(self._jitter.uniform)
        while not (relay := self._relay(session_id, principal)).join(subscriber):
            before = subscriber.last
            try:
                await relay.catch_up(subscriber)
            except CodelabError as error:
                if error.code is not Code.UNAVAILABLE:
                    raise
            if subscriber.last == before:
                await asyncio.sleep(next(delays))

    def _relay(self, session_id: str, principal: str) -> Relay:
        """The session's relay; a new one starts reading once its first subscriber has joined."""
        found = self._relays.get(session_id)
        if found is None or found[0].is_over:
            relay = Relay(session_id, principal, self._client, self._jitter)
            self._relays[session_id] = (relay, self._tasks.create_task(relay.run()))
            self._gauge.set(len(self._relays))
        return self._relays[session_id][0]

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
