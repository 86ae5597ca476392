"""The part of a file that an anchor encloses: a `@@ class Foo` line or a section heading. Pure.

Where an extent is in doubt it is taken too short: then a hunk stays ambiguous, and is refused.
"""

import re
from collections.abc import Sequence
from typing import Final

from codelab_core.patch.search_index import INDENT, SearchIndex, indent_of

_SIGNATURE_END: Final = re.compile(r"\).*[:{]")
_OPENING: Final = frozenset("{[(")
_CLOSING: Final = re.compile(r"[)\]}]+[;,]?|end;?")


def enclosed(anchors: Sequence[str], index: SearchIndex) -> range | None:
    """The lines from the innermost usable anchor to the end of what it encloses.

    An anchor is usable when it occurs once, inside the one before it. `None` when none is.
    """
    region: range | None = None
    within = range(len(index.texts))
    for anchor in anchors:
        at = index.single(anchor, within)
        if at is not None:
            region = within = range(at, _extent(index, at))
    return region


def _extent(index: SearchIndex, anchor: int) -> int:
    """The first line after the anchor that is no longer enclosed by it."""
    outer = indent_of(index.texts[anchor])
    closed = False
    for at in range(anchor + 1, len(index.texts)):
        index.budget.spend(1)
        text = index.texts[at]
        if text.strip(INDENT) and (closed or not _is_deeper(text, outer)):
            if closed or not _continues(index.texts, at, anchor):
                return at
            closed = _CLOSING.fullmatch(text.strip(INDENT)) is not None
    return len(index.texts)


def _is_deeper(text: str, outer: str) -> bool:
    """Whether a line is indented by all of `outer` and more."""
    return text.startswith(outer) and text[len(outer) : len(outer) + 1] in {" ", "\t"}


def _continues(texts: Sequence[str], at: int, anchor: int) -> bool:
    """Whether a line no deeper than its anchor still belongs to it: brackets and the like."""
    text = texts[at].strip(INDENT)
    opens = at == anchor + 1 and text in _OPENING
    return opens or bool(_SIGNATURE_END.fullmatch(text) or _CLOSING.fullmatch(text))
