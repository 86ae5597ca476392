"""JSON values, one a line, in bytes that come in any pieces. Pure."""

from typing import Final

MAX_LINE_BYTES: Final = 8 * 1024 * 1024


class LineParser:
    """Splits bytes into lines; work is linear also where one line comes in many pieces."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> list[bytes]:
        """Lines completed by these bytes, blank ones left out.

        Raises `ValueError` when one grows beyond 8 MiB.
        """
        head, found, rest = piece.rpartition(b"\n")
        lines: list[bytes] = []
        if found:
            lines = (bytes(self._rest) + head).split(b"\n")
            self._rest.clear()
        self._rest += rest
        if len(self._rest) > MAX_LINE_BYTES:
            raise ValueError("a line of the stream is larger than 8 MiB")
        return [line for line in map(bytes.strip, lines) if line]

    def close(self) -> list[bytes]:
        """The last line, where its end is missing."""
        line = bytes(self._rest).strip()
        self._rest.clear()
        return [line] if line else []
