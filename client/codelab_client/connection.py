"""The connection to the gateway: handshake, resume from (epoch, seq), heartbeat, reconnect."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from codelab_client.outgoing import Outgoing
from codelab_core.backoff import Backoff
from codelab_core.clock import Clock, random_hex
from codelab_core.protocol.frames import MAX_FRAME_BYTES, PROTOCOL_VERSION, SUBPROTOCOL, CloseCode

RECONNECT: Final = Backoff(first_s=0.25, longest_s=10.0)
OPEN_TIMEOUT_S: Final = 10.0
PONG_TIMEOUT_S: Final = 10.0
ACK_EVENTS: Final = 64
ACK_EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


class GatewayRefusedError(Exception):
    """The gateway will not take this client again; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where to connect, as whom. `url` is the base, `ws://host:port`; `tools` are declarations."""

    url: str
    session_id: str
    client_id: str
    token: str | None = None
    tools: Sequence[Any] = ()
    role: str = "driver"
    name: str = "codelab"


@dataclass(slots=True)
class Connection:
    """One session's connection, through any number of sockets.

    `position` is the (epoch, seq) of the last event that was handed out.
    """

    target: Target
    clock: Clock
    jitter: Random
    epoch: str = ""
    seq: int = 0
    connection_id: str = ""
    outgoing: Outgoing = field(default_factory=Outgoing)
    installation: str = field(default_factory=lambda: random_hex(8))
    sockets: int = 0
    _socket: ClientConnection | None = None
    _answers: dict[str, asyncio.Future[dict[str, Any]]] = field(default_factory=dict)
    _unacked: int = 0
    _acked_at: float = 0.0

    async def send(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command until it is answered; the `ok` or `error` frame."""
        numbered = self.outgoing.add(command, self.installation)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[numbered["cid"]] = answer
        await self._write(numbered)
        return await answer

    async def frames(self) -> AsyncIterator[dict[str, Any]]:
        """Frames of the session, each event once, for ever.

        Raises `GatewayRefusedError` when coming back would not help.
        """
        delays = RECONNECT.delays(self.jitter.uniform)
        while True:
            try:
                async with self._connected() as socket:
                    async for frame in self._session(socket):
                        if frame["type"] == "welcome":
                            delays = RECONNECT.delays(self.jitter.uniform)
                        yield frame
            except ConnectionClosed as closed:
                _check_close(closed)
            except InvalidStatus as refused:
                _check_status(refused)
            except (OSError, TimeoutError, WebSocketException) as error:
                log.debug("not connected", extra={"cause": type(error).__name__})
            self._socket = None
            await asyncio.sleep(next(delays))

    def _connected(self) -> connect:
        """An attempt to open one socket."""
        target = self.target
        headers = {"Authorization": f"Bearer {target.token}"} if target.token else {}
        return connect(
            f"{target.url}/ws/{target.session_id}",
            additional_headers=headers,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=1,
            max_size=MAX_FRAME_BYTES,
            ping_interval=None,
            compression=None,
            proxy=None,
        )

    async def _session(self, socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
        """Handshake, then the frames of one socket."""
        self.sockets += 1
        await socket.send(orjson.dumps(self._hello()).decode())
        heartbeat_s = OPEN_TIMEOUT_S
        while True:
            frame = await self._receive(socket, heartbeat_s)
            if frame["type"] == "welcome":
                heartbeat_s = frame["heartbeat_ms"] / 1000
                await self._welcomed(socket, frame)
            if self._is_fresh(frame):
                yield frame
                await self._acknowledge(socket, frame)

    def _hello(self) -> dict[str, Any]:
        """The first frame."""
        target = self.target
        hello: dict[str, Any] = {
            "type": "hello",
            "version": PROTOCOL_VERSION,
            "client": {"id": target.client_id, "name": target.name},
            "role": target.role,
        }
        if self.epoch:
            hello["resume"] = {"epoch": self.epoch, "seq": self.seq}
        if target.tools:
            hello["tools"] = list(target.tools)
        return hello

    async def _receive(self, socket: ClientConnection, heartbeat_s: float) -> dict[str, Any]:
        """The next frame; after silence a ping, and after more of it the socket counts as dead."""
        try:
            async with asyncio.timeout(heartbeat_s):
                text = await socket.recv()
        except TimeoutError:
            await socket.send('{"type":"ping"}')
            async with asyncio.timeout(PONG_TIMEOUT_S):
                text = await socket.recv()
        frame: dict[str, Any] = orjson.loads(text)
        return frame

    async def _welcomed(self, socket: ClientConnection, frame: Mapping[str, Any]) -> None:
        """The socket is live: open commands go out again, in their order."""
        self.connection_id = frame["connection_id"]
        if not self.epoch:
            self.epoch = frame["epoch"]
        self._socket = socket
        for command in self.outgoing.open:
            await socket.send(orjson.dumps(command).decode())

    def _is_fresh(self, frame: Mapping[str, Any]) -> bool:
        """Whether a frame is to be handed out; moves the position."""
        match frame["type"]:
            case "resync":
                self.epoch, self.seq = frame["epoch"], frame["seq"]
            case "ok" | "error" if "seq" not in frame:
                self._answered(dict(frame))
            case _ if "seq" in frame:
                if frame["seq"] <= self.seq:
                    return False
                self.seq = frame["seq"]
        return True

    def _answered(self, frame: dict[str, Any]) -> None:
        """A command has its answer."""
        self.outgoing.settle(frame.get("cid"))
        waiting = self._answers.pop(frame.get("cid", ""), None)
        if waiting and not waiting.done():
            waiting.set_result(frame)

    async def _acknowledge(self, socket: ClientConnection, frame: Mapping[str, Any]) -> None:
        """Tell how far we are: every 64 events or second, and at once after a tool call."""
        if "seq" not in frame:
            return
        self._unacked += 1
        now = self.clock.monotonic()
        due = self._unacked >= ACK_EVENTS or now >= self._acked_at + ACK_EVERY_S
        if due or frame["type"] == "tool_call":
            self._unacked, self._acked_at = 0, now
            await socket.send(orjson.dumps({"type": "ack", "seq": self.seq}).decode())

    async def _write(self, frame: Mapping[str, Any]) -> None:
        """Write on the live socket; without one, the frame goes out after the next welcome."""
        if self._socket is None:
            return
        try:
            await self._socket.send(orjson.dumps(frame).decode())
        except ConnectionClosed:
            return

    async def close(self) -> None:
        """Leave the session."""
        if self._socket:
            await self._socket.close()


def _check_close(closed: ConnectionClosed) -> None:
    """Raise where the close code says not to come back."""
    received = closed.rcvd
    if received is None or received.code not in set(CloseCode):
        return
    code = CloseCode(received.code)
    if code.is_final and code is not CloseCode.NORMAL:
        raise GatewayRefusedError(f"{received.reason or code.name} ({code})")


def _check_status(refused: InvalidStatus) -> None:
    """Raise where an HTTP refusal says not to come back."""
    status = refused.response.status_code
    if status in {400, 401, 403, 404}:
        body = refused.response.body or b""
        raise GatewayRefusedError(f"HTTP {status}: {body.decode('utf-8', 'replace')[:300]}")
