"""Reads of the store that need no script: the journal, the inbox, facts of many sessions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from codelab_runtime.connection import Connection, awaited
from codelab_runtime.keys import Keys
from codelab_runtime.turn.facts import Accepted
from codelab_runtime.turn.fold import fold
from codelab_runtime.turn.records import RECORD, Record
from codelab_runtime.turn.state import SessionState


@dataclass(frozen=True, slots=True)
class Facts:
    """What the hash of a session says, for lists and views; times are wall ms."""

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
    created_ms: int
    updated_ms: int


class Reader:
    """Plain reads. Errors of the server pass through the connection's own exceptions."""

    def __init__(self, connection: Connection, keys: Keys) -> None:
        self._redis = connection.redis
        self._keys = keys

    async def state(self, session_id: str) -> tuple[SessionState, int]:
        """The fold of the journal, and the number of its last record."""
        records = await self.records(session_id)
        return fold(SessionState(session_id), records), len(records)

    async def records(self, session_id: str) -> list[Record]:
        """The journal, oldest first."""
        entries = await awaited(self._redis.xrange(self._keys.session(session_id, "jr")))
        return [RECORD.validate_json(fields[b"d"]) for _, fields in entries]

    async def inbox(self, session_id: str, after: int) -> list[Accepted]:
        """Commands after entry `after`, oldest first."""
        name = self._keys.session(session_id, "in")
        entries = await awaited(self._redis.xrange(name, f"{after + 1}-0"))
        return [
            Accepted(int(number.split(b"-")[0]), orjson.loads(fields[b"d"]), fields[b"l"] == b"1")
            for number, fields in entries
        ]

    async def events(self, session_id: str, after: int) -> list[dict[str, Any]]:
        """Decoded events after a position, oldest first; for the text of an unfinished answer."""
        name = self._keys.session(session_id, "ev")
        entries = await awaited(self._redis.xrange(name, f"{after + 1}-0"))
        return [orjson.loads(fields[b"d"]) for _, fields in entries]

    async def facts(self, session_ids: Sequence[str]) -> list[Facts | None]:
        """Facts of each session, `None` for one that is not there."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in session_ids:
                _ = pipe.hgetall(self._keys.session(session_id, "meta"))
            found = await pipe.execute()
        return [_facts(sid, meta) for sid, meta in zip(session_ids, found, strict=True)]

    async def positions(self, session_ids: Sequence[str]) -> list[tuple[str, int] | None]:
        """Epoch and head of each session."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for session_id in session_ids:
                _ = pipe.hmget(self._keys.session(session_id, "meta"), "ep", "head")
            found = await pipe.execute()
        return [(ep.decode(), int(head)) if ep else None for ep, head in found]

    async def listed(self, principal: str, offset: int, limit: int) -> tuple[list[str], int]:
        """Session ids of a principal, newest activity first, and how many there are."""
        name = self._keys.of_principal(principal)
        async with self._redis.pipeline(transaction=False) as pipe:
            _ = pipe.zrevrange(name, offset, offset + limit - 1)
            _ = pipe.zcard(name)
            ids, total = await pipe.execute()
        return [session_id.decode() for session_id in ids], int(total)

    async def recent_cids(self, session_id: str, limit: int) -> list[str]:
        """The commands accepted last, as `<client_id>/<cid>`, oldest first."""
        found = await awaited(self._redis.hgetall(self._keys.session(session_id, "dd")))
        ordered = sorted(found.items(), key=lambda item: int(item[1].split()[1]))
        return [key.decode() for key, _ in ordered[-limit:]]

    async def expired(self, bucket: int, now_ms: int, limit: int) -> list[str]:
        """Sessions whose life is over."""
        name = self._keys.sessions(bucket)
        found = await awaited(self._redis.zrangebyscore(name, 0, now_ms, start=0, num=limit))
        return [session_id.decode() for session_id in found]

    async def keep_part(self, session_id: str, part: str, body: bytes) -> None:
        """Keep one piece of a large result until the last has come."""
        await awaited(self._redis.hset(self._keys.session(session_id, "blob"), part, body))

    async def parts(self, session_id: str, names: Iterable[str]) -> list[bytes | None]:
        """Pieces of a large result, `None` for one that is missing."""
        name = self._keys.session(session_id, "blob")
        return list(await awaited(self._redis.hmget(name, list(names))))

    async def drop_parts(self, session_id: str, names: Sequence[str]) -> None:
        """Forget the pieces of a result that is whole."""
        await awaited(self._redis.hdel(self._keys.session(session_id, "blob"), *names))


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
        created_ms=int(text["ct"]),
        updated_ms=int(text.get("mt", text["ct"])),
    )
