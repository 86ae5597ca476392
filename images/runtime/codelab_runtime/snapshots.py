"""Views of sessions, made from their logs."""

from typing import Final

from codelab_core.clock import rfc3339
from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.agent import SessionView
from codelab_core.protocol.events import Snapshot
from codelab_core.protocol.frames import RECENT_CIDS
from codelab_runtime.reading import Facts, Reader
from codelab_runtime.store import Store
from codelab_runtime.view import View

PAGE: Final = 500


class Snapshots:
    """Snapshots of sessions at the head of their logs."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def of(self, session_id: str) -> tuple[Snapshot, int]:
        """What a client shows of the session, and the seq of the last event in it.

        Page by page, so that a long log holds up nobody. Raises `SESSION_NOT_FOUND`.
        """
        view, epoch = View(), ""
        while True:
            page = await self._store.tail(session_id, epoch, view.seq, PAGE)
            epoch = page.epoch
            view.take_all(page.events)
            if view.seq >= page.head or not page.events:
                break
        facts = await self.facts(session_id)
        upto = facts.consumed + facts.unread
        cids = await self._reader.recent_cids(session_id, upto, RECENT_CIDS)
        return view.snapshot(session_view(facts).model_dump(exclude_none=True), cids), view.seq

    async def facts(self, session_id: str) -> Facts:
        """What the store's hash says of a session. Raises `SESSION_NOT_FOUND`."""
        (facts,) = await self._reader.facts([session_id])
        if facts is None:
            raise CodelabError(Code.SESSION_NOT_FOUND)
        return facts


def session_view(facts: Facts) -> SessionView:
    """A session as REST shows it."""
    return SessionView(
        id=facts.session_id,
        session_id=facts.session_id,
        title=facts.title,
        description=facts.description or None,
        message_count=facts.messages,
        created_at=rfc3339(facts.created_ms),
        updated_at=rfc3339(facts.updated_ms),
        last_activity=rfc3339(facts.updated_ms),
        is_active=facts.state == "active",
        state=facts.state,
        model=facts.model or None,
        epoch=facts.epoch,
        head=facts.head,
    )
