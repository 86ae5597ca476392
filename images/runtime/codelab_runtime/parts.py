"""Large tool results that come in pieces: kept until the last one is there, then read as one."""

from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import ToolResult
from codelab_core.protocol.frames import MAX_PART_CHARS, MAX_PARTED_BYTES
from codelab_runtime.answers import Ingested
from codelab_runtime.commands import Sender
from codelab_runtime.keys import part_name
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store

MAX_PARTS: Final = 64
MAX_KEPT_BYTES: Final = 64 * 1_048_576
"""Pieces of all calls of a session together."""


class Parts:
    """Pieces of results, in the store: any pod may get the next one."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def accepted(self, sender: Sender) -> Ingested | None:
        """What was answered to this last piece before. Raises `SESSION_NOT_FOUND`."""
        await self._store.tail(sender.session_id, "", 0, 1, sender.principal)  # is it theirs?
        return await self._reader.accepted(sender.session_id, sender.key)

    async def take(self, sender: Sender, piece: ToolResult) -> dict[str, Any] | None:
        """Keep a piece; with the last one, the `result` that all of them make.

        Raises `NOT_FOUND`/call_unknown, `TOO_LARGE`/result, and `INVALID_REQUEST`/body for missing
        pieces and broken JSON. The pieces stay until `drop`: the last one may come again.
        """
        part, chunk = piece.part, piece.chunk
        if part is None or chunk is None:
            raise CodelabError(Code.INVALID_REQUEST, "body", message="no piece")
        if part.index >= MAX_PARTS or len(chunk) > MAX_PART_CHARS:
            raise CodelabError(Code.TOO_LARGE, "result", max=MAX_PARTED_BYTES)
        await self._store.tail(sender.session_id, "", 0, 1, sender.principal)  # is it theirs?
        if await self._reader.slot(sender.session_id, piece.call_id) is None:
            raise CodelabError(Code.NOT_FOUND, "call_unknown")
        body = chunk.encode("utf-8", "surrogatepass")
        await self._check_room(sender, piece, len(body))
        await self._reader.keep_part(sender.session_id, part_name(piece.call_id, part.index), body)
        if not part.last:
            return None
        found = await self._reader.parts(sender.session_id, _names(piece))
        try:
            return {"result": _whole(found)}
        except CodelabError as error:
            if None not in found:  # they will never make a result
                await self.drop(sender, piece)
            raise error from None

    async def _check_room(self, sender: Sender, piece: ToolResult, size: int) -> None:
        """Raise `TOO_LARGE`/result for a piece too much; a result that never ends is forgotten."""
        sizes = await self._reader.part_sizes(sender.session_id)
        own = [name for name in sizes if name.startswith(part_name(piece.call_id, ""))]
        again = sizes.pop(part_name(piece.call_id, piece.part.index if piece.part else 0), 0)
        if size + sum(sizes.get(name, 0) for name in own) > MAX_PARTED_BYTES:
            await self._reader.drop_parts(sender.session_id, own)
            raise CodelabError(Code.TOO_LARGE, "result", max=MAX_PARTED_BYTES)
        if size > again and size + sum(sizes.values()) > MAX_KEPT_BYTES:
            raise CodelabError(Code.TOO_LARGE, "result", max=MAX_KEPT_BYTES)

    async def drop(self, sender: Sender, last: ToolResult) -> None:
        """Forget the pieces up to the last one: their result is durable, or can never be."""
        await self._reader.drop_parts(sender.session_id, _names(last))


def _names(last: ToolResult) -> list[str]:
    """Where all pieces are kept."""
    count = last.part.index + 1 if last.part else 0
    return [part_name(last.call_id, index) for index in range(count)]


def _whole(pieces: list[bytes | None]) -> Any:
    """The value in all the pieces."""
    present = [piece for piece in pieces if piece is not None]
    if len(present) < len(pieces):
        missing = pieces.index(None)
        raise CodelabError(Code.INVALID_REQUEST, "body", message=f"piece {missing} is missing")
    text = b"".join(present)
    if len(text) > MAX_PARTED_BYTES:
        raise CodelabError(Code.TOO_LARGE, "result", max=MAX_PARTED_BYTES)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise CodelabError(Code.INVALID_REQUEST, "body", message="the pieces are no JSON") from None
