"""Large tool results that come in pieces: kept until the last one is there, then read as one."""

from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.commands import ToolResult
from codelab_core.protocol.frames import MAX_PART_CHARS, MAX_PARTED_BYTES
from codelab_runtime.commands import Sender
from codelab_runtime.reading import Reader
from codelab_runtime.store import Store

MAX_PARTS: Final = 64


class Parts:
    """Pieces of results, in the store: any pod may get the next one."""

    def __init__(self, store: Store, reader: Reader) -> None:
        self._store = store
        self._reader = reader

    async def take(self, sender: Sender, piece: ToolResult) -> dict[str, Any] | None:
        """Keep a piece; with the last one, the `result` or `error` that all of them make.

        Raises `TOO_LARGE`/result, and `INVALID_REQUEST`/body for missing pieces or broken JSON.
        """
        part, chunk = piece.part, piece.chunk
        if part is None or chunk is None:
            raise CodelabError(Code.INVALID_REQUEST, "body", message="no piece")
        if part.index >= MAX_PARTS or len(chunk) > MAX_PART_CHARS:
            raise CodelabError(Code.TOO_LARGE, "result", max=MAX_PARTED_BYTES)
        await self._store.tail(sender.session_id, "", 0, 1, sender.principal)  # is it theirs?
        name = f"part:{piece.call_id}:{part.index}"
        await self._reader.keep_part(
            sender.session_id, name, chunk.encode("utf-8", "surrogatepass")
        )
        if not part.last:
            return None
        names = [f"part:{piece.call_id}:{index}" for index in range(part.index + 1)]
        found = await self._reader.parts(sender.session_id, names)
        whole = _whole(found)
        await self._reader.drop_parts(sender.session_id, names)
        return whole


def _whole(pieces: list[bytes | None]) -> dict[str, Any]:
    """The answer in all the pieces: the JSON text of its `result`, or of `{"error": …}`."""
    present = [piece for piece in pieces if piece is not None]
    if len(present) < len(pieces):
        missing = pieces.index(None)
        raise CodelabError(Code.INVALID_REQUEST, "body", message=f"piece {missing} is missing")
    text = b"".join(present)
    if len(text) > MAX_PARTED_BYTES:
        raise CodelabError(Code.TOO_LARGE, "result", max=MAX_PARTED_BYTES)
    try:
        return {"result": orjson.loads(text)}
    except orjson.JSONDecodeError as error:
        raise CodelabError(
            Code.INVALID_REQUEST, "body", message="the pieces are no JSON"
        ) from error
