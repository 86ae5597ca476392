"""A person at the terminal client, with answers decided in advance."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from codelab_client.agent_session import AgentSession
from codelab_client.approvals import FixedAnswers
from codelab_client.dialog_types import Dialogs
from codelab_client.opening import Where, opened_session
from codelab_client.places import Gateway

TIMEOUT_S = 20


class Record:
    """A screen that keeps every frame."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self._changed = asyncio.Event()

    def show(self, frame: Any) -> None:
        self.frames.append(dict(frame))
        self._changed.set()

    async def until(self, fits: Callable[["Record"], bool]) -> None:
        """Wait until what was shown fits."""
        with anyio.fail_after(TIMEOUT_S):
            while not fits(self):
                self._changed.clear()
                await self._changed.wait()

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [frame for frame in self.frames if frame["type"] == kind]


@asynccontextmanager
async def person(
    url: str,
    workspace: Path,
    answers: str | Dialogs = "all",
    session_id: str | None = None,
) -> AsyncIterator[tuple[AgentSession, Record]]:
    """A live session; the state folder lies beside the workspace."""
    dialogs = FixedAnswers.parse(answers) if isinstance(answers, str) else answers
    where = Where(workspace.parent / "state", workspace, session_id=session_id)
    record = Record()
    async with opened_session(where, Gateway(url), dialogs, record) as session:
        yield session, record
