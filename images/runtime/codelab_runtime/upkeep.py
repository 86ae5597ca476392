"""What keeps a session alive while it is worked on, and leaves nothing of its turns behind."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from codelab_core.clock import Clock
from codelab_core.errors import CodelabError
from codelab_runtime.keys import parts_left_by
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store
from codelab_runtime.turn.records import Attached, Record, ToolDelivered, TurnDone, TurnStarted

SHARE: Final = 10
"""A session under way is given its whole life again after a tenth of it."""


@dataclass(slots=True)
class Upkeep:
    """For one worker's session; what fails here is done by the next turn."""

    session_id: str
    fence: int
    store: Store
    reader: Reader
    clock: Clock
    life_s: int
    prolonged_s: float

    async def before(self, records: Iterable[Record]) -> None:
        """Prolong the session's life before these are committed, if it is time.

        It is counted from the deadline of a question that the session waits for.
        """
        now_s, wait_s, is_due = self.clock.monotonic(), 0.0, False
        for record in records:
            is_due = is_due or isinstance(record, TurnStarted | TurnDone | Attached)
            if isinstance(record, ToolDelivered) and record.deadline_ms:
                wait_s = max(wait_s, (record.deadline_ms - self.clock.wall_ms()) / 1000)
        part_s = self.life_s / SHARE
        if is_due or wait_s > part_s or now_s - self.prolonged_s > part_s:
            self.prolonged_s = now_s
            with suppress(CodelabError):
                await self.store.touch(self.session_id, self.fence, self.life_s + int(wait_s))

    async def after(self, records: Iterable[Record]) -> None:
        """These are committed: of turns that are over, forget pieces of unfinished results."""
        ended = [record.turn for record in records if isinstance(record, TurnDone)]
        if not ended:
            return
        with suppress(CodelabError):
            left = parts_left_by(await self.reader.part_sizes(self.session_id), max(ended))
            if left:
                await self.reader.drop_parts(self.session_id, left)
