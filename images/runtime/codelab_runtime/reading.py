"""Reads of the store that need no script: the journal, the inbox, facts of many sessions."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_runtime.answers import Ingested
from codelab_runtime.connection import Connection, reached
from codelab_runtime.keys import Keys
from codelab_runtime.turn.facts import Accepted
from codelab_runtime.turn.fold import fold
from codelab_runtime.turn.records import RECORD, Record
from codelab_runtime.turn.state import SessionState

THREAD_FROM_BYTES: Final = 65_536
"""A journal of this size takes milliseconds to fold: not on the loop."""
OWN_CIDS: Final = ("/ack/", "/attach/", "/detach/")
"""In the keys of commands that the gateway makes itself."""

Entries = Sequence[tuple[bytes, Mapping[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hash of a session says, for lists and views; times are wall ms.

    `unread` commands wait for the owner, `consumed` is the number of the last that it took.
    """

    session_id: str
    principal: str
    epoch: str
    head: int
    state: str
    title: str
    description: str
    model: str
    messages: int
    turn: str
    unread: int
    consumed: int
    created_ms: int
    updated_ms: int


class Reader:
    """Plain reads. All raise `UNAVAILABLE` where the server has no answer."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._redis = connection.redis
        self._keys = keys

    async def state(self, session_id: str) -> tuple[SessionState, int]:
        """The fold of the journal, and the number of its last record.

        Raises `STATE_LOST` where records are missing.
        """
        entries = await self._journal(session_id)
        if sum(len(fields[b"d"]) for _, fields in entries) < THREAD_FROM_BYTES:
            return _folded(session_id, entries)
        return await asyncio.to_thread(_folded, session_id, entries)

    async def records(self, session_id: str) -> list[Record]:
        """The journal, oldest first. Raises `STATE_LOST` where records are missing."""
        return _records(await self._journal(session_id))

    async def _journal(self, session_id: str) -> Entries:
        """The entries of the journal."""
        entries: Entries = await reached(self._redis.xrange(self._keys.session(session_id, "jr")))
        return entries

    async def inbox(self, session_id: str, after: int, limit: int) -> list[Accepted]:
        """Commands after entry `after`, oldest first, at most `limit`."""
        name = self._keys.session(session_id, "in")
        entries = await reached(self._redis.xrange(name, f"{after + 1}-0", count=limit))
        return [
            Accepted(_number(entry_id), orjson.loads(fields[b"d"]), fields[b"l"] == b"1")
            for entry_id, fields in entries
        ]

    async def events(self, session_id: str, after: int) -> list[dict[str, Any]]:
        """Decoded events after a position, oldest first; for the text of an unfinished answer."""
        name = self._keys.session(session_id, "ev")
        entries = await reached(self._redis.xrange(name, f"{after + 1}-0"))
        return [orjson.loads(fields[b"d"]) for _, fields in entries]

    async def facts(self, session_ids: Sequence[str]) -> list[Facts | None]:
        """Facts of each session, `None` for one that is not there."""
        if not session_ids:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in session_ids:
                _ = pipe.hgetall(self._keys.session(session_id, "meta"))
            found = await reached(pipe.execute())
        return [_facts(sid, meta) for sid, meta in zip(session_ids, found, strict=True)]

    async def positions(self, session_ids: Sequence[str]) -> list[tuple[str, int] | None]:
        """Epoch and head of each session."""
        if not session_ids:
            return []
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in session_ids:
                _ = pipe.hmget(self._keys.session(session_id, "meta"), "ep", "head")
            found = await reached(pipe.execute())
        return [(ep.decode(), int(head)) if ep else None for ep, head in found]

    async def listed(self, principal: str, offset: int, limit: int) -> tuple[list[str], int]:
        """Session ids of a principal, newest activity first, and how many there are."""
        name = self._keys.of_principal(principal)
        async with self._redis.pipeline(transaction=False) as pipe:
            _ = pipe.zrevrange(name, offset, offset + limit - 1)
            _ = pipe.zcard(name)
            ids, total = await reached(pipe.execute())
        return [session_id.decode() for session_id in ids], int(total)

    async def accepted(self, session_id: str, key: str) -> Ingested | None:
        """What was answered to a command of that key, if it was accepted."""
        name = self._keys.session(session_id, "dd")
        found = await reached(self._redis.hget(name, key))
        if found is None:
            return None
        _, n, late = found.split()
        return Ingested(int(n), duplicate=True, late=late == b"1")

    async def recent_cids(self, session_id: str, upto: int, limit: int) -> list[str]:
        """Commands of clients up to inbox entry `upto`, as `<client_id>/<cid>`, oldest first."""
        name = self._keys.session(session_id, "dd")
        numbers = range(max(1, upto - 4 * limit + 1), upto + 1)  # some are the gateway's own
        if not numbers:
            return []
        found = await reached(self._redis.hmget(name, [f"#{n}" for n in numbers]))
        keys = [key.decode() for key in found if key]
        return [key for key in keys if not any(own in key for own in OWN_CIDS)][-limit:]

    async def slot(self, session_id: str, call_id: str) -> bytes | None:
        """State of a call in the store's table; `None` for one that was never open."""
        found = await reached(self._redis.hget(self._keys.session(session_id, "tc"), call_id))
        return None if found is None else bytes(found)

    async def expired(self, bucket: int, now_ms: int, limit: int) -> list[str]:
        """Sessions whose life is over."""
        name = self._keys.sessions(bucket)
        found = await reached(self._redis.zrangebyscore(name, 0, now_ms, start=0, num=limit))
        return [session_id.decode() for session_id in found]

    async def forget_tombstones(self, bucket: int, before_ms: int) -> None:
        """Sessions that died before then are unknown from now on."""
        await reached(self._redis.zremrangebyscore(self._keys.gone(bucket), 0, before_ms))

    async def keep_part(self, session_id: str, part: str, body: bytes) -> None:
        """Keep one piece of a large result until the last has come."""
        await reached(self._redis.hset(self._keys.session(session_id, "blob"), part, body))

    async def parts(self, session_id: str, names: Iterable[str]) -> list[bytes | None]:
        """Pieces of a large result, `None` for one that is missing."""
        name = self._keys.session(session_id, "blob")
        return list(await reached(self._redis.hmget(name, list(names))))

    async def part_sizes(self, session_id: str) -> dict[str, int]:
        """Bytes of every piece that is kept."""
        name = self._keys.session(session_id, "blob")
        parts = [key for key in await reached(self._redis.hkeys(name)) if key.startswith(b"part:")]
        if not parts:
            return {}
        async with self._redis.pipeline(transaction=False) as pipe:
            for part in parts:
                _ = pipe.hstrlen(name, part)
            sizes = await reached(pipe.execute())
        return {part.decode(): size for part, size in zip(parts, sizes, strict=True)}

    async def drop_parts(self, session_id: str, names: Sequence[str]) -> None:
        """Forget the pieces of a result that is whole."""
        await reached(self._redis.hdel(self._keys.session(session_id, "blob"), *names))


