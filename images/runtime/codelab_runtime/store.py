"""The session store: every write is one script that checks what it relies on.

One code path for Redis, Valkey and the store inside the process. Errors of the server come as
`UNAVAILABLE`; refusals as the errors of docs/protocol.md.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from codelab_core.clock import Clock, random_hex
from codelab_core.errors import CodelabError
from codelab_core.identity import principal_hash
from codelab_runtime import answers
from codelab_runtime.connection import Call, Connection, Script, reached
from codelab_runtime.keys import Keys

MAX_UNREAD: Final = 256
"""Commands of one session that wait for its owner."""
MAX_REMEMBERED: Final = 8_000
"""Commands of one session whose repetition is noticed."""
MAX_LISTED: Final = 1_000
"""Sessions of one principal that are listed."""
DAY_MS: Final = 86_400_000
NAMES: Final = (
    "open",
    "ingest",
    "claim",
    "renew",
    "commit",
    "release",
    "due",
    "tail",
    "touch",
    "purge",
    "rebase",
)


@dataclass(frozen=True, slots=True)
class NewCommand:
    """A command for the inbox; with `slot` it answers a call, and the first answer wins.

    `key` is `<client_id>/<cid>`, `digest` that of the body. `want`: claim the session if nobody has
    it. `max_queued` bounds waiting user messages; `None` for other commands.
    """

    session_id: str
    principal: str
    key: str
    digest: str
    body: bytes
    want: bool = True
    slot: str = ""
    answer_digest: str = ""
    outcome: str = ""
    by: str = ""
    max_queued: int | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One atomic write of an owner. `op` makes a repetition harmless.

    `head`, `jn`: where the owner believes the session stands. `rest`: '' keep the lease, '0' let
    go, else let go until that time (wall ms of the store).
    """

    session_id: str
    fence: int
    op: str
    head: int
    jn: int
    consumed: int
    rest: str = ""
    events: Sequence[bytes] = ()
    records: Sequence[bytes] = ()
    meta: Mapping[str, str] = field(default_factory=dict)
    slots: Mapping[str, str] = field(default_factory=dict)


