"""Tool names as providers allow them, one table per request. Pure.

Providers take `^[A-Za-z0-9_-]{1,64}$` only; our names may hold dots (`git.diff`).
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

MAX_CHARS: Final = 64
_FOREIGN: Final = re.compile(r"[^A-Za-z0-9_-]")
_SUFFIX_DIGITS: Final = 8


class ToolNames:
    """Both directions between our names and the provider's, for the tools of one request.

    The table depends on the set of names only, not on their order. A name that is legal keeps
    itself; of names that would collide or be cut, the others end in `_` and 8 hex digits of their
    SHA-256.
    """

    __slots__ = ("_ours", "_theirs")

    def __init__(self, names: Iterable[str]) -> None:
        known = set(names)
        shared = Counter(map(_plain, known))
        self._theirs = {
            name: name if name == _plain(name) else _distinct(name, shared[_plain(name)])
            for name in known
        }
        self._ours = {theirs: name for name, theirs in self._theirs.items()}

    def to_provider(self, name: str) -> str:
        """The provider's form of a name."""
        return self._theirs.get(name, name)

    def from_provider(self, name: str) -> str:
        """Our form of a name; one that the model invented passes through."""
        return self._ours.get(name, name)


def _plain(name: str) -> str:
    """A name with every foreign character replaced, cut to the length that is allowed."""
    return _FOREIGN.sub("_", name)[:MAX_CHARS]


def _distinct(name: str, sharing: int) -> str:
    """The plain form, with a suffix where it was cut or where `sharing` > 1 names have it."""
    if sharing == 1 and len(name) <= MAX_CHARS:
        return _plain(name)
    digits = hashlib.sha256(name.encode()).hexdigest()[:_SUFFIX_DIGITS]
    return f"{_plain(name)[: MAX_CHARS - 1 - _SUFFIX_DIGITS]}_{digits}"
