"""A text file as lines that keep their ends, and the hash that stands for its bytes. Pure.

The text of the file is the concatenation of its lines: nothing is normalised, so that lines nobody
touched come out byte for byte.
"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, Self

from codelab_core.tool_errors import ToolCode, ToolError

Eol = Literal["lf", "crlf", "cr", "mixed", "none"]

BOM: Final = "\ufeff"
ABSENT: Final = "absent"

_LF_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_CR_LINE: Final = re.compile(r"[^\r]*\r|[^\r]+")
_EOL_NAMES: Final[dict[str, Eol]] = {"\n": "lf", "\r\n": "crlf", "\r": "cr"}


@dataclass(frozen=True, slots=True)
class TextFile:
    """The lines of a file, each with its own end; an empty file has none.

    Lines end at LF, so that CRLF keeps its CR and a lone CR is a character like any other; only
    where a text has CRs and no LF at all do lines end at CR. A BOM is no part of the first line.
    """

    lines: tuple[str, ...]
    bom: bool

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Decode UTF-8, with or without BOM.

        Raises `ToolError`: `BINARY_FILE` {size} for a NUL, `ENCODING_ERROR` {offset} of the first
        byte that is not UTF-8.
        """
        if b"\0" in content:
            message = "The file is binary: it has NUL bytes."
            raise ToolError(ToolCode.BINARY_FILE, message, size=len(content))
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            message = f"The file is not UTF-8: byte {error.start} fits no character."
            raise ToolError(ToolCode.ENCODING_ERROR, message, offset=error.start) from None
        return cls.from_text(text.removeprefix(BOM), bom=text.startswith(BOM))

    @classmethod
    def from_text(cls, text: str, *, bom: bool) -> Self:
        """Split `text`, which has no BOM of its own."""
        lines = _CR_LINE.findall(text) if "\r" in text and "\n" not in text else split_lf(text)
        shared: dict[str, str] = {}  # a file of a million equal lines needs one of them
        return cls(tuple(map(shared.setdefault, lines, lines)), bom)

    def to_bytes(self) -> bytes:
        """The whole file, BOM included."""
        return self.raw_text.encode()

    @property
    def raw_text(self) -> str:
        """The whole file as one string, BOM included."""
        return (BOM if self.bom else "") + "".join(self.lines)

    @property
    def eol(self) -> Eol:
        """How lines end; `mixed` for more than one way, a missing end of the last line aside."""
        text = "".join(self.lines)
        crlf = text.count("\r\n")
        ends = {"\r\n": crlf, "\n": text.count("\n") - crlf, "\r": text.count("\r") - crlf}
        used = [name for end, name in _EOL_NAMES.items() if ends[end]]
        return "mixed" if len(used) > 1 else used[0] if used else "none"

    @property
    def cut_at_cr(self) -> bool:
        """Whether lines end at CR, because the text has no other line end."""
        return bool(self.lines) and self.lines[0].endswith("\r")

    @property
    def ends_bare(self) -> bool:
        """Whether there is a last line and it has no end."""
        newline = "\r" if self.cut_at_cr else "\n"
        return bool(self.lines) and not self.lines[-1].endswith(newline)

    @property
    def usual_end(self) -> str:
        """The line end that most lines have; LF where none has any."""
        if self.cut_at_cr:
            return "\r"
        ends = Counter(map(end_of, self.lines))
        del ends[""]
        return ends.most_common(1)[0][0] if ends else "\n"

    def texts(self) -> list[str]:
        """The lines without their ends."""
        if self.cut_at_cr:
            return [line.removesuffix("\r") for line in self.lines]
        return [without_end(line) for line in self.lines]


def split_lf(text: str) -> list[str]:
    """The lines of `text` with their ends, cut after each LF only, as git does it."""
    return _LF_LINE.findall(text)


def without_end(line: str) -> str:
    """A line less its LF or CRLF; a CR alone is no line end here."""
    return line[:-2] if line.endswith("\r\n") else line.removesuffix("\n")


def end_of(line: str) -> str:
    """What `without_end` takes away: LF, CRLF or nothing."""
    return line[len(without_end(line)) :]


def sha256_of(content: bytes | None) -> str:
    """64 hex digits for the bytes of a file, `absent` where there is none."""
    return ABSENT if content is None else hashlib.sha256(content).hexdigest()
