"""Which paths a tool may name: the same text rules in runtime and client.

Pure; what only the disk can tell (symlinks, twins, kinds of file) is the client's workspace.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Final

MAX_PATH_BYTES: Final = 1024
MAX_SEGMENT_BYTES: Final = 255

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_DRIVE: Final = re.compile(r"^[A-Za-z]:")
# Windows opens a device for these names, whatever the extension (Microsoft, "Naming Files").
_DEVICE: Final = re.compile(
    r"^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3]) *([.:].*)?$",
    re.IGNORECASE,
)
# Code points that HFS+ ignores in names, so that ".g\u200cit" is ".git" there (CVE-2014-9390).
_IGNORABLE: Final = re.compile(
    r"[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
# With a colon NTFS opens a stream of the same file (CVE-2019-1352).
_GIT_NAMES: Final = re.compile(r"^(\.git|git~[0-9]+) *(:.*)?$", re.IGNORECASE)


def path_problem(path: str, *, allow_root: bool = False) -> str | None:
    """The rule that a workspace path breaks, or `None` when it is fine.

    A good path is relative, in NFC, uses `/` only and stays inside the tree by its text alone.
    Rules: `empty`, `encoding`, `too_long`, `control`, `backslash`, `absolute`, `drive`, `nfc`,
    `segment`, `reserved`, `trailing`, `device`. With `allow_root` a single `.` is the whole tree.
    """
    if allow_root and path == ".":
        return None
    return _text_problem(path) or next(filter(None, map(_segment_problem, path.split("/"))), None)


def _text_problem(path: str) -> str | None:
    """A rule about the path as a whole."""
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("empty", lambda: not path),
        ("encoding", lambda: _size(path) is None),
        ("too_long", lambda: (_size(path) or 0) > MAX_PATH_BYTES),
        ("control", lambda: _CONTROL.search(path) is not None),
        ("backslash", lambda: "\\" in path),
        ("absolute", lambda: path.startswith("/")),
        ("drive", lambda: _DRIVE.match(path) is not None),
        ("nfc", lambda: not unicodedata.is_normalized("NFC", path)),
    )
    return next((rule for rule, broken in checks if broken()), None)


def _segment_problem(segment: str) -> str | None:
    """A rule about one part between slashes."""
    if segment in {"", ".", ".."} or len(segment.encode()) > MAX_SEGMENT_BYTES:
        return "segment"
    if _GIT_NAMES.match(_IGNORABLE.sub("", segment).rstrip(". ")):
        return "reserved"
    if segment.endswith((".", " ")):
        return "trailing"
    return "device" if _DEVICE.match(segment) else None


def _size(path: str) -> int | None:
    """Bytes in UTF-8, or `None` for text with lone surrogates."""
    try:
        return len(path.encode())
    except UnicodeEncodeError:
        return None


def same_file_key(path: str) -> str:
    """A key under which paths collide that some file system takes for one file."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
