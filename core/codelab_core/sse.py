"""Server-sent events: rendering, and parsing across any split of the bytes.

Source: HTML Living Standard, "Server-sent events". Pure; hot: benchmarks/token_path.py.
"""

from dataclasses import dataclass
from typing import Final

MAX_EVENT_BYTES: Final = 8 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class SseEvent:
    """One event; `kind` is empty where no `event:` line named it; a comment has only `data`."""

    data: bytes
    id: bytes = b""
    kind: bytes = b""
    comment: bool = False


def render(data: bytes, *, event_id: bytes = b"", kind: bytes = b"") -> bytes:
    """One event as bytes; `data` must hold no line break (JSON never does)."""
    head = b"id: %b\n" % event_id if event_id else b""
    name = b"event: %b\n" % kind if kind else b""
    return b"%b%bdata: %b\n\n" % (head, name, data)


def comment(text: bytes) -> bytes:
    """A comment: keeps the connection alive, tells a reader nothing it must handle."""
    return b": %b\n\n" % text


class SseParser:
    """Splits a byte stream into events, whatever pieces it comes in.

    Accepts LF and CRLF, several `data:` lines, a leading byte order mark. Raises `ValueError` when
    one event grows beyond 8 MiB.
    """

    __slots__ = ("_rest", "_started")

    def __init__(self) -> None:
        self._rest = b""
        self._started = False

    def feed(self, piece: bytes) -> list[SseEvent]:
        """Events completed by these bytes, in order. Comments are events too."""
        stream = self._rest + piece if self._rest else piece
        if not self._started:
            stream = self._without_bom(stream)
        if b"\r" in stream:
            stream = _with_lf(stream)
        *blocks, self._rest = stream.split(b"\n\n")
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event of the stream is larger than 8 MiB")
        return [_event(block) for block in blocks if block]

    def close(self) -> list[SseEvent]:
        """The last event, where the stream ended without its blank line."""
        block, self._rest = _with_lf(self._rest).strip(b"\n"), b""
        return [_event(block)] if block else []

    def _without_bom(self, stream: bytes) -> bytes:
        """Drop the mark at the very start, once enough bytes are there to tell."""
        self._started = not _BOM.startswith(stream[:3]) or len(stream) >= len(_BOM)
        return stream.removeprefix(_BOM)


def _with_lf(stream: bytes) -> bytes:
    """CRLF and CR as LF; a last CR stays, its LF may follow."""
    body, end = (stream[:-1], b"\r") if stream.endswith(b"\r") else (stream, b"")
    return body.replace(b"\r\n", b"\n").replace(b"\r", b"\n") + end


def _event(block: bytes) -> SseEvent:
    """The event in the lines between two blank lines."""
    if block.startswith(b"id: "):  # our own frames: id, then one data line
        event_id, found, data = block[4:].partition(b"\ndata: ")
        if found and b"\n" not in data and b"\n" not in event_id:
            return SseEvent(data, event_id)
    return _general_event(block)


def _general_event(block: bytes) -> SseEvent:
    """The event of any lines that the standard allows; unknown fields are ignored."""
    fields: dict[bytes, list[bytes]] = {}
    for line in block.split(b"\n"):
        name, _, text = line.partition(b":")
        fields.setdefault(name, []).append(text.removeprefix(b" "))
    if set(fields) == {b""}:
        return SseEvent(fields[b""][-1], comment=True)
    return SseEvent(
        b"\n".join(fields.get(b"data", [])),
        fields.get(b"id", [b""])[-1],
        fields.get(b"event", [b""])[-1],
    )
