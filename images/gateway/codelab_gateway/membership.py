"""Who joins and leaves sessions: in this order, whatever is cancelled meanwhile.

A client may leave, or change its mode, while its attach is on the way. The runtime must not hear of
the leaving first: it would keep a driver that is gone, and send it the tool calls of the session.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from codelab_core.errors import CodelabError
from codelab_gateway.runtime_client import RuntimeClient

SETTLE_TIMEOUT_S: Final = 2.0

log = logging.getLogger(__name__)


class Membership:
    """Posts `attach` and `detach`, on tasks that outlive the connections they are for."""

    def __init__(self, client: RuntimeClient, tasks: asyncio.TaskGroup) -> None:
        self._client = client
        self._tasks = tasks
        self._attaching: dict[str, asyncio.Task[dict[str, Any] | CodelabError]] = {}
        self._leaving: set[asyncio.Task[None]] = set()

    async def attach(self, principal: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The runtime's answer; raises its refusal. Goes on where the caller is cancelled."""
        connection_id: str = body["connection_id"]
        task = self._tasks.create_task(self._attach(principal, body))
        self._attaching[connection_id] = task
        task.add_done_callback(lambda _: self._attaching.pop(connection_id, None))
        outcome = await asyncio.shield(task)
        if isinstance(outcome, CodelabError):
            raise outcome
        return outcome

    async def _attach(
        self, principal: str, body: Mapping[str, Any]
    ) -> dict[str, Any] | CodelabError:
        """One call; a refusal is a value here, it must not end the group."""
        try:
            return await self._client.command("/attach", body["session_id"], principal, body)
        except CodelabError as error:
            return error

    def leave(self, session_id: str, principal: str, connection_id: str) -> None:
        """Tell the runtime without anybody waiting."""
        body = {"session_id": session_id, "connection_id": connection_id}
        task = self._tasks.create_task(self._detach(principal, body))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _detach(self, principal: str, body: Mapping[str, str]) -> None:
        """After an attach that is on its way; a lost detach leaves a dead entry behind."""
        attaching = self._attaching.get(body["connection_id"])
        if attaching:
            await asyncio.wait([attaching])
        try:
            await self._client.command("/detach", body["session_id"], principal, body)
        except CodelabError:
            log.info("detach not delivered")

    async def settled(self) -> None:
        """Wait, at most 2 s, until everybody who left has been told of."""
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=SETTLE_TIMEOUT_S)