def _number(entry_id: bytes) -> int:
    """The number of an entry; its id is `<number>-0`."""
    return int(entry_id.partition(b"-")[0])


def _records(entries: Entries) -> list[Record]:
    """The records of a journal that is complete from 1."""
    if entries and _number(entries[-1][0]) != len(entries):
        raise CodelabError(Code.STATE_LOST)
    return [RECORD.validate_json(fields[b"d"]) for _, fields in entries]


def _folded(session_id: str, entries: Entries) -> tuple[SessionState, int]:
    """The state that a journal leads to, and how long it is."""
    return fold(SessionState(session_id), _records(entries)), len(entries)


def _facts(session_id: str, meta: Mapping[bytes, bytes]) -> Facts | None:
    """The hash of a session as values."""
    if not meta:
        return None
    text = {key.decode(): value.decode() for key, value in meta.items()}
    return Facts(
        session_id=session_id,
        principal=text["pr"],
        epoch=text["ep"],
        head=int(text["head"]),
        state=text["st"],
        title=text.get("title", ""),
        description=text.get("desc", ""),
        model=text.get("model", ""),
        messages=int(text.get("n", 0)),
        turn=text.get("turn", ""),
        unread=int(text["inn"]) - int(text["ic"]),
        consumed=int(text["ic"]),
        created_ms=int(text["ct"]),
        updated_ms=int(text.get("mt", text["ct"])),
    )
