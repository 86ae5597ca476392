"""A lean client: one WebSocket of version 1 that checks every token it gets and its time."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

HELLO = {"type": "hello", "version": 1, "client": {"id": "bench"}}
OPEN_S = 30.0


@dataclass(slots=True)
class Seen:
    """What came of some turns. `late_ms` holds a figure per token, where tokens tell their time."""

    turns: int = 0
    tokens: int = 0
    frames: int = 0
    gaps: int = 0
    doubles: int = 0
    errors: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    """How often which error came."""
    late_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    """Time from sending a message to the first token of its answer."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or refused."""
        return not (self.gaps or self.doubles or self.errors)


class Talker:
    """One client of one session. The text of an answer is to be ` t00001 t00002 …`."""

    def __init__(self, socket: ClientConnection, seen: Seen) -> None:
        self.free = asyncio.Lock()
        """Held by who talks, where several want to."""
        self._socket = socket
        self._seen = seen
        self._seq: int | None = None
        self._number = 0
        self._unacked = 0

    async def hello(self) -> None:
        """Speak version 1, and wait until commands may be sent."""
        await self._socket.send(orjson.dumps(HELLO).decode())
        while (await self._next())["type"] != "welcome":
            pass

    async def turn(self, text: str, model: str | None = None) -> None:
        """Send a message and take its whole answer."""
        self._number += 1
        message: dict[str, Any] = {"type": "user_message", "content": text}
        message["cid"] = f"c-{self._number}"
        if model:
            message["model"] = model
        began, word, is_first = time.monotonic(), 0, True
        await self._socket.send(orjson.dumps(message).decode())
        while True:
            frame = await self._next()
            match frame["type"]:
                case "assistant_message" if frame["token"]:
                    if is_first:
                        self._seen.first_ms.append((time.monotonic() - began) * 1000)
                        is_first = False
                    word = self._words(frame["token"], word)
                case "error":
                    self._seen.errors += 1
                    self._seen.codes[f"{frame['code']}/{frame.get('class', '')}"] += 1
                    if "seq" not in frame:
                        return
                case "turn_completed":
                    self._seen.turns += 1
                    self._seen.errors += frame["reason"] != "completed"
                    return

    async def listen(self) -> None:
        """Take tokens until the server closes."""
        word = 0
        while True:
            word = self._words((await self._next())["token"], word)

    async def _next(self) -> dict[str, Any]:
        """The next frame; its number is checked."""
        frame: dict[str, Any] = orjson.loads(await self._socket.recv())
        seq = frame.get("seq")
        if seq is None:
            return frame
        if self._seq is not None and frame["type"] != "resync":
            self._seen.gaps += seq > self._seq + 1
            self._seen.doubles += seq <= self._seq
        self._seq = seq
        self._unacked += 1
        if self._unacked >= 64:  # noqa: PLR2004 -- as the protocol asks of clients
            self._unacked = 0
            await self._socket.send(b'{"type":"ack","seq":%d}' % seq, text=True)
        return frame

    def _words(self, text: str, word: int) -> int:
        """Check the numbered words of a piece of text; the number of the last."""
        now = time.monotonic_ns() // 1000
        self._seen.frames += 1
        for piece in text.split():
            number, _, stamp = piece.partition("@")
            if not number[1:].isdecimal():
                self._seen.tokens += 1
                continue
            found = int(number[1:])
            self._seen.gaps += found > word + 1
            self._seen.doubles += found <= word
            self._seen.tokens += 1
            word = found
            if stamp:
                self._seen.late_ms.append((now - int(stamp)) / 1000)
        return word


@asynccontextmanager
async def talker(
    gateway_url: str, session_id: str, token: str | None, seen: Seen
) -> AsyncIterator[Talker]:
    """A client that is connected and live."""
    async with opened(gateway_url, session_id, token) as socket:
        made = Talker(socket, seen)
        await made.hello()
        yield made


def opened(gateway_url: str, session_id: str, token: str | None = None) -> connect:
    """A WebSocket to a session."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return connect(
        f"ws{gateway_url.removeprefix('http')}/ws/{session_id}",
        additional_headers=headers,
        subprotocols=[Subprotocol("codelab.v1")],
        open_timeout=OPEN_S,
        ping_interval=None,
        compression=None,
        max_size=None,
        proxy=None,
    )
