"""The two ways in which a connection is told what happens: version 1, and plain."""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final, Protocol

import orjson

from codelab_core.clock import Clock
from codelab_core.protocol.frames import Status
from codelab_gateway.commander import Commander
from codelab_gateway.handshake import Beginning
from codelab_gateway.outbox import Outbox
from codelab_gateway.plain import PlainView, Shown

CALL_PREFIX: Final = b'{"type":"tool_call"'
ATTACHED_PREFIX: Final = b'{"type":"client_attached"'
ACK_EVERY_S: Final = 5.0


class Dialect(Protocol):
    """What one connection is sent.

    `replaced` turns true when the same client has connected again elsewhere.
    """

    replaced: bool

    def begin(self, begin: Beginning) -> None:
        """The first frames after attaching."""

    def event(self, seq: int, data: bytes) -> None:
        """The next event of the log."""

    def resync(self, body: Mapping[str, Any]) -> None:
        """The fields of a `resync`: what was shown is void."""

    def degraded(self, *, state: bool) -> None:
        """The way to the log is broken, or works again."""

    def acked(self, seq: int) -> None:
        """The client has applied events up to `seq`."""

    def answered(self, call_id: str) -> None:
        """The client has sent the result of a call."""


class V1Dialect:
    """Events as they are."""

    def __init__(
        self, ids: tuple[str, str], outbox: Outbox, commander: Commander, clock: Clock
    ) -> None:
        self._connection_id, self._client_id = ids
        self._outbox = outbox
        self._commander = commander
        self._clock = clock
        self._calls: list[int] = []
        self._acked_at = clock.monotonic()
        self._is_known = False
        self.replaced = False

    def begin(self, begin: Beginning) -> None:
        """A snapshot where the client cannot resume."""
        if begin.snapshot is not None:
            fields = {"epoch": begin.epoch, "seq": begin.seq, "reason": begin.reason}
            self.resync({**fields, "snapshot": begin.snapshot})

    def event(self, seq: int, data: bytes) -> None:
        """Pass on. Hot: benchmarks/token_path.py."""
        self._outbox.push(data)
        if data.startswith(CALL_PREFIX):
            self._calls.append(seq)
        elif data.startswith(ATTACHED_PREFIX):
            self._attached(orjson.loads(data))

    def _attached(self, event: Mapping[str, Any]) -> None:
        """Somebody joined: this very connection, or, after it, the same client once more."""
        if event["connection_id"] == self._connection_id:
            self._is_known = True
        elif self._is_known and event["client_id"] == self._client_id:
            self.replaced = True

    def resync(self, body: Mapping[str, Any]) -> None:
        """Send the snapshot."""
        snapshot = body["snapshot"]
        self._is_known = snapshot.get("driver") == self._connection_id
        self._outbox.push(orjson.dumps({"type": "resync", **body}))

    def degraded(self, *, state: bool) -> None:
        """Say so."""
        self._outbox.push(Status(state="degraded" if state else "live").encode())

    def acked(self, seq: int) -> None:
        """Tell the runtime at once where a call is waiting for it, else every 5 s."""
        now = self._clock.monotonic()
        delivered = [call for call in self._calls if call <= seq]
        if not delivered and now < self._acked_at + ACK_EVERY_S:
            return
        self._calls = [call for call in self._calls if call > seq]
        self._acked_at = now
        self._commander.ack(seq)

    def answered(self, call_id: str) -> None:
        """Version 1 clients know what they have done."""


class PlainDialect:
    """The frames that clients without `hello` know; the gateway acknowledges for them."""

    def __init__(self, view: PlainView, outbox: Outbox, commander: Commander) -> None:
        self.replaced = False  # every plain connection is a client of its own
        self._view = view
        self._outbox = outbox
        self._commander = commander

    def begin(self, begin: Beginning) -> None:
        """Open calls and the text so far."""
        if begin.snapshot is not None:
            self._send(self._view.begin(begin.snapshot))

    def event(self, seq: int, data: bytes) -> None:  # noqa: ARG002 -- plain clients know no numbers
        """What the event means to a plain client."""
        self._send(self._view.event(data))

    def resync(self, body: Mapping[str, Any]) -> None:
        """As at the beginning: what is still open."""
        self._send(self._view.begin(body["snapshot"]))

    def degraded(self, *, state: bool) -> None:
        """Plain clients have no frame for this."""

    def acked(self, seq: int) -> None:
        """Plain clients do not acknowledge."""

    def answered(self, call_id: str) -> None:
        """The decision that a result implies is not to be told to who sent it."""
        self._view.answered(call_id)

    def _send(self, shown: list[Shown]) -> None:
        """Push frames; the time of a call starts when its frame was written."""
        for item in shown:
            seq = item.call_seq
            if seq is None:
                self._outbox.push(item.frame)
            else:
                self._outbox.push(item.frame, partial(self._commander.ack, seq))
