"""What a session knows of the workspace's files: the bytes that tool results brought. Pure.

The runtime never opens a workspace file. A patch is placed in the content that the model last saw.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from codelab_core.patch.text import sha256_of, split_lf

MAX_BASE_BYTES: Final = 2 * 1_048_576
BOM: Final = b"\xef\xbb\xbf"

Files = Mapping[str, "KnownFile"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `start` to `end` (from 1, inclusive) of one version of a file, as text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class KnownFile:
    """The newest version of a file that this session has seen.

    `content` is the whole file once it is known and its hash was checked; `sha` is `absent` for a
    file known not to exist. `stale`: the client reported other content since.
    """

    sha: str
    content: bytes | None = None
    executable: bool = False
    bom: bool = False
    total_lines: int = 0
    pieces: tuple[Piece, ...] = ()
    stale: bool = False

    @property
    def missing(self) -> tuple[int, int] | None:
        """The first range of lines that was not read yet, or `None`."""
        if self.content is not None or self.sha == "absent":
            return None
        upto = 0
        for piece in sorted(self.pieces, key=lambda piece: piece.start):
            if piece.start > upto + 1:
                return upto + 1, piece.start - 1
            upto = max(upto, piece.end)
        return (upto + 1, self.total_lines) if upto < self.total_lines else None


def learn_read(files: Files, path: str, result: Mapping[str, Any]) -> Files:
    """What a successful `read_file` told; a result without hash is taken at its word."""
    text = result.get("content")
    if not isinstance(text, str):
        return files
    known = files.get(path)
    whole_size = len(text.encode("utf-8", "surrogatepass"))
    bom = result.get("bom") is True
    whole = BOM * bom + text.encode("utf-8", "surrogatepass")
    sha = result.get("sha256")
    if not isinstance(sha, str):
        if result.get("truncated") or whole_size > MAX_BASE_BYTES:
            return files
        sha = sha256_of(whole)
    same = known is not None and known.sha == sha and not known.stale
    file = KnownFile(
        sha=sha,
        executable=result.get("executable") is True,
        bom=bom,
        total_lines=_count(result, "total_lines"),
        pieces=_with(known.pieces if known and same else (), _piece(result, text)),
    )
    if sha256_of(whole) == sha:
        file = replace(file, content=whole, pieces=())
    elif known and same and known.content is not None:
        file = replace(known, stale=False)
    else:
        file = _assembled(file)
    return {**files, path: file}


def learn_write(
    files: Files, path: str, content: bytes | None, *, executable: bool | None = None
) -> Files:
    """The file has exactly these bytes now; `None`: it is gone."""
    known = files.get(path)
    kept = known.executable if known and executable is None else bool(executable)
    return {**files, path: KnownFile(sha256_of(content), content, executable=kept)}


def mark_stale(files: Files, path: str) -> Files:
    """The file is not what the session knows; it must be read again."""
    known = files.get(path)
    return {**files, path: replace(known, stale=True)} if known else files


def _piece(result: Mapping[str, Any], text: str) -> Piece:
    """The lines that one result brought."""
    return Piece(_count(result, "start_line"), _count(result, "end_line"), text)


def _with(pieces: tuple[Piece, ...], new: Piece) -> tuple[Piece, ...]:
    """The pieces and one more, without those that it holds."""
    kept = (old for old in pieces if old.start < new.start or old.end > new.end)
    return (*kept, new)


def _count(result: Mapping[str, Any], name: str) -> int:
    """A whole number of a client's result; anything else is 0."""
    number = result.get(name)
    return number if isinstance(number, int) and not isinstance(number, bool) else 0


def _assembled(file: KnownFile) -> KnownFile:
    """The file with its content, where the pieces cover it and the hash agrees."""
    if file.missing is not None:
        return file
    upto, texts = 0, []
    for piece in sorted(file.pieces, key=lambda piece: (piece.start, -piece.end)):
        if piece.end > upto:
            texts += split_lf(piece.text)[upto + 1 - piece.start :]  # lines that two pieces share
            upto = piece.end
    content = BOM * file.bom + "".join(texts).encode("utf-8", "surrogatepass")
    if sha256_of(content) != file.sha or len(content) > MAX_BASE_BYTES:
        return replace(file, pieces=file.pieces[-1:])
    return replace(file, content=content, pieces=())
