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

    Accepts LF, CRLF and CR, several `data:` lines, a leading byte order mark. Work is linear in the
    bytes, also where one event comes in many pieces. Raises `ValueError` when one event grows
    beyond 8 MiB.
    """

    __slots__ = ("_ends_with_cr", "_rest", "_start")

    def __init__(self) -> None:
        self._rest = bytearray()
        self._start: bytes | None = b""
        self._ends_with_cr = False

    def feed(self, piece: bytes) -> list[SseEvent]:
        """Events completed by these bytes, in order. Comments are events too."""
        if self._start is not None:
            piece = self._without_bom(self._start + piece)
        if self._ends_with_cr or b"\r" in piece:
            piece = self._with_lf(piece)
        if self._rest:
            piece = self._continued(piece)
        *blocks, rest = piece.split(b"\n\n")
        self._rest += rest
        if len(self._rest) > MAX_EVENT_BYTES:
            raise ValueError("an event of the stream is larger than 8 MiB")
        return [_event(block) for block in blocks if block]

    def close(self) -> list[SseEvent]:
        """The last event, where the stream ended without its blank line."""
        block = bytes(self._rest).strip(b"\n")
        self._rest, self._start, self._ends_with_cr = bytearray(), None, False
        return [_event(block)] if block else []

    def _continued(self, piece: bytes) -> bytes:
        """The piece with the event that it continues, if it ends it; else nothing, all is kept."""
        seam = max(0, len(self._rest) - 1)  # the rest may end in the first half of a blank line
        self._rest += piece
        if self._rest.find(b"\n\n", seam) < 0:
            return b""
        whole, self._rest = bytes(self._rest), bytearray()
        return whole

    def _without_bom(self, stream: bytes) -> bytes:
        """Drop the mark at the very start, once enough bytes are there to tell."""
        if len(stream) < len(_BOM) and _BOM.startswith(stream):
            self._start = stream
            return b""
        self._start = None
        return stream.removeprefix(_BOM)

    def _with_lf(self, piece: bytes) -> bytes:
        """CRLF and CR as LF; the LF of a CRLF may come with the next piece."""
        if self._ends_with_cr and piece:
            piece = piece.removeprefix(b"\n")
            self._ends_with_cr = False
        self._ends_with_cr = self._ends_with_cr or piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _event(block: bytes) -> SseEvent:
    """The event in the lines between two blank lines."""
    match block.split(b"\n"):  # our own frames, and those of the OpenAI dialect
        case [data] if data.startswith(b"data: "):
            return SseEvent(data[6:])
        case [event_id, data] if event_id.startswith(b"id: ") and data.startswith(b"data: "):
            return SseEvent(data[6:], event_id[4:])
        case [event_id, kind, data] if (
            event_id.startswith(b"id: ")
            and kind.startswith(b"event: ")
            and data.startswith(b"data: ")
        ):
            return SseEvent(data[6:], event_id[4:], kind[7:])
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