class Store:
    """Typed access to the scripts. `owner` is this process, `<host>/<8 random hex>`."""

    def __init__(self, connection: Connection, keys: Keys, clock: Clock, lease_ms: int) -> None:
        self.connection = connection
        self.keys = keys
        self.owner = f"runtime/{random_hex(8)}"
        self._clock = clock
        self._lease_ms = lease_ms
        self._scripts = {name: Script.load(name) for name in NAMES}

    async def open(
        self, session_id: str, principal: str, ttl_s: int, *, fresh: bool = False
    ) -> answers.Opened:
        """The session, made if it is not there; `fresh`: even if one of that id has expired."""
        bucket = self.keys.bucket(session_id)
        names = [self.keys.session(session_id, part) for part in ("meta", "ev", "jr", "snap")]
        now = self._clock.wall_ms()
        args = (
            random_hex(16),
            principal,
            principal_hash(principal),
            now + ttl_s * 1000,
            int(fresh),
            session_id,
            now,
            self.connection.term,
        )
        keys = [*names, self.keys.sessions(bucket), self.keys.gone(bucket)]
        opened = answers.opened(await self._run("open", keys, *args))
        if opened.created:
            await self.list_under(principal, session_id)
        return opened

    async def list_under(self, principal: str, session_id: str) -> None:
        """Move the session to the top of its principal's list; best effort, for listing only."""
        key = self.keys.of_principal(principal)
        with suppress(CodelabError):
            await reached(self.connection.redis.zadd(key, {session_id: self._clock.wall_ms()}))
            await reached(self.connection.redis.zremrangebyrank(key, 0, -MAX_LISTED - 1))

    async def ingest(self, command: NewCommand) -> answers.Ingested:
        """Put a command into the inbox, exactly once for its key."""
        bucket = self.keys.bucket(command.session_id)
        keys = [self.keys.session(command.session_id, p) for p in ("meta", "in", "dd", "tc")]
        keys += [self.keys.ready(bucket), self.keys.lease(bucket), self.keys.wake(bucket)]
        args = (
            command.principal,
            command.key,
            command.digest,
            command.body,
            self.owner,
            int(command.want),
            self._lease_ms,
            "PUBLISH",
            MAX_UNREAD,
            command.session_id,
            command.slot,
            command.answer_digest or "-",
            command.outcome or "-",
            command.by,
            "" if command.max_queued is None else command.max_queued,
            MAX_REMEMBERED,
        )
        reply = await self._run("ingest", keys, *args)
        return answers.ingested(reply, decision=command.slot.endswith("#a"))

    async def claim(self, session_id: str) -> answers.Claim | None:
        """Take a session that nobody drives; `None`: somebody does, or it is gone or locked."""
        bucket = self.keys.bucket(session_id)
        keys = [self.keys.session(session_id, "meta")]
        keys += [self.keys.ready(bucket), self.keys.lease(bucket)]
        reply = await self._run("claim", keys, self.owner, self._lease_ms, session_id)
        status, *parts = answers.words(reply)
        return answers.claim(parts) if status == "OK" else None

    async def renew(self, bucket: int, fences: Mapping[str, int]) -> dict[str, int]:
        """Renew leases; per session the last inbox number, or -1 where the lease is lost."""
        keys = [self.keys.lease(bucket), *(self.keys.session(sid, "meta") for sid in fences)]
        pairs = [part for pair in fences.items() for part in pair]
        reply = await self._run("renew", keys, self.owner, self._lease_ms, *pairs)
        return dict(zip(fences, map(int, reply[1:]), strict=True))

    def commit_call(self, commit: Commit) -> Call:
        """The script run that a commit is; several go in one round trip."""
        bucket = self.keys.bucket(commit.session_id)
        keys = [self.keys.session(commit.session_id, p) for p in ("meta", "ev", "jr", "in", "tc")]
        keys += [self.keys.ready(bucket), self.keys.lease(bucket)]
        keys.append(self.keys.session(commit.session_id, "ch"))
        meta = [part for pair in commit.meta.items() for part in pair]
        slots = [part for pair in commit.slots.items() for part in pair]
        counts = (len(commit.events), len(commit.records), len(meta), len(slots))
        head = (self.owner, commit.fence, commit.op, commit.head, commit.jn, "PUBLISH")
        rest = (commit.consumed, commit.rest, commit.session_id, *counts)
        parts: list[str | bytes] = [*commit.events, *commit.records, *meta, *slots]
        return Call(self._scripts["commit"], keys, [*head, *rest, *parts])

    async def release(self, session_id: str, fence: int, due: str = "") -> bool:
        """Give a session up: '' others go on now, '0' nothing to do; false: it was not ours."""
        bucket = self.keys.bucket(session_id)
        keys = [self.keys.session(session_id, "meta"), self.keys.ready(bucket)]
        keys += [self.keys.lease(bucket), self.keys.wake(bucket)]
        reply = await self._run("release", keys, self.owner, fence, due, "PUBLISH", session_id)
        return answers.words(reply)[0] == "OK"

    async def rebase(self, session_id: str, epoch: str) -> None:
        """Begin another epoch, where the store may have lost the end of the log of this one.

        Readers are told to look again; who drives the session is fenced off. Again: no effect.
        """
        bucket = self.keys.bucket(session_id)
        keys = [self.keys.session(session_id, "meta"), self.keys.ready(bucket)]
        keys += [self.keys.lease(bucket), self.keys.session(session_id, "ch")]
        keys.append(self.keys.wake(bucket))
        fresh, term = random_hex(16), self.connection.term
        await self._run("rebase", keys, epoch, fresh, term, "PUBLISH", session_id)

    async def due(self, bucket: int, limit: int) -> answers.Due:
        """Sessions of a bucket that anybody may claim now."""
        keys = [self.keys.ready(bucket), self.keys.lease(bucket)]
        return answers.due(await self._run("due", keys, limit, self._lease_ms))

    async def tail(
        self, session_id: str, epoch: str, after: int, limit: int = 500, principal: str = ""
    ) -> answers.TailPage:
        """Events after a position; an empty `epoch` or `principal` is not compared."""
        keys = [self.keys.session(session_id, part) for part in ("meta", "ev")]
        return answers.tail_page(await self._run("tail", keys, epoch, after, limit, principal))

    async def touch(self, session_id: str, fence: int, ttl_s: int) -> bool:
        """Give a session its whole life again; false: it is not ours."""
        expiry = self._clock.wall_ms() + ttl_s * 1000
        meta, *others = self.keys.whole_session(session_id)
        keys = [meta, self.keys.sessions(self.keys.bucket(session_id)), *others]
        reply = await self._run(
            "touch", keys, self.owner, fence, expiry, expiry + DAY_MS, session_id
        )
        return answers.words(reply)[0] == "OK"

    async def purge(self, session_id: str, principal: str, mode: str) -> bool:
        """Remove a session that is over (`mode` expired or closed); false: it lives."""
        bucket = self.keys.bucket(session_id)
        meta, *others = self.keys.whole_session(session_id)
        queues = [self.keys.ready(bucket), self.keys.lease(bucket)]
        lists = [self.keys.sessions(bucket), self.keys.gone(bucket)]
        keys = [meta, *queues, *lists, *others]
        reply = await self._run("purge", keys, mode, principal_hash(principal), session_id)
        gone = answers.words(reply)[0] == "OK"
        if gone:
            key = self.keys.of_principal(principal)
            with suppress(CodelabError):
                await reached(self.connection.redis.zrem(key, session_id))
        return gone

    async def _run(self, name: str, keys: Sequence[str], *args: str | bytes | float) -> list[Any]:
        """The reply of one script."""
        return await self.connection.run(Call(self._scripts[name], keys, args))
