"""Opens a session on a gateway, for a command."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from codelab_client.agent_session import AgentSession, Screen
from codelab_client.connection import Connection, Target
from codelab_client.dialog_types import Dialogs
from codelab_client.journal import Journal
from codelab_client.places import Gateway, codelab_folder, installation_id
from codelab_client.tools import Toolbox
from codelab_client.workspace import Workspace, state_folder
from codelab_core.clock import SYSTEM_CLOCK, jitter_source, random_hex
from codelab_core.server import cancelled_at_end


@dataclass(frozen=True, slots=True)
class Where:
    """What a person said about where to work: gateway address and token, workspace, session."""

    state_home: Path
    workspace: Path = field(default_factory=Path.cwd)
    url: str | None = None
    token: str | None = None
    session_id: str | None = None


@asynccontextmanager
async def opened_session(
    where: Where, gateway: Gateway, dialogs: Dialogs, screen: Screen
) -> AsyncIterator[AgentSession]:
    """A live session on a gateway, working in the workspace until the block ends."""
    session_id = where.session_id or random_hex(16)
    root = where.workspace.resolve()
    journal = Journal(state_folder(where.state_home, root), session_id, SYSTEM_CLOCK)
    toolbox = Toolbox(Workspace(root), journal, dialogs, SYSTEM_CLOCK)
    target = Target(
        url=gateway.socket_url,
        session_id=session_id,
        client_id=f"{installation_id(codelab_folder(where.state_home))}-{random_hex(4)}",
        token=gateway.token,
        tools=toolbox.declarations,
    )
    connection = Connection(target, SYSTEM_CLOCK, jitter_source())
    session = AgentSession(connection, toolbox, dialogs, screen)
    async with cancelled_at_end() as tasks:
        running = tasks.create_task(session.run())
        await session.when_live(running)
        yield session
        await connection.close()
